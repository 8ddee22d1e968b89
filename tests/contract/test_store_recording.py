"""What every store promises of recording changes, each sentence of the ports a test."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import Change, Intent, JobState, initial_states
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.ports import RunChange
from tests.contract.store_contents import (
    OTHER,
    RUN,
    SPECS,
    START,
    LocalStore,
    Store,
    begin,
    change,
    everything,
    header,
    reserve,
    schedule,
    settle,
)

# Recording


def test_a_recorded_state_is_read_back_whole(store: Store) -> None:
    about = begin(store)
    state = JobState(
        status=JobStatus.RUNNING,
        version=1,
        attempt=2,
        failures=1,
        queue_name="etl-make-2",
        job_id="id",
        intent=Intent.CANCEL,
        lookups=3,
        reserved_at=START,
        not_before=START + timedelta(microseconds=1),
        runnable_since=START + timedelta(seconds=1),
        started_at=START + timedelta(minutes=1),
        stopped_at=START + timedelta(hours=1),
        exit_code=0,
        reason="Grüße",
        told=Told(outputs={"rows": "1", "ü": ""}, links={"report": "https://example.org/Grüße"}),
    )
    store.record(about, [Change("make", Act.OBSERVE, JobState(), state, START)])
    assert store.load_run(RUN).states["make"] == state
    assert store.get_jobs(RUN, ["make"])[0].state == state


def test_a_recorded_change_is_an_event_with_all_it_says(store: Store) -> None:
    about = begin(store)
    after = JobState(
        status=JobStatus.FAILED, version=1, attempt=2, job_id="id", exit_code=137, reason="memory"
    )
    at = START + timedelta(seconds=9)
    store.record(about, [Change("make", Act.OBSERVE, JobState(), after, at, "bob")])
    event = store.events(RUN)[-1]
    assert (event.sequence, event.at, event.job, event.act) == (2, at, "make", "OBSERVE")
    assert (event.before, event.after, event.attempt) == ("WAITING", "FAILED", 2)
    assert (event.job_id, event.actor, event.reason) == ("id", "bob", "memory")
    assert event.exit_code == 137


def test_what_an_attempt_told_is_gone_with_the_next(store: Store) -> None:
    about = begin(store)
    told = JobState(status=JobStatus.FAILED, version=1, told=Told(outputs={"rows": "1"}))
    store.record(about, [Change("make", Act.OBSERVE, JobState(), told, START)])
    again = JobState(version=2, reason="rerun by ann")
    store.record(about, [Change("make", Act.RERUN, told, again, START)])
    assert store.get_jobs(RUN, ["make"])[0].state == again


ODD_NAMES = ("-load", "#run", "#wake", "#events#000001#a", "!a", "'a'", "(a)", "\U0001f600 a", "0")
MANY_ODD = tuple(f"#run {number}" for number in range(120))  # more than one transaction holds


@pytest.mark.parametrize("names", [ODD_NAMES, MANY_ODD], ids=["few", "many"])
def test_a_job_is_kept_by_whatever_name_a_document_may_give_it(
    store: Store, names: tuple[str, ...]
) -> None:
    specs = [JobSpec(name=name) for name in names]
    store.create_run(header(), specs, initial_states(specs))
    moved = JobState(status=JobStatus.HELD, version=1)
    changes = [Change(name, Act.HOLD, JobState(), moved, START, "ann") for name in names]
    about = store.get_header(RUN)
    store.record(about, changes, after=replace(about, revision=about.revision + 1))
    assert store.load_run(RUN).states == dict.fromkeys(names, moved)
    assert [each.spec.name for each in store.get_jobs(RUN, names)] == [*names]
    assert {event.job for event in store.events(RUN)} == {"", *names}
    for name in names[:9]:
        assert [event.act for event in store.events(RUN, job=name)] == ["HOLD"]


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ({"status": JobStatus.RESERVED}, True),
        ({"intent": Intent.CANCEL}, True),
        ({"reason": "why"}, True),
        ({"lookups": 1}, False),
    ],
    ids=str,
)
def test_only_what_a_person_would_tell_is_an_event(
    store: Store, to: dict[str, Any], told: bool
) -> None:
    about = begin(store)
    store.record(about, [change(JobState(), **to)])
    assert len(store.events(RUN)) == (2 if told else 1)


def test_changes_of_one_job_in_one_record_follow_each_other(store: Store) -> None:
    about = begin(store)
    first = change(JobState(), status=JobStatus.RESERVED)
    second = change(first.after, Act.ACCEPT, status=JobStatus.SUBMITTED, job_id="id")
    store.record(about, [first, second])
    assert store.load_run(RUN).states["make"] == second.after
    assert [event.act for event in store.events(RUN)] == ["START", "RESERVE", "ACCEPT"]


def test_the_counts_follow_the_changes_when_the_header_is_left(store: Store) -> None:
    about = begin(store)
    reserve(store, about)
    settle(store)
    counts = {"WAITING": 1, "RESERVED": 1, "HELD": 1, "PASS": 1}
    assert store.get_header(RUN) == replace(about, counts=counts)


def test_the_counts_follow_the_changes_when_a_header_is_given(store: Store) -> None:
    about = begin(store)
    made = change(JobState(), status=JobStatus.RESERVED)
    after = replace(about, revision=1, reason="why", counts={"FAILED": 9})
    store.record(about, [made], after=after)
    counts = {"WAITING": 1, "RESERVED": 1, "HELD": 1, "PASS": 1}
    assert store.get_header(RUN) == replace(after, counts=counts)


def test_a_status_that_no_job_has_any_more_is_not_counted(store: Store) -> None:
    about = begin(store)
    held = initial_states(SPECS)["approve"]
    store.record(about, [change(held, Act.RELEASE, "approve", status=JobStatus.WAITING)])
    settle(store)
    assert store.get_header(RUN).counts == {"WAITING": 3, "PASS": 1}


def test_a_run_that_has_ended_is_found_by_its_new_status(store: Store) -> None:
    about = begin(store)
    store.record(about, [], after=replace(about, status=RunStatus.FAILED, revision=1))
    assert store.find_headers(status=RunStatus.RUNNING) == []
    assert [each.run_id for each in store.find_headers(status=RunStatus.FAILED)] == [RUN]


def test_the_runs_own_events_come_after_those_of_its_jobs(store: Store) -> None:
    about = begin(store)
    own = RunChange(
        act="END", before="RUNNING", after="FAILED", at=START, actor="engine", reason="make failed"
    )
    store.record(about, [change(JobState(), status=JobStatus.RESERVED)], run_changes=[own])
    _, of_job, of_run = store.events(RUN)
    assert (of_job.sequence, of_job.job) == (2, "make")
    assert (of_run.sequence, of_run.job, of_run.act) == (3, "", "END")
    assert (of_run.before, of_run.after, of_run.reason) == ("RUNNING", "FAILED", "make failed")


def test_a_moved_revision_conflicts_and_writes_nothing(store: Store) -> None:
    about = begin(store)
    store.record(about, [], after=replace(about, revision=1))
    before = everything(store, RUN)
    with pytest.raises(ConflictError, match="revision 1, not 0"):
        store.record(about, [change(JobState(), status=JobStatus.RESERVED)])
    assert everything(store, RUN) == before


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_one_job_that_has_moved_conflicts_and_nothing_of_the_batch_is_written(
    store: Store, last: bool
) -> None:
    about = begin(store)
    reserve(store, about)
    before = everything(store, RUN)
    good = change(JobState(), job="clean", status=JobStatus.RESERVED)
    stale = change(JobState(), status=JobStatus.RESERVED)
    with pytest.raises(ConflictError, match="load the run again"):
        store.record(about, [good, stale] if last else [stale, good])
    assert everything(store, RUN) == before


def test_a_change_of_a_version_that_is_not_there_yet_conflicts(store: Store) -> None:
    about = begin(store)
    with pytest.raises(ConflictError):
        store.record(about, [change(JobState(version=1), status=JobStatus.RESERVED)])


def test_a_change_of_an_unknown_job_conflicts(store: Store) -> None:
    about = begin(store)
    with pytest.raises(ConflictError):
        store.record(about, [change(JobState(), job="none", status=JobStatus.RESERVED)])


def test_recording_in_an_unknown_run_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.record(header("none"), [])


def test_events_are_read_on_from_a_sequence_and_of_one_job(store: Store) -> None:
    about = begin(store)
    made = reserve(store, about)
    store.record(about, [change(JobState(), job="clean", status=JobStatus.RESERVED)])
    store.record(about, [change(made.after, Act.ACCEPT, status=JobStatus.SUBMITTED)])
    assert [event.sequence for event in store.events(RUN, after=2)] == [3, 4]
    assert [event.act for event in store.events(RUN, job="make")] == ["RESERVE", "ACCEPT"]
    assert [event.sequence for event in store.events(RUN, job="make", after=2)] == [4]
    assert [event.act for event in store.events(RUN, job="")] == ["START"]


def test_runs_do_not_mix(store: Store) -> None:
    about = begin(store)
    begin(store, header(OTHER))
    before = everything(store, OTHER)
    reserve(store, about)
    assert everything(store, OTHER) == before


def test_text_that_no_encoding_can_hold_is_kept_with_escapes(store: Store) -> None:
    about = begin(store)
    store.record(about, [change(JobState(), reason="no such file: \udcff")])
    assert store.load_run(RUN).states["make"].reason == "no such file: \\udcff"
    assert store.events(RUN)[-1].reason == "no such file: \\udcff"


# Fences


def test_epochs_are_counted_upwards(local_store: LocalStore) -> None:
    assert [local_store.take_epoch("a"), local_store.take_epoch("b")] == [1, 2]


def test_the_holder_of_the_newest_epoch_writes(local_store: LocalStore) -> None:
    about = begin(local_store)
    reserve(local_store.fenced(local_store.take_epoch("a")), about)
    assert local_store.load_run(RUN).states["make"].status is JobStatus.RESERVED


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.record(header(), [change(JobState(), status=JobStatus.RESERVED)]),
        lambda store: begin(store, header(OTHER)),
        lambda store: store.put_schedule(schedule()),
    ],
    ids=["record", "create run", "put schedule"],
)
def test_a_passed_fence_conflicts_and_nothing_is_written(
    local_store: LocalStore, write: Callable[[LocalStore], object]
) -> None:
    begin(local_store)
    old = local_store.fenced(local_store.take_epoch("a"))
    local_store.take_epoch("b")
    with pytest.raises(ConflictError, match="Another engine has taken over"):
        write(old)
    assert [each.run_id for each in local_store.find_headers()] == [RUN]
    assert local_store.load_run(RUN).states == initial_states(SPECS)
    assert local_store.list_schedules() == []


def test_a_passed_fence_still_reads(local_store: LocalStore) -> None:
    about = begin(local_store)
    old = local_store.fenced(local_store.take_epoch("a"))
    local_store.take_epoch("b")
    assert old.get_header(RUN) == about


def test_the_data_version_moves_when_another_view_writes_and_not_for_own_writes(
    local_store: LocalStore,
) -> None:
    about = begin(local_store)
    engine = local_store.fenced(local_store.take_epoch("a"))
    at_first = engine.data_version()
    made = change(JobState(), status=JobStatus.RESERVED)
    engine.record(about, [made])
    assert engine.data_version() == at_first
    local_store.record(about, [change(made.after, Act.ACCEPT, status=JobStatus.SUBMITTED)])
    assert engine.data_version() != at_first


def test_what_a_turn_loads_is_the_run(store: Store) -> None:
    begin(store)
    loaded, whole = store.load_for_turn(RUN), store.load_run(RUN)
    assert loaded.header == whole.header
    assert loaded.specs == whole.specs
    assert loaded.states == whole.states


def test_counts_follow_the_changes_when_the_turn_is_closed(store: Store) -> None:
    before = begin(store)
    run = store.load_for_turn(RUN)
    reserved = change(run.states["make"], Act.RESERVE, status=JobStatus.RESERVED)
    store.record(before, [reserved])
    run.apply([reserved])
    store.close_turn(run)
    assert store.get_header(RUN).counts[JobStatus.RESERVED] == 1


def test_a_turn_is_not_closed_on_a_run_that_has_moved(store: Store) -> None:
    before = begin(store)
    run = store.load_for_turn(RUN)
    store.record(before, [], after=replace(before, revision=before.revision + 1))
    with pytest.raises(ConflictError):
        store.close_turn(run)
