"""A whole stage on the strict fake: every service, the state machine, and app.py's own functions.

Functions get their ports as on AWS, from the settings of the stage, with the fake as what makes
clients. Time passes only between them, and where one of them sleeps.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import app
from chalicelib.bootstrap import admitting, offering, serving
from chalicelib.bootstrap.on_aws import AwsEdition, Timing, stage_access, stage_ports
from chalicelib.config import Settings
from chalicelib.core.access import Principal, Role
from chalicelib.core.granting import TokenWish
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.loading import load
from chalicelib.core.reading import parse
from chalicelib.core.run import Run, RunHeader, initial_states
from chalicelib.core.schedule import JobSpec, Policy
from chalicelib.core.tokens import RANDOM_BYTES
from chalicelib.driving_ports import DrivingPorts
from chalicelib.local.memory_queue import FakeSettings, Script, VirtualClock, succeeds
from chalicelib.local.slots import Capacity
from chalicelib.local.webhooks import Request, Transport
from chalicelib.services import runs, schedules, tokens
from cloudformation import rendering
from tests.aws.tables import DEFINITIONS, TABLES
from tests.simulation.chance import Chance
from tests.simulation.faults import Crash
from tests.simulation.machine import Machine
from tests.strict import resources
from tests.strict.aws import StrictAws
from tests.strict.batch import FakeBatch
from tests.strict.bus import Bus
from tests.strict.dynamodb import FakeDynamo
from tests.strict.front import Front, Reply
from tests.strict.others import FakeLogs, FakeParameters, FakeTopics
from tests.strict.others import tokens as identities
from tests.strict.payloads import check_payload
from tests.strict.resources import (
    DEFINITION,
    QUEUE,
    STATE_MACHINE,
    TOPIC,
    check_policy,
    seconds_of,
)
from tests.strict.s3 import FakeS3
from tests.strict.states import FakeStates
from tests.wiring.deployed import CALLED_LATER

MAX_CARRIED = 4096  # bytes that travel between two states, whatever the graph
_MANY_STEPS = 10_000  # at one instant: whoever takes more of them spins
_TOLD_LATER = frozenset(CALLED_LATER)  # called without a wait

Json = Any
Given = Callable[[], AbstractContextManager[None]]  # what a process of a function has at hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a stage's account behaves. Lags are seconds for which what is new isn't seen."""

    script: Script = succeeds
    capacity: Capacity = field(default_factory=lambda: Capacity(1000.0, 10_000_000))
    listing_lag: float = 0.0  # of AWS Batch
    index_lag: float = 0.0  # of DynamoDB's global indexes
    executions_lag: float = 0.0  # of Step Functions
    skew: float = 0.0  # by how much the clock of each process may be wrong, either way
    sends_again: bool = False  # whether the SDK sends again what failed, where it may
    turns: int | None = None  # after which an execution hands over; None as deployed
    is_warm: bool = True  # processes are kept until they crash; else each call has its own
    seed: int = 0
    ticks: bool = False  # whether `tick` is called every minute
    file_buckets: Sequence[str] = ()  # of which new objects are told


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a function of itself."""

    clock: VirtualClock
    deadline: datetime

    def get_remaining_time_in_millis(self) -> int:
        return max(0, (self.deadline - self.clock()) // timedelta(milliseconds=1))


class StrictStage:
    """One stage, from its deployment on."""

    def __init__(self, setup: Setup | None = None) -> None:
        setup = setup or Setup()
        self.clock = VirtualClock()
        self.aws = aws = StrictAws(self.clock, setup.seed, sends_again=setup.sends_again)
        fakes = FakeSettings(capacity=setup.capacity, listing_lag=setup.listing_lag)
        self.batch = FakeBatch(self.clock, aws.events, setup.script, fakes)
        self.dynamodb = FakeDynamo(aws, setup.index_lag)
        self.s3 = FakeS3(aws)
        self.machine = Machine(self.clock, self._invoke_state, setup.seed)
        self.states = FakeStates(
            self.clock, aws.events, self.machine, STATE_MACHINE, setup.executions_lag
        )
        self.topics = FakeTopics(TOPIC)
        self.parameters = FakeParameters({f"/batch-scheduler/{resources.STAGE}/HOOK": "s3cret"})
        self.hooked: list[Request] = []  # what webhooks were sent
        self.hook: Transport = self._take_hook
        self.bus = Bus(self.clock, self.invoke, ticks=setup.ticks, file_buckets=setup.file_buckets)
        self.front = Front(self.clock, self.invoke)
        self.crashes = 0  # processes of functions that ended in the middle
        self._setup = setup
        self._chance = Chance(f"stage {setup.seed}")
        self._idle: dict[str, list[Given]] = {}
        self._deadlines = [self.clock() + timedelta(days=36_500)]
        self._serve()
        self._deploy()
        self.ports = self.process()

    def _serve(self) -> None:
        for name, service in {
            "batch": self.batch.service(),
            "dynamodb": self.dynamodb.service(),
            "s3": self.s3.service(),
            "stepfunctions": self.states.service(),
            "sns": self.topics.service(),
            "logs": FakeLogs(self.batch.streams).service(),
            "ssm": self.parameters.service(),
            "sts": identities(),
        }.items():
            self.aws.serve(name, service)

    def _deploy(self) -> None:
        for table in _tables():
            self.dynamodb.create(table)
        for bucket in resources.resources("AWS::S3::Bucket"):
            tells = "EventBridgeConfiguration" in bucket.get("NotificationConfiguration", {})
            self.s3.create(bucket["BucketName"], tells=tells)
        for name in self._setup.file_buckets:
            self.s3.create(name)
        for queue in resources.resources("AWS::Batch::JobQueue"):
            self.batch.registry.make_queue(queue["JobQueueName"])
        for definition in resources.resources("AWS::Batch::JobDefinition"):
            container = {"image": "busybox", "command": ["/bin/sh", "-c", "Ref::script"]}
            name, parameters = definition["JobDefinitionName"], definition.get("Parameters", {})
            self.batch.registry.register(name, container, parameters=parameters)

    # Processes

    def process(self) -> DrivingPorts:
        """The ports of a process that begins: nothing is remembered in it."""
        return stage_ports(self._settings(), self.aws, self._timing(), self._post)

    def edition(self) -> AwsEdition:
        """What a person's program works with, and the function of the HTTP API."""
        return AwsEdition(self._settings(), self.aws, self._timing())

    def _settings(self) -> Settings:
        settings = resources.settings()
        if self._setup.turns is not None:
            settings = replace(settings, stage=replace(settings.stage, turns=self._setup.turns))
        return settings

    def _timing(self) -> Timing:
        return Timing(clock=self._clock_of_process(), sleep=self.spend, chance=self._chance)

    def _begin(self, function: str) -> Given:
        """A new process of a function."""
        match function:
            case "authorize":
                return partial(admitting, stage_access(self._settings(), self.aws, self._timing()))
            case rendering.API_HANDLER:
                return partial(offering, self.edition())
        return partial(serving, self.process())

    def _post(self, request: Request) -> int:
        return self.hook(request)

    def _take_hook(self, request: Request) -> int:
        self.hooked.append(request)
        return 200

    def _clock_of_process(self) -> Callable[[], datetime]:
        if not self._setup.skew:
            return self.clock
        wrong = timedelta(seconds=self._chance.uniform(-self._setup.skew, self._setup.skew))
        return lambda: self.clock() + wrong

    def invoke(self, function: str, event: Json) -> Json:
        """Call a function of app.py as Lambda does, with its policy and its time."""
        kind = "an asynchronous payload" if function in _TOLD_LATER else "a synchronous payload"
        check_payload(kind, event)
        with self._running(function) as context, self._process_of(function) as given:
            first = len(self.aws.calls)
            try:
                answer = self._run(function, json.loads(json.dumps(event)), context, given)
            except BaseException as error:
                self.crashes += not isinstance(error, Exception)
                raise
            finally:
                check_policy(function, self.aws.calls[first:])
        check_payload("a synchronous payload", answer)
        return answer

    def _run(self, function: str, event: Json, context: Context, given: Given) -> Json:
        handler = app.app if function == rendering.API_HANDLER else getattr(app, function)
        with given():
            return handler(event, context)

    @contextmanager
    def _running(self, function: str) -> Iterator[Context]:
        deadline = self.clock() + timedelta(seconds=seconds_of(function))
        caller, self.aws.caller = self.aws.caller, function
        self._deadlines.append(deadline)
        try:
            yield Context(self.clock, deadline)
        finally:
            self._deadlines.pop()
            self.aws.caller = caller

    @contextmanager
    def _process_of(self, function: str) -> Iterator[Given]:
        """One of the function's processes that is idle, or a new one.

        It may be called again when it has answered, also with an error; a crash ends it.
        """
        idle = self._idle.setdefault(function, [])
        is_reused = idle and self._setup.is_warm
        given = idle.pop(self._chance.randrange(len(idle))) if is_reused else self._begin(function)
        try:
            yield given
        except Exception:
            idle.append(given)
            raise
        idle.append(given)

    def spend(self, seconds: float) -> None:
        """Let time pass in the function that runs; at its end it is cut off."""
        left = (self._deadlines[-1] - self.clock()).total_seconds()
        self.clock.advance(max(0.0, min(seconds, left)))
        if seconds > left:
            raise Crash("the function's time is up")

    def _invoke_state(self, function: str, payload: Json) -> Json:
        answer = self.invoke(function, payload)
        for carried in (payload, answer):
            size = len(json.dumps(carried))
            assert size <= MAX_CARRIED, f"{function} carries {size} bytes"
        return answer

    # What people do

    def put(self, document: Mapping[str, Any]) -> None:
        """Store a schedule's document; its jobs run as DEFINITION on QUEUE unless they say."""
        placed = {**document, "jobList": [*map(_placed, document["jobList"])]}
        if "finally" in document:
            placed["finally"] = [*map(_placed, document["finally"])]
        loaded = load(parse(json.dumps(placed).encode(), "schedule.json"))
        schedules.put(self.ports, loaded, "ada")

    def start(self, schedule_id: str, **parameters: object) -> RunHeader:
        """Start a run of a stored schedule."""
        stored = self.ports.schedules.get_schedule(schedule_id)
        return runs.start(self.ports, stored, runs.StartRequest(actor="ada", parameters=parameters))

    def token(self, role: Role, *scopes: str) -> str:
        """A token that somebody with rights of his own gives, as the terminal does."""
        access = self.edition().access
        wish = TokenWish(
            name=f"{role.word}-{self._chance.randrange(10**9)}", role=role, scopes=scopes or ("",)
        )
        by = Principal(actor="ada", role=Role.ADMIN)
        chance = self._chance.randbytes(RANDOM_BYTES)
        return tokens.create(access.tokens, wish, by, self.clock(), chance).text

    def ask(self, method: str, target: str, value: Json = None, **asked: Any) -> Reply:
        """What the HTTP API answers; see `Front.ask`."""
        return self.front.ask(method, target, value, **asked)

    def begin(self, jobs: Sequence[JobSpec], policy: Policy | None = None) -> RunHeader:
        """Start a run of jobs without a document; they are placed as those of `put` are."""
        header = RunHeader(
            run_id=f"etl/{self.clock():%Y-%m-%dT%H:%M:%S.%fZ}",
            schedule_id="etl",
            started_at=self.clock(),
            policy=policy or Policy(),
        )
        placed = [_placed_spec(spec) for spec in jobs]
        self.ports.runs.create_run(header, placed, initial_states(placed))
        self.ports.drivers.nudge(header)
        return header

    def look(self, run_id: str) -> Run:
        """The whole run as it is now, read by a process of its own."""
        return self.process().runs.load_run(run_id)

    # Time

    @property
    def is_quiet(self) -> bool:
        """True when every run has ended, and nothing more comes of it."""
        is_over = self.bus.is_empty and not self.aws.events and not self.machine.running()
        return is_over and not self.unfinished()

    def unfinished(self) -> list[str]:
        """The runs that have not ended, as their headers' items say."""
        return [
            f"{item['scheduleId']['S']}/{item['startDateTime']['S']}"
            for item in self.dynamodb.items(f"BatchScheduleHistory-{resources.STAGE}")
            if item.get("scheduleStatus", {}).get("S") == RunStatus.RUNNING
        ]

    def step(self) -> bool:
        """Do what is due now; False when nothing is."""
        self.batch.settle()
        self.states.tell()
        self.bus.take(self.aws.events)
        was_told = self.bus.deliver()
        return self.machine.run_due() or was_told

    def drive(self, longest: float = 7200.0) -> None:
        """Let time pass until all is quiet, at most that many seconds."""
        end = self.clock() + timedelta(seconds=longest)
        self._do_what_is_due()
        while not self.is_quiet:
            self.pass_time()
            assert self.clock() <= end, f"no end after {longest} s: {self.unfinished()}"
            self._do_what_is_due()

    def advance(self, seconds: float) -> None:
        """Let that much time pass, and everything happen that falls into it."""
        end = self.clock() + timedelta(seconds=seconds)
        self._do_what_is_due()
        while self._next_at() <= end:
            self.pass_time()
            self._do_what_is_due()
        self.batch.advance((end - self.clock()).total_seconds())

    def _do_what_is_due(self) -> None:
        began, steps = self.clock(), 0
        while self.step():
            steps = steps + 1 if self.clock() == began else 0
            began = self.clock()
            assert steps < _MANY_STEPS, f"no end of steps at {began}: {self.unfinished()}"

    def pass_time(self, longest: timedelta | None = None) -> None:
        """Let time pass until something happens, at most that much of it."""
        waits = [self._next_at() - self.clock(), *([] if longest is None else [longest])]
        self.batch.advance(max(timedelta(), min(waits)).total_seconds())

    def _next_at(self) -> datetime:
        times = (self.machine.next_due(), self.batch.next_at(), self.bus.next_at)
        return min(at for at in times if at is not None)


def _tables() -> list[Json]:
    """Those of the template, and the table of states, which comes with what else is kept there."""
    made = list(resources.resources("AWS::DynamoDB::Table"))
    expires = {"AttributeName": "expiresAt", "Enabled": True}
    state = next(each for each in DEFINITIONS if each["TableName"] == TABLES.state)
    if all(each["TableName"] != TABLES.state for each in made):
        made.append({**state, "TimeToLiveSpecification": expires})
    return made


def _placed(job: Mapping[str, Any]) -> dict[str, Any]:
    defined = {} if "uses" in job else {"jobDefinition": DEFINITION}
    return {**defined, "jobQueue": QUEUE, **job}


def _placed_spec(spec: JobSpec) -> JobSpec:
    return replace(spec, request=_placed(spec.request)) if spec.request else spec
