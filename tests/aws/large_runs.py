"""Runs of any size in a store, and what is asked of each other after a fault."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Change, JobState, Run, initial_states
from chalicelib.core.schedule import JobSpec
from chalicelib.ports import RunChange
from tests.contract.store_contents import RUN, START, Store, change, header


def specs_of(count: int) -> list[JobSpec]:
    """Jobs that wait for nothing."""
    return [JobSpec(name=f"job-{number:05d}", request={"jobQueue": "q"}) for number in range(count)]


def begin_large(store: Store, count: int) -> Run:
    specs = specs_of(count)
    store.create_run(header(), specs, initial_states(specs))
    return store.load_for_turn(RUN)


def reserved(run: Run, names: Sequence[str] | None = None) -> list[Change]:
    """The first thing that happens to jobs."""
    return [
        change(run.states[name], job=name, status=JobStatus.RESERVED, attempt=1)
        for name in (run.specs if names is None else names)
    ]


def hold_all(store: Store, run: Run) -> None:
    """An operator's order over every job, with an event of the run itself."""
    after = replace(run.header, revision=run.header.revision + 1, reason="held")
    own = RunChange(act="HOLD", before="RUNNING", after="RUNNING", at=START, actor="ann")
    store.record(run.header, held(run), after=after, run_changes=[own])


def held(run: Run) -> list[Change]:
    return [
        change(state, Act.HOLD, name, status=JobStatus.HELD, reason="held by ann")
        for name, state in run.states.items()
    ]


def statuses(states: dict[str, JobState]) -> set[JobStatus]:
    return {state.status for state in states.values()}
