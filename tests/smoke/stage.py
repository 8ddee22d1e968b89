"""A strict stage, with everything else that the smoke test asks it about."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from string import Template
from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.bootstrap.on_aws import Timing
from chalicelib.core.batch import Submission
from chalicelib.local.memory_queue import FakeSettings, VirtualClock
from chalicelib.local.slots import Capacity
from smoke.command import trial_of
from smoke.trial import Trial
from tests.aws import tables
from tests.simulation.chance import Chance
from tests.smoke.others import Functions, Letters, Logs, alarms, roles, stacks
from tests.smoke.told_machine import ToldMachine, told_states
from tests.strict import resources
from tests.strict.answers import Service
from tests.strict.batch import FakeBatch
from tests.strict.batch_answers import stream_of
from tests.strict.dynamodb import FakeDynamo
from tests.strict.s3 import FakeS3
from tests.strict.stage import Setup, StrictStage
from tests.strict.states import FakeStates

_START = 30.0  # s that a Fargate task takes to start, here
_CAPACITY = Capacity(64, 65_536)


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


class Stage(StrictStage):
    """What is public may be changed, to let AWS behave otherwise."""

    def __init__(self) -> None:
        self.has_a_clock = True  # whether functions are called by schedules
        self.logs = Logs({})
        super().__init__(Setup(script=script, capacity=_CAPACITY, ticks=True))
        registry = self.batch.registry
        self.batch = Shell(self.clock, self.aws.events, script, FakeSettings(capacity=_CAPACITY))
        self.batch.registry = registry
        self.logs.streams = self.batch.streams
        self.told = ToldMachine(self.clock, self._invoke_state)
        self.machine = self.told
        self.states = FakeStates(self.clock, self.aws.events, self.machine, resources.STATE_MACHINE)
        self.functions = Functions(self.clock, self.invoke)
        self._services: dict[str, Service] = {
            "dynamodb": with_expiry(self.dynamodb),
            "s3": with_deletion(self.s3),
            "batch": self.batch.service(),
            "stepfunctions": told_states(self.states, self.told),
            "sns": self.topics.service(),
            "logs": self.logs.service(),
            "lambda": self.functions.service(),
            "sqs": Letters(self.functions).service(),
            "cloudwatch": alarms(self.machine, self.clock),
            "iam": roles(),
            "cloudformation": stacks(),
        }
        for name, service in self._services.items():
            self.aws.serve(name, service)

    def trial(self) -> Trial:
        timing = Timing(clock=self.clock, sleep=self.live, chance=Chance("smoke"))
        return trial_of(resources.settings(), Clients(self.aws), timing)

    def deafen(self) -> None:
        """Let EventBridge lose every event."""
        self.bus.delays = lambda _event: ()

    def instead(self, name: str, operation: str, change: Callable[[Any], Any]) -> None:
        """Let an operation's answers be changed."""
        service = self._services[name]
        answer = service.operations[operation]
        changed = {operation: lambda params: change(answer(params))}
        self._services[name] = replace(service, operations={**service.operations, **changed})
        self.aws.serve(name, self._services[name])

    def live(self, seconds: float) -> None:
        """Let time pass, and all that happens in it."""
        left = seconds
        while left > 0:
            self.batch.advance(min(left, 1.0))
            left -= 1.0
            self.functions.work()
            while self.step():
                pass

    def invoke(self, function: str, event: Any) -> Any:
        if function in ("reconcile", "tick") and not self.has_a_clock:
            return None
        with self._logged(function):
            return super().invoke(function, event)

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


class _Keep(logging.Handler):
    def __init__(self, lines: list[tuple[int, str]], clock: VirtualClock) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        stamp = f"[{record.levelname}]\t{self._clock():%Y-%m-%dT%H:%M:%S}.000Z\t8f2b1c1e\t"
        self._lines.append((self._clock.milliseconds, f"{stamp}{record.getMessage()}\n"))


def with_expiry(dynamodb: FakeDynamo) -> Service:
    service = dynamodb.service()

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
