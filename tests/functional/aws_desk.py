"""A terminal before a stage on moto: the program itself, with settings as a person has them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

import app
from chalicelib.aws.clients import Clients
from chalicelib.aws.names import archive_of
from chalicelib.bootstrap import serving
from chalicelib.bootstrap.on_aws import stage_ports
from chalicelib.cli.main import main
from chalicelib.config import read_settings
from chalicelib.core.naming import execution_name, start_text
from chalicelib.core.run import RunHeader
from tests.aws import on_moto, tables

STAGE = ("--edition", "aws", "--stage", tables.STAGE)
ARCHIVE = archive_of(tables.STAGE, tables.ACCOUNT, tables.REGION)
NAME = f"batch-scheduler-{tables.STAGE}"
_DEFINITION = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}})
_MOST_STEPS = 60


@cache
def _session(region: str) -> Any:
    """One for all desks: it keeps the models of services that it has read."""
    return boto3.session.Session("test", "test", region_name=region)


class Lambda:
    """What Lambda tells a function of itself."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


class AwsDesk:
    """Types verbs at a stage, and lets its functions do what the state machine has them do."""

    def __init__(self, screen: pytest.CaptureFixture[str], region: str) -> None:
        self._screen = screen
        session = _session(region)
        self.clients = Clients(session)
        said = {"edition": "aws", "stage": tables.STAGE}
        self.ports = stage_ports(read_settings({"AWS_REGION": region}, said=said), session)
        self.runs = self.ports.runs

    def type(self, *words: str, stage: tuple[str, ...] = STAGE) -> tuple[int, str, str]:
        """The exit code of a verb, its standard output and its standard error."""
        code = main([*words, *stage])
        said = self._screen.readouterr()
        return code, said.out, said.err

    def read(self, *words: str) -> str:
        """What a verb that succeeds prints."""
        code, out, err = self.type(*words)
        assert code == 0, err
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self.read(*words, "--json"))

    def refused(self, code: int, *words: str, stage: tuple[str, ...] = STAGE) -> str:
        """The one sentence that a verb fails with."""
        found, out, err = self.type(*words, stage=stage)
        assert (found, out) == (code, ""), err
        [sentence] = err.splitlines()
        return sentence

    def drive(self, run_id: str) -> RunHeader:
        """Take the run's turns until it ends, or waits for a person."""
        header = self.runs.get_header(run_id)
        name = header.driver or execution_name(run_id, header.generation, header.handovers)
        message = {
            "scheduleId": header.schedule_id,
            "startDateTime": start_text(header.started_at),
            "scheduleStatus": "CONTINUE",
        }
        self.execute(name, message)
        return self.runs.get_header(run_id)

    def execute(self, name: str, message: Any) -> str:
        """What an execution that was started with this input does; gives the run's id."""
        given = {"input": message, "execution": name, "startedAt": "2026-11-23T12:00:00.000Z"}
        with serving(self.ports):
            leg = app.get_schedule(given, Lambda())
            for _ in range(_MOST_STEPS):
                if leg["next"] == "end":
                    break
                leg = _step(leg)
        return str(leg["run_id"])


def _step(leg: dict[str, Any]) -> dict[str, Any]:
    """One state of the machine; moto's jobs end by themselves, so that nobody need wait."""
    match leg["next"]:
        case "submit":
            following = app.submit_jobs(leg, Lambda())
        case "wait":
            following = app.poll_jobs(leg, Lambda())
        case "record":
            following = app.record_history(leg, Lambda())
        case _:
            following = app.notify(leg, Lambda())
    waits = following["next"] == "wait" and following["wait"] > 60  # for a person
    return {**following, "next": "end"} if waits else dict(following)


@contextmanager
def desk_on_aws(
    screen: pytest.CaptureFixture[str],
    environment: pytest.MonkeyPatch,
    region: str = tables.REGION,
) -> Iterator[AwsDesk]:
    """A stage in an account of its own; the environment is that of a person who may do all."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "BATCH_SCHEDULER_EDITION"):
        environment.delenv(name, raising=False)
    with mock_aws(config={"batch": {"use_docker": False}}):
        environment.setenv("AWS_REGION", region)
        _deploy(Clients(_session(region)), region)
        yield AwsDesk(screen, region)


def _deploy(clients: Clients, region: str) -> None:
    tables.make(clients, region)
    tables.make_bucket(clients, archive_of(tables.STAGE, tables.ACCOUNT, region), region)
    clients["sns"].create_topic(Name=NAME)
    role = clients["iam"].create_role(RoleName="sfn", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    clients["stepfunctions"].create_state_machine(name=NAME, definition=_DEFINITION, roleArn=role)
    make_queue(clients, on_moto.QUEUE)
    on_moto.register(clients)


def make_queue(clients: Clients, name: str) -> None:
    """A queue whose compute environment is the user's own."""
    batch = clients["batch"]
    role = clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]
    environment = batch.create_compute_environment(
        computeEnvironmentName=name, type="UNMANAGED", serviceRole=role["Arn"]
    )
    order = {"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}
    batch.create_job_queue(
        jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=[order]
    )
