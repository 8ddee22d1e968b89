"""The bars of a Gantt chart, made of a run's history."""

from dataclasses import replace
from typing import Any

from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Event, JobState
from chalicelib.core.timeline import Bar, timeline
from tests.unit.runs import after, state

J = JobStatus


def event(number: int, act: Act, before: J, later: J, **members: Any) -> Event:
    given = {"attempt": 1, "job_id": "q1", **members}
    return Event(
        sequence=number, at=after(number), job="a", act=act, before=before, after=later, **given
    )


FIRST = [
    event(1, Act.RESERVE, J.WAITING, J.RESERVED, job_id=""),
    event(2, Act.ACCEPT, J.RESERVED, J.SUBMITTED),
    event(3, Act.OBSERVE, J.SUBMITTED, J.RUNNING),
]


def bars(events: list[Event], now: JobState | None = None) -> list[Bar]:
    return timeline(events, {"a": now or state("a", J.WAITING, attempt=0)})["a"]


def test_an_attempt_begins_when_it_is_handed_over_and_lasts() -> None:
    assert bars(FIRST) == [
        Bar(attempt=1, handed_over_at=after(1), started_at=after(3), job_id="q1")
    ]


def test_an_attempt_ends_as_the_history_says() -> None:
    ended = event(9, Act.OBSERVE, J.RUNNING, J.FAILED, exit_code=3)
    [bar] = bars([*FIRST, ended])
    assert (bar.stopped_at, bar.status, bar.exit_code) == (after(9), "FAILED", 3)


def test_a_retry_tells_of_a_failure_and_another_attempt_follows() -> None:
    events = [
        *FIRST,
        event(5, Act.RETRY, J.RUNNING, J.WAITING, exit_code=1),
        event(8, Act.RESERVE, J.WAITING, J.RESERVED, attempt=2, job_id=""),
    ]
    first, second = bars(events)
    assert (first.status, first.stopped_at, first.job_id) == ("FAILED", after(5), "q1")
    assert (second.attempt, second.handed_over_at, second.status) == (2, after(8), "")


def test_what_an_operator_does_to_a_job_that_is_not_in_the_queue_is_no_end() -> None:
    ended = event(9, Act.OBSERVE, J.RUNNING, J.FAILED)
    passed = event(11, Act.PASS, J.FAILED, J.PASS)
    assert bars([*FIRST, ended, passed]) == bars([*FIRST, ended])
    assert bars([event(1, Act.HOLD, J.WAITING, J.HELD, attempt=0)]) == []


def test_an_attempt_that_never_reached_the_queue_is_none() -> None:
    taken_back = event(2, Act.UNRESERVE, J.RESERVED, J.WAITING, attempt=0, job_id="")
    assert bars([FIRST[0], taken_back]) == []


def test_of_the_last_attempt_the_queue_knows_the_times() -> None:
    ended = event(9, Act.OBSERVE, J.RUNNING, J.SUCCEEDED)
    now = state("a", J.SUCCEEDED, job_id="q1", started_at=after(2.5), stopped_at=after(7))
    [exact] = bars([*FIRST, ended], now)
    assert (exact.started_at, exact.stopped_at) == (after(2.5), after(7))
    [seen] = bars([*FIRST, ended], replace(now, started_at=None, stopped_at=None))
    assert (seen.started_at, seen.stopped_at) == (after(3), after(9))
    [other] = bars([*FIRST, ended], replace(now, job_id="q7"))
    assert other.started_at == after(3)
    [running] = bars(FIRST, replace(now, status=J.RUNNING))
    assert running.stopped_at is None


def test_jobs_that_are_not_asked_for_are_passed_over() -> None:
    assert timeline(FIRST, {}) == {}
