"""The adapters' world on moto: a factory of clients, and Batch with a queue and a definition."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from moto import mock_aws

from chalicelib.aws.clients import Clients

QUEUE = "daily"
DEFINITION = "extract"


_SESSION = boto3.session.Session("test", "test", region_name="eu-central-1")


@cache
def _client(service_name: str, config: Config) -> Any:
    return _SESSION.client(service_name, config=config)


class _Kept:
    """Makes each client once for all tests: botocore takes 50 ms for one, and it keeps nothing."""

    def client(self, service_name: str, *, config: Config) -> Any:
        return _client(service_name, config)


@contextmanager
def moto() -> Iterator[Clients]:
    """Clients whose services are moto's; its Batch ends every job as soon as it is submitted."""
    with mock_aws(config={"batch": {"use_docker": False}, "core": {"mock_credentials": True}}):
        yield Clients(_Kept())


def set_up_batch(clients: Clients) -> None:
    """Make the queue and the first revision of the definition."""
    ec2, iam, batch = clients["ec2"], clients["iam"], clients["batch"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="environment",
        type="MANAGED",
        state="ENABLED",
        serviceRole=role,
        computeResources={
            "type": "FARGATE",
            "maxvCpus": 4,
            "subnets": [subnet],
            "securityGroupIds": [group],
        },
    )
    batch.create_job_queue(
        jobQueueName=QUEUE,
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[
            {"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}
        ],
    )
    register(clients)


def register(clients: Clients, name: str = DEFINITION) -> dict[str, Any]:
    """Register one more revision of a definition."""
    registered: dict[str, Any] = clients["batch"].register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={
            "image": "busybox",
            "command": ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "512"},
            ],
        },
    )
    return registered
