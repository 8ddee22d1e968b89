"""Long histories and long texts: what an item of 400 KB could not hold."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import JobState
from chalicelib.ports import RunChange
from tests.aws.tables import TABLES
from tests.aws.worlds import World, world
from tests.contract.store_contents import RUN, START, begin, change, header

WAITING, FAILED, RESERVED = JobStatus.WAITING, JobStatus.FAILED, JobStatus.RESERVED


@pytest.fixture
def here() -> Iterator[World]:
    with world() as opened:
        yield opened


def test_f23_a_reason_of_a_megabyte_is_cut_to_1024_bytes(here: World) -> None:
    store = here.store()
    about = begin(store)
    store.record(about, [change(JobState(), status=FAILED, reason="ü" * 1_000_000)])
    for reason in (
        here.store().load_run(RUN).states["make"].reason,
        here.store().events(RUN)[-1].reason,
    ):
        assert reason.startswith("ü" * 500)
        assert reason.endswith("…")
        assert 1020 <= len(reason.encode()) <= 1024


def test_the_words_of_an_operator_are_cut_too(here: World) -> None:
    long = "x" * 1_000_000
    store = here.store()
    about = begin(store, header(started_by=long))
    after = replace(about, revision=1, reason=long, cancelling=long)
    own = RunChange(act="CANCEL", before="", after="", at=START, actor=long, reason=long)
    store.record(about, [], after=after, run_changes=[own])
    read = here.store().get_header(RUN)
    texts = (read.reason, read.cancelling, read.started_by)
    assert {len(text.encode()) for text in texts} == {1024}
    event = here.store().events(RUN)[-1]
    assert (len(event.actor.encode()), len(event.reason.encode())) == (1024, 1024)


def test_f23_hundreds_of_attempts_of_one_job_stay_on_record_in_order(here: World) -> None:
    store = here.store()
    about = begin(store)
    state = JobState()
    for attempt in range(1, 201):
        reserved = change(state, status=RESERVED, attempt=attempt)
        failed = change(reserved.after, Act.REFUSE, status=FAILED, reason="z" * 1024)
        again = change(failed.after, Act.RERUN, status=WAITING, reason="")
        store.record(about, [reserved, failed, again])
        state = again.after
    events = here.store().events(RUN, job="make")
    assert [event.sequence for event in events] == list(range(2, 602))
    assert [event.attempt for event in events[::3]] == list(range(1, 201))
    assert here.store().events(RUN)[1:] == events
    assert here.store().events(RUN, job="make", after=590) == events[-11:]
    assert len(str(here.item(TABLES.jobs, run=RUN, jobName="make"))) < 60_000


def test_f23_hundreds_of_acts_on_the_run_stay_on_record_in_order(here: World) -> None:
    store = here.store()
    about = begin(store)
    for revision in range(1, 101):
        own = RunChange(act=f"ACT-{revision}", before="", after="", at=START, actor="ann")
        after = replace(about, revision=revision)
        store.record(about, [], after=after, run_changes=[own])
        about = after
    acts = [event.act for event in here.store().events(RUN, job="")]
    assert acts == ["START", *(f"ACT-{revision}" for revision in range(1, 101))]


def test_a_process_that_knows_nothing_numbers_events_on(here: World) -> None:
    about = begin(here.store())
    state = JobState()
    for attempt in (1, 2, 3):
        made = change(state, Act.OBSERVE, status=RESERVED, reason=str(attempt))
        store = here.store()
        store.load_for_turn(RUN)
        store.record(about, [made])
        state = made.after
    assert [event.sequence for event in here.store().events(RUN)] == [1, 2, 3, 4]
