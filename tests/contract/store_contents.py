"""A small run in a store, as the contract tests of the stores need it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.naming import parse_start, run_id
from chalicelib.core.run import Change, JobState, RunHeader, initial_states
from chalicelib.core.schedule import JobSpec, Reference, RetryPolicy, TriggerRule
from chalicelib.driving_ports import Retention
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import RunStore, ScheduleStore, StoredSchedule
from chalicelib.timing_ports import CalendarStore, TriggerStore

LocalStore = MemoryStore | SqliteStore

START = datetime(2026, 11, 23, 1, 2, 3, 4, UTC)
RUN = run_id("etl", START)
OTHER = run_id("other", START)
SPECS = (
    JobSpec(name="make", request={"jobQueue": "q", "containerOverrides": {"command": ["make"]}}),
    JobSpec(
        name="clean",
        upstream=("make",),
        trigger_rule=TriggerRule.ALL_DONE,
        retry=RetryPolicy(attempts=3, delay_seconds=2.5),
        runnable_timeout=60,
    ),
    JobSpec(name="approve", upstream=("make",), hold=True, description="a person looks"),
    JobSpec(
        name="assemble",
        upstream=("clean", "approve"),
        passed=True,
        reads=(Reference("make", "rows"), Reference("clean", "rows")),
    ),
)


class Store(ScheduleStore, RunStore, Protocol):
    """A store of everything."""

    def close(self) -> None: ...


class KeepingStore(Store, Retention, Protocol):
    """A store whose details expire."""


class Triggers(TriggerStore, CalendarStore, Protocol):
    """A store of what starts runs."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """A store whose details expire, and the clock that says when."""

    store: KeepingStore
    clock: VirtualClock


def header(run_id: str = RUN, **members: Any) -> RunHeader:
    """Of a run whose id says the schedule and the start, as all ids do."""
    schedule_id, _, start = run_id.partition("/")
    started_at = parse_start(start) if start else START
    given: dict[str, Any] = {"schedule_id": schedule_id, "started_at": started_at}
    given["started_by"] = "ann"
    return RunHeader(run_id=run_id, **(given | members))


def run_of(schedule_id: str, **after: float) -> str:
    """The id of the run that starts so long after START."""
    return run_id(schedule_id, START + timedelta(**after))


def begin(store: Store, about: RunHeader | None = None) -> RunHeader:
    store.create_run(about or header(), SPECS, initial_states(SPECS))
    return store.get_header((about or header()).run_id)


def change(before: JobState, act: Act = Act.RESERVE, job: str = "make", **to: Any) -> Change:
    after = replace(before, version=before.version + 1, **to)
    return Change(job, act, before, after, START + timedelta(seconds=1))


def reserve(store: Store, about: RunHeader) -> Change:
    state = store.load_run(about.run_id).states["make"]
    made = change(state, status=JobStatus.RESERVED, attempt=1, reserved_at=START)
    store.record(about, [made])
    return made


def schedule(schedule_id: str = "etl", version: int = 1, **members: Any) -> StoredSchedule:
    given: dict[str, Any] = {"digest": "d", "document": "{}", "stored_at": START}
    return StoredSchedule(
        schedule_id=schedule_id, version=version, stored_by="ann", **(given | members)
    )


def settle(store: Store, run_id: str = RUN) -> None:
    """End a turn: at the latest then the header's counts follow the jobs."""
    store.close_turn(store.load_run(run_id))


def everything(store: Store, run_id: str) -> tuple[object, ...]:
    run = store.load_run(run_id)
    return run.header, run.specs, run.states, store.events(run_id)
