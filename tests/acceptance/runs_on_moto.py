"""An account in which whole runs are driven: moto's Step Functions calls our handlers.

- moto answers Step Functions, whose interpreter runs the definition that the template has, and
  DynamoDB, S3, SNS and SQS.
- AWS Batch is the strict fake. moto's own ends every job at once, knows no dependencies and takes
  any name.
- Lambda is `functions.py`: moto would start containers.
- EventBridge is the test: it hands on what it says is told.

Waits of the state machine take real time. The clock of functions and jobs is moved by a second with
each call of a function, so that a run takes the same course however fast the machine is.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import boto3  # noqa: TID251 - the account's own clients
import pytest
from boto3.dynamodb.types import TypeSerializer  # noqa: TID251
from botocore.config import Config  # noqa: TID251
from moto import mock_aws

from chalicelib.aws.clients import Clients
from chalicelib.aws.names import archive_of
from chalicelib.bootstrap.on_aws import Account, Timing, wire
from chalicelib.core.batch import Submission
from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import MAX_TURNS, DrivingPorts
from chalicelib.local.clock import SystemClock
from chalicelib.local.memory_queue import FakeSettings, VirtualClock
from chalicelib.local.slots import Capacity
from chalicelib.services import operations
from tests.acceptance.functions import Functions, answering
from tests.aws import tables
from tests.simulation.chance import Chance
from tests.strict.aws import StrictAws
from tests.strict.batch import FakeBatch
from tests.strict.bus import matches
from tests.strict.resources import patterns, resources, settings

QUEUE = "SampleJobQueue-5da08f800c56cd4"  # as in the documents of the first version
DEFINITION = "SampleJobDefinition-49e0468e4a867f5"
TOPIC = "StepFunctionsSample-TaskTimer-45ecbddc-ab41-6310-1209-4e9f55e8a709-SNSTopic-ZVOI2L5XGS6X"
_MACHINE = "batch-scheduler-dev"
_OWN_ARN = f"{tables.REGION}:{tables.ACCOUNT}"
_ENDLESS = 1e9  # s that a job takes which is not meant to end by itself
_SWITCHES: Any = {"stepfunctions": {"execute_state_machine": True}}
SUCCEEDED, ABORTED = ("SUCCEEDED", ""), ("ABORTED", "")  # how executions end
FAILED, DRIVER_FAILED = ("FAILED", "RunDidNotSucceed"), ("FAILED", "DriverFailed")
_PATIENCE = 60.0  # s
_LOOK = 0.05  # s between two looks while no function is called

Result = TypeVar("Result")


class _Factory:
    """Makes clients of moto's services, and of the strict Batch."""

    def __init__(self, session: Any, strict: StrictAws) -> None:
        self._session = session
        self._strict = strict

    def client(self, service_name: str, *, config: Config) -> Any:
        if service_name == "batch":
            return self._strict.client(service_name)
        return self._session.client(service_name, config=config)


class Rehearsal:
    """A stage, and a person in front of it."""

    def __init__(self, turns: int) -> None:
        session = boto3.session.Session("test", "test", region_name=tables.REGION)
        self.failing: set[str] = set()  # names of jobs that exit with 1
        self.endless: set[str] = set()  # names of jobs that run until they are ended
        self.job_seconds = 0.1  # that every other job takes
        self.clock = VirtualClock(SystemClock()())
        self._strict = StrictAws(self.clock)
        room = FakeSettings(capacity=Capacity(256.0, 1_000_000))
        self.batch = FakeBatch(self.clock, self._strict.events, self._script, room)
        self._strict.serve("batch", self.batch.service())
        self.clients = Clients(_Factory(session, self._strict))
        self._make()
        self._stage = replace(settings().stage, turns=turns)
        self.ports = self._process()
        prefix = f"arn:aws:lambda:{_OWN_ARN}:function:{_MACHINE}-"
        self.functions = Functions(prefix, self._process, lambda: self.batch.advance(1.0))

    def _make(self) -> None:
        tables.make(self.clients)
        self.clients["s3"].put_bucket_versioning(
            Bucket=tables.BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        archive = archive_of(tables.STAGE, tables.ACCOUNT, tables.REGION)
        self.clients["s3"].create_bucket(
            Bucket=archive, CreateBucketConfiguration={"LocationConstraint": tables.REGION}
        )
        self.batch.registry.make_queue(QUEUE)
        self.batch.registry.register(DEFINITION, {"command": ["true"]})
        self.clients["stepfunctions"].create_state_machine(
            name=_MACHINE,
            definition=resources("AWS::StepFunctions::StateMachine")[0]["DefinitionString"],
            roleArn=f"arn:aws:iam::{tables.ACCOUNT}:role/{_MACHINE}-state-machine",
        )
        self._mailbox = self.clients["sqs"].create_queue(QueueName="mailbox")["QueueUrl"]
        self.subscribe(_MACHINE)
        self.subscribe(TOPIC)

    def _process(self) -> DrivingPorts:
        """The ports of a process that begins."""
        where = Account("aws", tables.REGION, tables.ACCOUNT, "ann")
        timing = Timing(clock=self.clock, sleep=self.batch.advance, chance=Chance("moto"))
        return wire(self._stage, self.clients, where, timing)

    def _script(self, submission: Submission, _attempt: int) -> tuple[float, int]:
        name = submission.tags["batch-scheduler:job"]
        seconds = _ENDLESS if name in self.endless else self.job_seconds
        return seconds, int(name in self.failing)

    # What a person does

    def subscribe(self, topic: str) -> None:
        """Make a topic, and have its messages put into the mailbox."""
        arn = self.clients["sns"].create_topic(Name=topic)["TopicArn"]
        mailbox = f"arn:aws:sqs:{_OWN_ARN}:mailbox"
        self.clients["sns"].subscribe(TopicArn=arn, Protocol="sqs", Endpoint=mailbox)

    def upload(self, document: Mapping[str, Any]) -> None:
        """Put a schedule into the bucket, of which EventBridge tells."""
        key = f"{document['scheduleId']}.json"
        with self.functions.lock:
            self.clients["s3"].put_object(
                Bucket=tables.BUCKET, Key=key, Body=json.dumps(document).encode()
            )
        self.tell("schedule_uploaded", {"object": {"key": key}})

    def start(self, name: str, message: Mapping[str, Any]) -> None:
        """Start an execution by hand."""
        with self.functions.lock:
            self.clients["stepfunctions"].start_execution(
                stateMachineArn=f"arn:aws:states:{_OWN_ARN}:stateMachine:{_MACHINE}",
                name=name,
                input=json.dumps(message),
            )

    def abort(self, name: str) -> None:
        """Stop an execution.

        moto looks at it once the state is over, so a wait for a token is ended for it.
        """
        with self.functions.lock:
            states = self.clients["stepfunctions"]
            states.stop_execution(executionArn=_execution_arn(name))
            for call in self.functions.called("wait_for_change")[-1:]:
                if call.event["leg"]["driver"] == name:
                    states.send_task_success(taskToken=call.event["token"], output="{}")

    def cancel(self) -> None:
        """Cancel the run, as the terminal does."""
        order = Order(act=Act.CANCEL, actor="ann", reason="wrong day", at=self.clock())
        with self.functions.lock:
            operations.cancel(self.ports, self.header().run_id, order)

    def put_item(self, table: str, item: Mapping[str, Any]) -> None:
        """Put an item as it is, in the console."""
        with self.functions.lock:
            values = TypeSerializer().serialize(dict(item))["M"]
            self.clients["dynamodb"].put_item(TableName=table, Item=values)

    def type_status(self, job: str, status: str) -> None:
        """Write a status into a job's item, in the console."""
        with self.functions.lock:
            self.clients["dynamodb"].update_item(
                TableName=tables.TABLES.jobs,
                Key={"run": {"S": self.header().run_id}, "jobName": {"S": job}},
                UpdateExpression="SET jobStatus = :status",
                ExpressionAttributeValues={":status": {"S": status}},
            )

    def pass_time(self, seconds: float) -> None:
        """Let jobs run on."""
        with self.functions.lock:
            self.batch.advance(seconds)

    # What EventBridge does

    def tell(self, function: str, detail: Mapping[str, Any]) -> Any:
        """Call a function with an event."""
        event = {
            "version": "0",
            "id": "0",
            "account": tables.ACCOUNT,
            "region": tables.REGION,
            "source": "aws",
            "detail-type": "",
            "time": "2026-01-01T00:00:00Z",
            "resources": [],
            "detail": dict(detail),
        }
        return self.functions.invoke(function, event)

    def reconcile(self) -> int:
        """Let time pass, as between two calls of it; how many runs it found."""
        self.pass_time(300.0)
        found: int = self.tell("reconcile", {})["found"]
        return found

    def tell_of_jobs(self) -> None:
        """Hand on what Batch has told, as far as the rule of `job_state_changed` asks for it."""
        rule = patterns()["job_state_changed"]
        with self.functions.lock:
            events, self._strict.events[:] = list(self._strict.events), []
            for event in events:
                if matches(rule, event):
                    self.functions.invoke("job_state_changed", event)

    # What there is to see

    def execution(self, name: str) -> dict[str, Any]:
        with self.functions.lock:
            described: dict[str, Any] = self.clients["stepfunctions"].describe_execution(
                executionArn=_execution_arn(name)
            )
        return described

    def ended(self, name: str) -> tuple[str, str]:
        """Wait for the end of an execution: its status, and its error."""

        def described() -> dict[str, Any] | None:
            found = self.execution(name)
            return found if found["status"] != "RUNNING" else None

        found = self.until(described)
        return found["status"], found.get("error", "")

    def until(self, look: Callable[[], Result | None]) -> Result:
        """Wait for something that happens with, or shortly after, a call of a function."""
        limit = monotonic() + _PATIENCE
        with self.functions.lock:
            while not (result := look()):
                assert monotonic() < limit, "it does not happen"
                self.functions.called_again.wait(_LOOK)
        return result

    def executions(self) -> list[str]:
        """The names of all executions, oldest first."""
        arn = f"arn:aws:states:{_OWN_ARN}:stateMachine:{_MACHINE}"
        with self.functions.lock:
            listed = self.clients["stepfunctions"].list_executions(stateMachineArn=arn)
        found = sorted(listed["executions"], key=lambda each: each["startDate"])
        return [each["name"] for each in found]

    def history(self, name: str) -> list[dict[str, Any]]:
        with self.functions.lock:
            found: list[dict[str, Any]] = self.clients["stepfunctions"].get_execution_history(
                executionArn=_execution_arn(name)
            )["events"]
        return found

    def header(self) -> RunHeader:
        """The run, once there is one."""
        with self.functions.lock:
            [header] = self.until(self.ports.runs.find_headers)
        return header

    def started_at(self) -> str:
        """The start of the run, as messages name it."""
        return self.header().run_id.partition("/")[2]

    def statuses(self) -> dict[str, str]:
        """The status of each job of the run."""
        with self.functions.lock:
            records = self.ports.runs.find_jobs(self.header().run_id)
        return {record.spec.name: str(record.state.status) for record in records}

    def submitted(self) -> list[str]:
        """The jobs that Batch was given, in order."""
        with self.functions.lock:
            return [each.tags["batch-scheduler:job"] for each in self.batch.submissions.values()]

    def notices(self) -> list[dict[str, Any]]:
        """Take what has come into the mailbox, oldest first."""
        found: list[dict[str, Any]] = []
        with self.functions.lock:
            while (
                messages := self.clients["sqs"]
                .receive_message(QueueUrl=self._mailbox, MaxNumberOfMessages=10)
                .get("Messages", ())
            ):
                found += [json.loads(message["Body"]) for message in messages]
                for message in messages:
                    self.clients["sqs"].delete_message(
                        QueueUrl=self._mailbox, ReceiptHandle=message["ReceiptHandle"]
                    )
        return found

    def archived(self) -> list[str]:
        """The addresses of what is in the archive."""
        archive = archive_of(tables.STAGE, tables.ACCOUNT, tables.REGION)
        with self.functions.lock:
            listed = self.clients["s3"].list_objects_v2(Bucket=archive).get("Contents", ())
        return [each["Key"] for each in listed]

    def stop(self) -> None:
        """End every execution, so that none goes on after its account."""
        for name in self.executions():
            if self.execution(name)["status"] == "RUNNING":
                # moto can stop only what has begun to write its history.
                self.until(partial(self.history, name))
                self.abort(name)
                self.ended(name)


@contextmanager
def rehearsal(turns: int = MAX_TURNS) -> Iterator[Rehearsal]:
    """A new account with an empty stage in it."""
    with mock_aws(config=_SWITCHES), pytest.MonkeyPatch.context() as environment:
        opened = Rehearsal(turns)
        # Where moto's interpreter looks for Lambda.
        environment.setenv("AWS_ENDPOINT_URL_LAMBDA", opened.functions.url)
        with answering(opened.functions):
            try:
                yield opened
            finally:
                opened.stop()


def failing_with(error: Exception) -> Callable[[], None]:
    """Something that fails so, before a function begins."""

    def fail() -> None:
        raise error

    return fail


def states_entered(history: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of the states that an execution went through."""
    return [state for event in history if (state := entered(event))]


def entered(event: Mapping[str, Any]) -> str:
    """The name of the state whose begin an event of a history tells; else empty."""
    return str(event.get("stateEnteredEventDetails", {}).get("name", ""))


def _execution_arn(name: str) -> str:
    return f"arn:aws:states:{_OWN_ARN}:execution:{_MACHINE}:{name}"
