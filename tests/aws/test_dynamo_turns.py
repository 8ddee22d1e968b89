"""What a turn reads is enough to decide, and does not grow with what is done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.batch import QueueLimits
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.planning import plan
from chalicelib.core.run import Change, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from tests.aws.large_runs import begin_large, reserved, statuses
from tests.aws.worlds import World, world
from tests.contract.store_contents import RUN, START, change, header, run_of
from tests.unit.graphs import job_lists
from tests.unit.runs import state

LIMITS = QueueLimits(max_dependencies=2, max_submissions=3)


@dataclass(frozen=True)
class Seen:
    """What one function saw of the queue, and whether the turn was closed before the next."""

    statuses: list[tuple[int, JobStatus]]
    closes: bool


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[JobSpec], list[Seen]]:
    """Jobs, and what was seen of them, in any order whatever."""
    specs = draw(job_lists())
    seen = st.tuples(st.integers(0, len(specs) - 1), st.sampled_from(JobStatus))
    looks = st.builds(Seen, st.lists(seen, min_size=1, max_size=6), st.booleans())
    return specs, draw(st.lists(looks, max_size=5))


def test_a_turn_decides_as_one_that_has_read_everything() -> None:
    with world() as here:
        numbers = iter(range(1_000_000))

        @given(histories())
        @settings(max_examples=60)
        def decides_alike(history: tuple[list[JobSpec], list[Seen]]) -> None:
            specs, looks = history
            about = header(run_of("etl", seconds=next(numbers)))
            from_turn, whole = lived_through(here, about, specs, looks)
            assert plan(from_turn, START, LIMITS) == plan(whole, START, LIMITS)
            assert from_turn.counts == whole.counts
            assert from_turn.header == whole.header

        decides_alike()


@pytest.mark.parametrize("count", [1, 98, 250])
def test_a_job_that_begins_and_ends_within_a_turn_is_seen_by_every_function_of_it(
    count: int,
) -> None:
    with world() as here:
        run = begin_large(here.store(), count)
        changes = reserved(run)
        here.store().record(run.header, changes)
        refused = [
            change(each.after, Act.REFUSE, each.job, status=JobStatus.FAILED) for each in changes
        ]
        driver = here.store()
        driver.load_for_turn(RUN)
        driver.record(run.header, refused)
        next_one = here.store().load_for_turn(RUN)
        assert statuses(next_one.states) == {JobStatus.FAILED}
        assert here.store().get_header(RUN).counts == {JobStatus.FAILED: count}


def lived_through(
    here: World,
    about: RunHeader,
    specs: Sequence[JobSpec],
    looks: Sequence[Seen],
) -> tuple[Run, Run]:
    """The run after these, each by a function that knows what it reads, read both ways."""
    states = {spec.name: JobState() for spec in specs}
    here.store().create_run(about, specs, states)
    for look in looks:
        changes = []
        for position, status in look.statuses:
            name = specs[position].name
            before = states[name]
            after = replace(state(name, status), version=before.version + 1)
            changes.append(Change(name, Act.OBSERVE, before, after, START))
            states[name] = after
        driver = here.store()
        driver.load_for_turn(about.run_id)
        driver.record(about, changes)
        if look.closes:
            driver.close_turn(Run(about, specs, states))
    return here.store().load_for_turn(about.run_id), here.store().load_run(about.run_id)
