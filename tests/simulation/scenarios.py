"""Small runs that between them use everything the engine can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.core.batch import Submission
from chalicelib.core.schedule import (
    JobSpec,
    OnFailure,
    Policy,
    Reference,
    RetryPolicy,
    TriggerRule,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

REQUEST = {"jobQueue": "main", "containerOverrides": {"command": ["true"]}}

SOON = Policy(wait_time=10)

Script = Callable[[Submission, int], tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Deed:
    """What an operator does, once, as soon as it is time."""

    when: "Callable[[World], bool]"
    do: "Callable[[World], None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A run, how its jobs behave, and what operators do to it.

    `fails` has the attempts at which jobs exit with 1, `tells` the outputs that jobs tell: their
    names with the number of the attempt. `is_settled` says that its end does not
    depend on when things happen, so that a fault changes nothing of it.
    """

    name: str
    jobs: Sequence[JobSpec]
    policy: Policy = SOON
    fails: Mapping[str, Sequence[int]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    deeds: Sequence[Deed] = ()
    tells: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_settled: bool = True
    max_dependencies: int = 20

    def script(self, submission: Submission, _queue_attempt: int) -> tuple[float, int]:
        """How long an attempt takes, and how it exits."""
        job = submission.tags["batch-scheduler:job"]
        attempt = int(submission.tags["batch-scheduler:attempt"])
        return self.seconds.get(job, 2.0), int(attempt in self.fails.get(job, ()))


def reading(name: str, *upstream: str, output: str = "rows", **members: Any) -> JobSpec:
    """A job that reads an output of `load`."""
    reference = Reference("load", output)
    request = {"jobQueue": "main", "containerOverrides": {"command": ["echo", f"={reference}"]}}
    return JobSpec(name=name, upstream=upstream, reads=(reference,), request=request, **members)


def job(name: str, *upstream: str, **members: Any) -> JobSpec:
    return JobSpec(name=name, upstream=upstream, **{"request": REQUEST, **members})


def started(name: str) -> "Callable[[World], bool]":
    return lambda world: name in world.started_jobs


def ended(world: "World") -> bool:
    return world.has_ended


def at_once(_world: "World") -> bool:
    return True


def held(name: str) -> "Callable[[World], bool]":
    return lambda world: world.status_of(name) == "HELD"


def act(verb: str, *names: str, downstream: bool = False) -> "Callable[[World], None]":
    return lambda world: world.act(verb, *names, downstream=downstream)


def restart(world: "World") -> None:
    world.restart()


def cancel(world: "World") -> None:
    world.cancel()


STOP = Policy(on_failure=OnFailure.STOP, wait_time=10)
TWO_AT_ONCE = Policy(max_concurrency=2, wait_time=10)
AGAIN = RetryPolicy(attempts=3, delay_seconds=5.0, backoff=2.0)
UNPLACED = {"containerOverrides": {"command": ["true"]}}
ARRAY = {**REQUEST, "arrayProperties": {"size": 2}}

_UPSTREAM = (job("good"), job("bad"))
_RULES = tuple(job(rule.name.lower(), "good", "bad", trigger_rule=rule) for rule in TriggerRule)

SCENARIOS: Sequence[Scenario] = (
    Scenario(name="chain", jobs=[job("a"), job("b", "a"), job("c", "b")]),
    Scenario(name="diamond", jobs=[job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c")]),
    Scenario(
        name="no-queue-named",
        jobs=[job("a", request=UNPLACED), job("b", "a", request=UNPLACED)],
    ),
    Scenario(
        name="wide-fan-in",
        jobs=[job("a"), job("b"), job("c"), job("d", "a", "b", "c")],
        max_dependencies=2,
    ),
    Scenario(name="failure", jobs=[job("a"), job("b", "a"), job("c")], fails={"a": [1]}),
    Scenario(
        name="engine-retry",
        jobs=[job("a", retry=AGAIN), job("b", "a")],
        fails={"a": [1, 2]},
    ),
    Scenario(
        name="retries-used-up",
        jobs=[job("a", retry=RetryPolicy(attempts=2)), job("b", "a")],
        fails={"a": [1, 2]},
    ),
    Scenario(name="trigger-rules", jobs=[*_UPSTREAM, *_RULES], fails={"bad": [1]}),
    Scenario(
        name="hold-and-release",
        jobs=[job("a"), job("b", "a"), job("c", "b")],
        deeds=[Deed(at_once, act("HOLD", "b")), Deed(held("b"), act("RELEASE", "b"))],
    ),
    Scenario(
        name="gate",
        jobs=[job("a"), JobSpec(name="gate", upstream=("a",), hold=True), job("b", "gate")],
        deeds=[Deed(held("gate"), act("RELEASE", "gate"))],
    ),
    Scenario(
        name="finally",
        jobs=[
            job("a"),
            job("b", "a"),
            job("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
        ],
        fails={"a": [1]},
    ),
    Scenario(
        name="stop-at-failure",
        jobs=[
            job("a"),
            job("b"),
            job("c", "b"),
            job("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
        ],
        policy=STOP,
        fails={"a": [1]},
        seconds={"a": 1.0, "b": 60.0},
    ),
    Scenario(
        name="two-at-once",
        jobs=[job("a"), job("b"), job("c"), job("d", "a"), job("e", "c")],
        policy=TWO_AT_ONCE,
    ),
    Scenario(name="array", jobs=[job("a", request=ARRAY), job("b", "a")]),
    Scenario(
        name="cancel",
        jobs=[job("a"), job("b"), job("c", "b"), job("d", "a", "c")],
        seconds={"b": 60.0},
        deeds=[Deed(started("b"), cancel)],
        is_settled=False,
    ),
    Scenario(
        name="hold-in-the-queue",
        jobs=[job("a"), job("b", "a"), job("c", "b")],
        seconds={"a": 30.0},
        deeds=[Deed(started("a"), act("HOLD", "b")), Deed(held("b"), act("RELEASE", "b"))],
    ),
    Scenario(
        name="pass-in-the-queue",
        jobs=[job("a"), job("b", "a"), job("c", "b")],
        seconds={"a": 30.0},
        deeds=[Deed(started("a"), act("PASS", "b"))],
    ),
    Scenario(
        name="terminate",
        jobs=[job("a"), job("b", "a"), job("c")],
        seconds={"a": 60.0},
        deeds=[Deed(started("a"), act("TERMINATE", "a"))],
    ),
    Scenario(
        name="restart",
        jobs=[
            job("a"),
            job("b", "a"),
            job("c", "b"),
            job("d"),
            job("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
        ],
        fails={"b": [1]},
        deeds=[Deed(ended, restart)],
    ),
    Scenario(
        name="outputs",
        jobs=[
            job("load", retry=RetryPolicy(attempts=2)),
            reading("report", "load"),
            reading("lacking", "load", output="lines"),
            reading("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
        ],
        fails={"load": [1]},
        tells={"load": ["rows"]},
        deeds=[Deed(ended, act("RERUN", "report"))],
    ),
    Scenario(
        name="rerun-downstream",
        jobs=[job("a"), job("b", "a"), job("c", "b")],
        deeds=[Deed(ended, act("RERUN", "b", downstream=True))],
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
