"""Memory and SQLite side by side: whatever is done to both, they answer alike."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import Change, Intent, JobState, RunHeader, initial_states
from chalicelib.errors import SchedulerError
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.sqlite_store import SqliteStore
from tests.contract.store_contents import (
    SPECS,
    START,
    Store,
    header,
    schedule,
)

_states = st.builds(
    JobState,
    status=st.sampled_from(JobStatus),
    intent=st.sampled_from(Intent),
    lookups=st.integers(0, 1),
    reserved_at=st.none() | st.just(START),
    exit_code=st.none() | st.integers(0, 255),
    reason=st.text(max_size=3),
    told=st.none() | st.just(Told(outputs={"rows": "1"}, links={"a": "s3://b/c"})),
)
_changes = st.builds(
    Change,
    st.sampled_from([spec.name for spec in SPECS]),
    st.sampled_from(Act),
    st.builds(JobState, status=st.sampled_from(JobStatus), version=st.integers(0, 2)),
    _states,
    st.just(START),
).map(lambda made: replace(made, after=replace(made.after, version=made.before.version + 1)))
_headers = st.builds(
    header,
    st.sampled_from(["a", "a-1", "b"]),
    revision=st.integers(0, 1),
    status=st.sampled_from(RunStatus),
    started_at=st.sampled_from([START, START + timedelta(microseconds=1)]),
)


class StoresAgree(RuleBasedStateMachine):
    """Whatever is done to both stores, they answer alike."""

    @initialize()
    def open(self) -> None:
        self.open_things = ExitStack()
        directory = self.open_things.enter_context(tempfile.TemporaryDirectory())
        sqlite = SqliteStore.open(Path(directory))
        self.open_things.callback(sqlite.close)
        self.stores: tuple[Store, Store] = (MemoryStore(), sqlite)

    def both(self, verb: str, *values: Any, **options: Any) -> None:
        memory, sqlite = (answer(each, verb, values, options) for each in self.stores)
        assert memory == sqlite

    @rule(about=_headers, jobs=st.integers(0, len(SPECS)))
    def create(self, about: RunHeader, jobs: int) -> None:
        self.both("create_run", about, SPECS[:jobs], initial_states(SPECS))

    @rule(
        before=_headers,
        changes=st.lists(_changes, max_size=3),
        after=st.none() | _headers,
    )
    def record(self, before: RunHeader, changes: Sequence[Change], after: RunHeader | None) -> None:
        same_run = after and replace(after, run_id=before.run_id)
        self.both("record", before, changes, after=same_run)

    @rule(schedule_id=st.sampled_from("ab"), version=st.integers(1, 2))
    def put(self, schedule_id: str, version: int) -> None:
        self.both("put_schedule", schedule(schedule_id, version))

    @rule(schedule_id=st.sampled_from("abc"), version=st.none() | st.integers(1, 2))
    def get(self, schedule_id: str, version: int | None) -> None:
        self.both("get_schedule", schedule_id, version)

    @rule()
    def take_over(self) -> None:
        self.both("take_epoch", "someone")

    @rule(
        status=st.none() | st.sampled_from(RunStatus),
        prefix=st.sampled_from(["", "a", "b"]),
        limit=st.integers(0, 3),
    )
    def find(self, status: RunStatus | None, prefix: str, limit: int) -> None:
        self.both("find_headers", status=status, prefix=prefix, limit=limit)

    @rule(statuses=st.none() | st.sets(st.sampled_from(JobStatus)), limit=st.integers(0, 4))
    def find_jobs(self, statuses: set[JobStatus] | None, limit: int) -> None:
        self.both("find_jobs", "a", statuses=statuses, limit=limit)

    @invariant()
    def all_is_read_alike(self) -> None:
        if not hasattr(self, "stores"):
            return
        self.both("list_schedules")
        for run_id in ("a", "a-1", "b"):
            self.both("events", run_id)
            self.both("get_header", run_id)
            self.both("find_jobs", run_id)

    def teardown(self) -> None:
        if hasattr(self, "open_things"):
            self.open_things.close()


def answer(store: Store, verb: str, values: Sequence[Any], options: dict[str, Any]) -> object:
    try:
        return getattr(store, verb)(*values, **options)
    except SchedulerError as error:
        return type(error), str(error)


StoresAgree.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
TestStoresAgree = StoresAgree.TestCase
