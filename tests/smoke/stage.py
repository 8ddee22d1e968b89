"""A stage on the strict fake of AWS, with everything that the smoke test asks it about."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from string import Template
from typing import Any

import app
from chalicelib.aws.clients import Clients
from chalicelib.bootstrap import serving
from chalicelib.bootstrap.on_aws import Timing, account_of, wire
from chalicelib.config import Settings, read_settings
from chalicelib.core.batch import Submission
from chalicelib.local.memory_queue import FakeSettings, VirtualClock
from chalicelib.local.slots import Capacity
from chalicelib.ports import DrivingPorts
from smoke.command import trial_of
from smoke.trial import Trial
from tests.aws import tables
from tests.simulation.chance import Chance
from tests.simulation.driven_world import Context
from tests.smoke.others import Functions, Letters, Logs, alarms, roles, stacks
from tests.smoke.told_machine import ToldMachine, told_states
from tests.strict.answers import Service
from tests.strict.aws import StrictAws
from tests.strict.batch import FakeBatch
from tests.strict.batch_answers import stream_of
from tests.strict.dynamodb import FakeDynamo
from tests.strict.others import FakeTopics, tokens
from tests.strict.s3 import FakeS3
from tests.strict.states import FakeStates

NAME = "batch-scheduler-dev"
_START = 30.0  # s that a Fargate task takes to start, here
_RECONCILE = 300.0  # s, as in app.py
_ARCHIVE = f"batch-scheduler-archive-dev-{tables.ACCOUNT}-{tables.REGION}"


def script(submission: Submission, _attempt: int) -> tuple[float, int]:
    """What the shell makes of the parameter `script`: seconds, and an exit code."""
    word, _, number = submission.request["parameters"]["script"].partition(" ")
    seconds = float(number) if word == "sleep" else 1.0
    return _START + seconds, int(number) if word == "exit" else 0


class Shell(FakeBatch):
    """Writes into the logs what `echo` would say, as the container does with its variables."""

    def _start(self) -> None:
        before = len(self.starts)
        super()._start()
        for start in self.starts[before:]:
            request = self.submissions[start.job_id].request
            word, _, said = request["parameters"]["script"].partition(" ")
            variables = request["containerOverrides"]["environment"]
            given = {each["name"]: each["value"] for each in variables}
            if word == "echo":
                text = Template(said).safe_substitute(given | {"AWS_BATCH_JOB_ID": start.job_id})
                stream = stream_of(self._jobs[start.job_id], start.attempt)
                self.streams[stream] = [(self._at, text)]


class Stage:
    """An account with one stage. What is public may be changed, to let AWS behave otherwise."""

    def __init__(self, lag: float = 0.0, described_after: float = 0.0) -> None:
        self.clock = VirtualClock()
        self.aws = StrictAws(self.clock)
        self.hears = True  # whether EventBridge tells of events
        self.ticks = True  # and calls reconcile
        self.dynamo, self.s3 = FakeDynamo(self.aws), FakeS3(self.aws)
        room = FakeSettings(capacity=Capacity(64, 65_536), listing_lag=lag)
        self.batch = Shell(self.clock, self.aws.events, script, room)
        self.machine = ToldMachine(self.clock, self._invoke)
        self.states = FakeStates(
            self.clock, self.aws.events, self.machine, NAME, lag=described_after
        )
        self.functions = Functions(self.clock, self._invoke)
        self.letters = Letters(self.functions)
        self.logs = Logs(self.batch.streams)
        self.roles = roles()
        self._serve()
        self._settle()
        self._ports = self._wired()
        self._reconciled = self.clock()

    def trial(self) -> Trial:
        made = trial_of(self._settings(), Clients(self.aws), self.clock, self.pass_time)
        made.ports = self._ports
        return made

    def instead(self, name: str, operation: str, change: Callable[[Any], Any]) -> None:
        """Let an operation's answers be changed."""
        service = self._services[name]
        answer = service.operations[operation]
        changed = {operation: lambda params: change(answer(params))}
        self._services[name] = replace(service, operations={**service.operations, **changed})
        self.aws.serve(name, self._services[name])

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and all that happens in it."""
        for _ in range(round(seconds)):
            self.batch.advance(1.0)
            while self.machine.run_due():
                pass
            self.states.tell()
            self.functions.work()
            self._deliver()
            self._reconcile()

    def _serve(self) -> None:
        self._services: dict[str, Service] = {
            "dynamodb": with_expiry(self.dynamo),
            "s3": with_deletion(self.s3),
            "batch": self.batch.service(),
            "stepfunctions": told_states(self.states, self.machine),
            "sns": FakeTopics(NAME).service(),
            "logs": self.logs.service(),
            "sts": tokens(),
            "lambda": self.functions.service(),
            "sqs": self.letters.service(),
            "cloudwatch": alarms(self.machine, self.clock),
            "iam": self.roles,
            "cloudformation": stacks(),
        }
        for name, service in self._services.items():
            self.aws.serve(name, service)

    def _settle(self) -> None:
        """Make what the template makes."""
        for definition in tables.DEFINITIONS:
            self.dynamo.create(definition)
        self.s3.create(tables.BUCKET)
        self.s3.create(_ARCHIVE, tells=False)
        self.batch.registry.make_queue(NAME)
        self.batch.registry.register(
            f"{NAME}-shell", {"command": ["/bin/sh", "-c", "Ref::script"]},
            parameters={"script": "echo hello"},
        )  # fmt: skip

    def _settings(self) -> Settings:
        return read_settings({}, said={"edition": "aws", "stage": "dev"})

    def _wired(self) -> DrivingPorts:
        """The ports of the stage, with a budget that waits in virtual time."""
        clients, stage = Clients(self.aws), self._settings().stage
        timing = Timing(clock=self.clock, sleep=self.clock.advance, chance=Chance(1))
        return wire(stage, clients, account_of(clients), timing)

    def _invoke(self, function: str, event: Any) -> Any:
        with self._logged(function), serving(self._ports):
            return getattr(app, function)(event, Context())

    @contextmanager
    def _logged(self, function: str) -> Iterator[None]:
        """Keep what Lambda writes into the function's log: each call, and warnings."""
        lines = self.logs.of(function)
        lines.append((self.clock.milliseconds, "START RequestId: 8f2b1c1e"))
        handler = _Keep(lines, self.clock)
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)

    def _deliver(self) -> None:
        told, self.aws.events[:] = list(self.aws.events), []
        for event in told if self.hears else ():
            function = _receiver(event)
            if function:
                self.functions.call_later(function, event)

    def _reconcile(self) -> None:
        if self.ticks and (self.clock() - self._reconciled).total_seconds() >= _RECONCILE:
            self._reconciled = self.clock()
            self.functions.call_later("reconcile", {**_TICK, "detail": {}})


_TICK = {
    "version": "0", "id": "0", "account": tables.ACCOUNT, "region": tables.REGION,
    "source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-01-01T00:00:00Z",
    "resources": [],
}  # fmt: skip


class _Keep(logging.Handler):
    def __init__(self, lines: list[tuple[int, str]], clock: VirtualClock) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        stamp = f"[{record.levelname}]\t{self._clock():%Y-%m-%dT%H:%M:%S}.000Z\t8f2b1c1e\t"
        self._lines.append((self._clock.milliseconds, f"{stamp}{record.getMessage()}\n"))


def _receiver(event: dict[str, Any]) -> str:
    """The function whose rule in app.py matches the event; empty for none."""
    detail = event["detail"]
    match event["detail-type"]:
        case "Batch Job State Change":
            return "job_state_changed" if detail["status"] in ("SUCCEEDED", "FAILED") else ""
        case "Batch Job Queue Blocked":
            return "job_state_changed"
        case "Step Functions Execution Status Change":
            return "execution_ended" if detail["status"] in ("ABORTED", "TIMED_OUT") else ""
        case "Object Created":
            is_document = detail["object"]["key"].endswith((".json", ".yaml", ".yml"))
            return "schedule_uploaded" if is_document else ""
    return ""


def with_expiry(dynamo: FakeDynamo) -> Service:
    service = dynamo.service()

    def describe(params: Any) -> dict[str, Any]:
        attribute = tables.TTL.get(params["TableName"])
        told = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}
        return {"TimeToLiveDescription": told if attribute else {"TimeToLiveStatus": "DISABLED"}}

    return replace(service, operations={**service.operations, "DescribeTimeToLive": describe})


def with_deletion(s3: FakeS3) -> Service:
    """Versions listed and deleted, as the owner of a bucket may."""
    service = s3.service()

    def listed(params: Any) -> dict[str, Any]:
        bucket = s3.buckets[params["Bucket"]]
        found = [
            {"Key": key, "VersionId": each.id}
            for key, versions in bucket.objects.items()
            if key.startswith(params["Prefix"])
            for each in versions
        ]
        return {"Versions": found, "IsTruncated": False}

    def deleted(params: Any) -> dict[str, Any]:
        bucket = s3.buckets[params["Bucket"]]
        for named in params["Delete"]["Objects"]:
            kept = [v for v in bucket.objects[named["Key"]] if v.id != named["VersionId"]]
            bucket.objects[named["Key"]] = kept
            if not kept:
                del bucket.objects[named["Key"]]
        return {}

    more = {"ListObjectVersions": listed, "DeleteObjects": deleted}
    return replace(service, operations={**service.operations, **more})
