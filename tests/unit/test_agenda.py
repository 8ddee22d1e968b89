"""Which starts are let through, and that no start is lost or made twice."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.naming import run_id
from chalicelib.core.timing.agenda import (
    MAX_CHAIN,
    MAX_EVENTS,
    MAX_HANDLED,
    MAX_QUEUED,
    Admission,
    Agenda,
    PlannedStart,
    Refusal,
    ScheduleAct,
    ScheduleEvent,
    admit,
    depth_of,
    note_dropped,
    noted,
)
from chalicelib.core.timing.agenda_record import decode_agenda, encode_agenda
from chalicelib.core.timing.trigger import Overlap
from tests.unit.runs import NOW

EMPTY = Agenda(schedule_id="etl", version=1)


def start(number: int = 1, overlap: Overlap = Overlap.SKIP, **members: Any) -> PlannedStart:
    """The start of a fire time so many minutes before now, the first the earliest."""
    at = NOW - timedelta(hours=3) + timedelta(minutes=number)
    given: dict[str, Any] = {"not_before": at, "fire_at": at, "started_at": at, "actor": "cron"}
    return PlannedStart(trigger="cron", overlap=overlap, **(given | members))


def refused(admission: Admission) -> list[tuple[PlannedStart, Refusal]]:
    return [(each.start, each.why) for each in admission.refused]


@pytest.mark.parametrize("overlap", Overlap)
def test_a_start_goes_through_at_once_while_no_run_goes_on(overlap: Overlap) -> None:
    admission = admit(EMPTY, [start(overlap=overlap)], busy=False, now=NOW)
    assert admission.agenda.planned == (start(overlap=overlap),)
    assert not admission.agenda.queued
    assert not admission.refused
    assert not admission.cancels


def test_beside_a_run_that_goes_on_each_policy_does_what_it_says() -> None:
    allowed, skipped, queued, replacing = (
        start(number, overlap)
        for number, overlap in enumerate(
            (Overlap.ALLOW, Overlap.SKIP, Overlap.QUEUE, Overlap.CANCEL)
        )
    )
    admission = admit(EMPTY, [allowed, skipped, queued, replacing], busy=True, now=NOW)
    assert admission.agenda.planned == (allowed,)
    assert admission.agenda.queued == (queued, replacing)
    assert refused(admission) == [(skipped, Refusal.OVERLAP)]
    assert admission.cancels


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE, Overlap.CANCEL])
def test_of_two_starts_at_once_only_the_earlier_goes_through(overlap: Overlap) -> None:
    later, earlier = start(2, overlap), start(1, overlap)
    assert admit(EMPTY, [later, earlier], busy=False, now=NOW).agenda.planned == (earlier,)


def test_a_start_that_is_decided_and_not_made_counts_as_a_run() -> None:
    first = admit(EMPTY, [start(1)], busy=False, now=NOW).agenda
    admission = admit(first, [start(2)], busy=False, now=NOW)
    assert refused(admission) == [(start(2), Refusal.OVERLAP)]


def test_what_waits_goes_one_after_the_other_in_its_order() -> None:
    three = [start(number, Overlap.QUEUE) for number in range(3)]
    agenda = admit(EMPTY, reversed(three), busy=True, now=NOW).agenda
    for each in three:
        assert admit(agenda, [], busy=True, now=NOW).agenda == agenda
        agenda = admit(agenda, [], busy=False, now=NOW).agenda
        assert agenda.planned == (each,)
        agenda = replace(agenda, planned=())
    assert not agenda.queued


def test_of_starts_that_cancel_the_run_before_only_the_newest_waits() -> None:
    old, new, polite = start(1, Overlap.CANCEL), start(3, Overlap.CANCEL), start(2, Overlap.QUEUE)
    admission = admit(EMPTY, [old, polite, new], busy=True, now=NOW)
    assert admission.agenda.queued == (polite, new)
    assert refused(admission) == [(old, Refusal.REPLACED)]
    assert admission.cancels


def test_nothing_is_cancelled_for_a_start_whose_time_has_not_come() -> None:
    later = NOW + timedelta(minutes=1)
    waiting = start(1, Overlap.CANCEL, not_before=later)
    admission = admit(EMPTY, [waiting, start(2, Overlap.CANCEL)], busy=True, now=NOW)
    assert admission.agenda.queued == (waiting, start(2, Overlap.CANCEL))
    assert admit(EMPTY, [waiting], busy=True, now=NOW).cancels is False
    assert admit(EMPTY, [waiting], busy=True, now=later).cancels is True


def test_a_start_waits_for_its_window_and_is_judged_when_it_opens() -> None:
    later = NOW + timedelta(hours=1)
    waiting = start(1, not_before=later)
    agenda = admit(EMPTY, [waiting], busy=False, now=NOW).agenda
    assert (agenda.planned, agenda.queued) == ((), (waiting,))
    assert admit(agenda, [], busy=False, now=later).agenda.planned == (waiting,)
    assert refused(admit(agenda, [], busy=True, now=later)) == [(waiting, Refusal.OVERLAP)]


def test_a_start_past_its_deadline_is_refused_wherever_it_waited() -> None:
    waiting = start(1, Overlap.QUEUE, latest=NOW)
    agenda = admit(EMPTY, [waiting], busy=True, now=NOW).agenda
    assert agenda.queued == (waiting,)
    admission = admit(agenda, [], busy=False, now=NOW + timedelta(microseconds=1))
    assert refused(admission) == [(waiting, Refusal.LATE)]
    assert not admission.agenda.queued


def test_a_start_that_could_only_be_late_is_refused_at_once_and_does_not_wait() -> None:
    vain = start(1, not_before=NOW + timedelta(hours=1), latest=NOW + timedelta(minutes=59))
    admission = admit(EMPTY, [vain], busy=False, now=NOW)
    assert refused(admission) == [(vain, Refusal.NEVER)]
    assert not admission.agenda.queued


def test_only_so_many_starts_wait_and_the_newest_are_refused() -> None:
    many = [start(number, Overlap.QUEUE) for number in range(MAX_QUEUED + 2)]
    admission = admit(EMPTY, many, busy=True, now=NOW)
    assert admission.agenda.queued == tuple(many[:MAX_QUEUED])
    assert refused(admission) == [(each, Refusal.FULL) for each in many[MAX_QUEUED:]]


def test_a_start_that_was_refused_is_not_asked_for_again_by_the_same_event() -> None:
    agenda = admit(EMPTY, [start(1)], busy=True, now=NOW).agenda
    again = admit(agenda, [start(1)], busy=False, now=NOW)
    assert (again.agenda.planned, again.refused) == ((), ())


def test_the_newest_decisions_are_remembered() -> None:
    many = [start(number) for number in range(MAX_HANDLED + 1)]
    agenda = admit(EMPTY, many, busy=True, now=NOW).agenda
    assert len(agenda.handled) == MAX_HANDLED
    assert admit(agenda, many[1:], busy=False, now=NOW).agenda.planned == ()
    assert admit(agenda, many[:1], busy=False, now=NOW).agenda.planned == (many[0],)


STARTS = st.lists(
    st.builds(
        start,
        st.integers(0, 30),
        st.sampled_from(Overlap),
        not_before=st.sampled_from([NOW, NOW + timedelta(minutes=5)]),
        latest=st.sampled_from([None, NOW, NOW + timedelta(minutes=5)]),
    ),
    max_size=12,
    unique_by=lambda each: each.started_at,
)


@given(STARTS, st.booleans())
def test_every_start_is_planned_or_waits_or_is_refused_and_only_one_of_these(
    starts: Sequence[PlannedStart], busy: bool
) -> None:
    admission = admit(EMPTY, starts, busy=busy, now=NOW)
    where = [*admission.agenda.planned, *admission.agenda.queued]
    where += [each.start for each in admission.refused]
    assert sorted(each.started_at for each in where) == sorted(each.started_at for each in starts)


@given(STARTS, st.booleans())
def test_the_same_starts_again_change_nothing(starts: Sequence[PlannedStart], busy: bool) -> None:
    once = admit(EMPTY, starts, busy=busy, now=NOW)
    assert admit(once.agenda, starts, busy=busy, now=NOW).agenda == once.agenda


@given(STARTS, st.integers(0, 12), st.booleans())
def test_two_runs_go_on_at_once_only_where_that_is_allowed(
    starts: Sequence[PlannedStart], cut: int, busy: bool
) -> None:
    first = admit(EMPTY, starts[:cut], busy=busy, now=NOW).agenda
    planned = admit(first, starts[cut:], busy=busy, now=NOW).agenda.planned
    alone = [each for each in planned if each.overlap is not Overlap.ALLOW]
    assert len(alone) <= (0 if busy else 1)


# Chains and history


def test_t13_a_start_that_too_many_runs_have_led_to_is_refused_and_that_stays_on_record() -> None:
    last, beyond = (start(1, depth=MAX_CHAIN), start(2, depth=MAX_CHAIN + 1))
    assert admit(EMPTY, [last], busy=False, now=NOW).agenda.planned == (last,)
    admission = admit(EMPTY, [beyond], busy=False, now=NOW)
    assert refused(admission) == [(beyond, Refusal.CHAIN)]
    assert not admission.agenda.planned
    (event,) = admission.agenda.events
    assert (event.act, event.at, event.actor) == (ScheduleAct.CUT, NOW, "cron")
    assert event.run_id == run_id("etl", beyond.started_at)
    assert admit(admission.agenda, [beyond], busy=False, now=NOW).agenda == admission.agenda


def test_how_many_runs_led_to_a_start_is_remembered_for_as_long_as_the_start_is() -> None:
    deep = start(0, depth=3)
    agenda = admit(EMPTY, [deep, start(1)], busy=False, now=NOW).agenda
    assert [depth_of(agenda, start(number).started_at) for number in range(3)] == [3, 0, 0]
    many = [start(number, depth=1) for number in range(2, MAX_HANDLED + 2)]
    agenda = admit(agenda, many, busy=True, now=NOW).agenda
    assert depth_of(agenda, deep.started_at) == 0
    assert len(agenda.depths) == MAX_HANDLED


def test_only_the_newest_lines_are_kept_and_none_of_people_s_is_lost_for_others() -> None:
    agenda = EMPTY
    for number in range(MAX_EVENTS + 1):
        event = ScheduleEvent(act=ScheduleAct.PAUSE, at=NOW, actor=str(number))
        agenda = noted(agenda, event)
    people = agenda.events
    assert [each.actor for each in people] == [str(each + 1) for each in range(MAX_EVENTS)]
    agenda = note_dropped(agenda, [start(number) for number in range(99)], "late", NOW)
    assert agenda.events[:MAX_EVENTS] == people
    assert len(agenda.events) == 2 * MAX_EVENTS
    assert agenda.events[-1].run_id == run_id("etl", start(98).started_at)


def test_a_start_that_waited_and_becomes_no_run_stays_on_record_and_one_that_did_not_is_not() -> (
    None
):
    waiting = start(1, Overlap.QUEUE, latest=NOW)
    agenda = admit(EMPTY, [waiting, start(2)], busy=True, now=NOW).agenda
    assert agenda.events == ()
    (event,) = admit(agenda, [], busy=True, now=NOW + timedelta(minutes=1)).agenda.events
    assert (event.act, event.actor) == (ScheduleAct.DROP, "engine")
    assert (event.reason, event.run_id) == (Refusal.LATE, run_id("etl", waiting.started_at))


@given(
    STARTS,
    st.lists(
        st.builds(
            ScheduleEvent,
            act=st.sampled_from(ScheduleAct),
            at=st.just(NOW),
            actor=st.text(min_size=1),
            reason=st.text(),
            run_id=st.text(),
        ),
        max_size=3,
    ),
    st.integers(0, 9),
)
def test_an_agenda_is_read_back_as_it_was_written(
    starts: Sequence[PlannedStart], events: Sequence[ScheduleEvent], depth: int
) -> None:
    deep = [replace(each, depth=depth, version=depth or None) for each in starts]
    agenda = admit(replace(EMPTY, events=tuple(events)), deep, busy=True, now=NOW).agenda
    assert decode_agenda(json.loads(json.dumps(encode_agenda(agenda)))) == agenda


def test_an_agenda_that_an_older_version_has_written_is_read() -> None:
    assert decode_agenda({"scheduleId": "etl", "version": 1}) == EMPTY
