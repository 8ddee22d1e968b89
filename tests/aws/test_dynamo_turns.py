"""What a turn reads is enough to decide, and does not grow with what is done."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.batch import QueueLimits
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.planning import plan
from chalicelib.core.run import Change, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from tests.aws.worlds import World, world
from tests.contract.store_contents import START, header, run_of
from tests.unit.graphs import job_lists
from tests.unit.runs import state

LIMITS = QueueLimits(max_dependencies=2, max_submissions=3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[JobSpec], list[list[tuple[int, JobStatus]]]]:
    """Jobs, and the turns in which statuses came to them, in any order whatever."""
    specs = draw(job_lists())
    seen = st.tuples(st.integers(0, len(specs) - 1), st.sampled_from(JobStatus))
    return specs, draw(st.lists(st.lists(seen, min_size=1, max_size=6), max_size=5))


def test_a_turn_decides_as_one_that_has_read_everything() -> None:
    with world() as here:
        numbers = iter(range(1_000_000))

        @given(histories())
        @settings(max_examples=60)
        def decides_alike(history: tuple[list[JobSpec], list[list[tuple[int, JobStatus]]]]) -> None:
            specs, turns = history
            about = header(run_of("etl", seconds=next(numbers)))
            from_turn, whole = lived_through(here, about, specs, turns)
            assert plan(from_turn, START, LIMITS) == plan(whole, START, LIMITS)
            assert from_turn.counts == whole.counts
            assert from_turn.header == whole.header

        decides_alike()


def lived_through(
    here: World,
    about: RunHeader,
    specs: Sequence[JobSpec],
    turns: Sequence[Sequence[tuple[int, JobStatus]]],
) -> tuple[Run, Run]:
    """The run after its turns, read both ways."""
    states = {spec.name: JobState() for spec in specs}
    here.store().create_run(about, specs, states)
    for turn in turns:
        changes = []
        for position, status in turn:
            name = specs[position].name
            before = states[name]
            after = replace(state(name, status), version=before.version + 1)
            changes.append(Change(name, Act.OBSERVE, before, after, START))
            states[name] = after
        driver = here.store()
        driver.record(about, changes)
        driver.close_turn(Run(about, specs, states))
    return here.store().load_for_turn(about.run_id), here.store().load_run(about.run_id)
