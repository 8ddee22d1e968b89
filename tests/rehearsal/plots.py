"""Small schedules that between them use what a stage can do, and what people do to their runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.core.batch import Submission
from chalicelib.core.lifecycle import Act
from tests.simulation.oracle import Facts

if TYPE_CHECKING:
    from tests.rehearsal.world import Rehearsal

Fields = dict[str, Any]
When = Callable[["Rehearsal"], bool]
Do = Callable[["Rehearsal"], object]


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person does, as soon as it is time; again if no answer came."""

    when: When
    do: Do


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A schedule, how its jobs behave, and what people do to its run.

    `fails` has the attempts at which jobs exit with 1. `is_certain` says that its end does not
    depend on when things happen, so that a fault changes nothing of it.
    """

    name: str
    jobs: Sequence[Fields]
    members: Mapping[str, Any] = field(default_factory=dict)
    fails: Mapping[str, Sequence[int]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    deeds: Sequence[Deed] = ()
    is_certain: bool = True

    def document(self) -> Fields:
        return {"scheduleId": "etl", "jobList": list(self.jobs), **self.members}

    def script(self, submission: Submission, _queue_attempt: int) -> tuple[float, int]:
        """How long an attempt takes, and how it exits."""
        job = submission.tags["batch-scheduler:job"]
        attempt = int(submission.tags["batch-scheduler:attempt"])
        return self.seconds.get(job, 30.0), int(attempt in self.fails.get(job, ()))


def facts_of(document: Mapping[str, Any]) -> dict[str, Facts]:
    """What a document says of its jobs, for the oracle."""
    main = {each["jobName"]: _facts(each, "all succeeded") for each in document["jobList"]}
    last = {each["jobName"]: _facts(each, "all done") for each in document.get("finally", ())}
    return main | last


def _facts(job: Fields, rule: str) -> Facts:
    first = "PASS" if job.get("jobStatus") == "PASS" else "HELD" if job.get("hold") else "WAITING"
    is_finally = rule == "all done"
    return Facts(job.get("jobDependencies", ()), job.get("triggerRule", rule), is_finally, first)


def job(name: str, *upstream: str, **members: Any) -> Fields:
    made = {"jobName": name, "jobDependencies": list(upstream), **members}
    return {"parameters": {"script": "true"}, **made}


def started(name: str) -> When:
    return lambda world: name in world.started_jobs()


def stands(name: str, status: str) -> When:
    return lambda world: world.statuses().get(name) == status


def ended(world: "Rehearsal") -> bool:
    return bool(world.run_id) and not world.unfinished()


def act(verb: str, *names: str, downstream: bool = False) -> Do:
    return lambda world: world.people.act(Act(verb), names, downstream=downstream)


def start(world: "Rehearsal") -> None:
    world.people.start()


def cancel(world: "Rehearsal") -> None:
    world.people.cancel()


def restart(world: "Rehearsal") -> None:
    world.people.restart()


def has_run(world: "Rehearsal") -> bool:
    return bool(world.run_id)


_AGAIN = {"attempts": 3, "delaySeconds": 5, "backoff": 2}
_WIDE = [f"part{number:02d}" for number in range(21)]  # one more than dependsOn takes

PLOTS: Sequence[Plot] = (
    Plot(name="chain", jobs=[job("a"), job("b", "a"), job("c", "b")]),
    Plot(name="diamond", jobs=[job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c")]),
    Plot(name="wide-fan-in", jobs=[*map(job, _WIDE), job("all", *_WIDE)]),
    Plot(
        name="retries",
        jobs=[job("a", retry=_AGAIN), job("b", "a")],
        fails={"a": [1, 2]},
    ),
    Plot(
        name="failure",
        jobs=[job("a"), job("b", "a"), job("c")],
        members={"finally": [job("z")]},
        fails={"a": [1]},
    ),
    Plot(
        name="hold-and-release",
        jobs=[job("a"), job("b", "a"), job("gate", "a", hold=True), job("c", "b", "gate")],
        deeds=[
            Deed(started("a"), act("HOLD", "b")),
            Deed(stands("b", "HELD"), act("RELEASE", "b")),
            Deed(stands("gate", "HELD"), act("RELEASE", "gate")),
        ],
    ),
    Plot(
        name="cancel",
        jobs=[job("a"), job("b"), job("c", "b"), job("d", "a", "c")],
        seconds={"b": 90.0},
        deeds=[Deed(started("b"), cancel)],
        is_certain=False,
    ),
    Plot(
        name="restart",
        jobs=[job("a"), job("b", "a"), job("c", "b"), job("d")],
        members={"finally": [job("z")]},
        fails={"b": [1]},
        deeds=[Deed(ended, restart)],
    ),
    Plot(
        name="array",
        jobs=[job("a", arrayProperties={"size": 2}), job("b", "a")],
        members={"maxConcurrency": 1},
    ),
)
BY_NAME = {plot.name: plot for plot in PLOTS}
