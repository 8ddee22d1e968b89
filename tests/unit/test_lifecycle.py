"""The one table of who may follow whom: complete, and with no way round its rules."""

import pytest

from chalicelib.core.lifecycle import (
    BROKEN,
    FINAL,
    LIVE,
    OPERATOR_ACTS,
    QUEUED,
    SATISFIED,
    STARTED,
    TRANSITIONS,
    Act,
    JobStatus,
    may_follow,
    possible_acts,
)

ROWS = [
    (before, act, after)
    for before, row in TRANSITIONS.items()
    for act, targets in row.items()
    for after in targets
]
EVERY_STATUS = pytest.mark.parametrize("status", list(JobStatus), ids=str)


def reachable(start: JobStatus, *, but: frozenset[Act] = frozenset()) -> set[JobStatus]:
    seen, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        for before, act, after in ROWS:
            if before is here and act not in but and after not in seen:
                seen.add(after)
                waiting.append(after)
    return seen


def test_every_status_has_a_row() -> None:
    assert set(TRANSITIONS) == set(JobStatus)


def test_every_act_is_used() -> None:
    assert {act for _, act, _ in ROWS} == set(Act)


def test_no_act_leads_nowhere() -> None:
    assert all(targets for row in TRANSITIONS.values() for targets in row.values())


def test_the_groups_divide_all_statuses() -> None:
    unfinished = {JobStatus.WAITING, JobStatus.HELD, JobStatus.RESERVED}
    groups = [QUEUED, STARTED, SATISFIED, BROKEN, {JobStatus.CANCELLED}, unfinished]
    members = [status for group in groups for status in group]
    assert sorted(members) == sorted(JobStatus)
    assert LIVE == QUEUED | STARTED
    assert SATISFIED | BROKEN | {JobStatus.CANCELLED} == FINAL


@EVERY_STATUS
def test_every_status_can_come_to_a_new_job(status: JobStatus) -> None:
    assert status in reachable(JobStatus.WAITING)


@EVERY_STATUS
def test_every_job_can_still_end(status: JobStatus) -> None:
    assert reachable(status) & FINAL


@pytest.mark.parametrize("status", sorted(FINAL), ids=str)
def test_every_end_can_be_made_good_by_an_operator(status: JobStatus) -> None:
    assert may_follow(status, Act.RERUN, JobStatus.WAITING)


def test_an_end_is_left_only_by_operators_and_by_what_follows_from_them() -> None:
    leaving = {act for before, act, after in ROWS if before in FINAL and after is not before}
    assert leaving <= OPERATOR_ACTS | {Act.REVIVE}


def test_only_a_job_that_never_ran_is_revived() -> None:
    assert {before for before, act, _ in ROWS if act is Act.REVIVE} == {
        JobStatus.UPSTREAM_FAILED,
        JobStatus.SKIPPED,
    }


def test_nothing_reaches_the_queue_but_through_a_reservation() -> None:
    entering = {
        (before, act) for before, act, after in ROWS if after in LIVE and before not in LIVE
    }
    assert entering == {(JobStatus.RESERVED, Act.ACCEPT)}


def test_only_a_waiting_job_is_reserved() -> None:
    entering = {
        (before, act) for before, act, after in ROWS if after is JobStatus.RESERVED is not before
    }
    assert entering == {(JobStatus.WAITING, Act.RESERVE)}


def test_a_held_job_is_never_reserved_before_its_release() -> None:
    others = frozenset(Act) - {Act.HOLD, Act.RELEASE, Act.RESERVE}
    assert JobStatus.RESERVED in reachable(JobStatus.HELD, but=others)
    assert JobStatus.RESERVED not in reachable(JobStatus.HELD, but=others | {Act.RELEASE})


@pytest.mark.parametrize("status", sorted(LIVE | {JobStatus.RESERVED}), ids=str)
def test_an_operator_never_moves_what_the_queue_may_have_but_asks_for_it(
    status: JobStatus,
) -> None:
    same = STARTED if status in STARTED else QUEUED if status in QUEUED else {status}
    for act in possible_acts(status):
        assert TRANSITIONS[status][act] <= same


def test_the_queue_forgets_only_what_it_had() -> None:
    assert {before for before, act, _ in ROWS if act is Act.FORGET} == LIVE


def test_withdrawing_is_only_for_what_has_not_started() -> None:
    assert {before for before, act, _ in ROWS if act is Act.WITHDRAW} == QUEUED


@EVERY_STATUS
def test_possible_acts_are_the_operators_in_their_order(status: JobStatus) -> None:
    acts = possible_acts(status)
    assert list(acts) == [act for act in Act if act in TRANSITIONS[status].keys() & OPERATOR_ACTS]


@pytest.mark.parametrize(
    ("status", "acts"),
    [
        (JobStatus.WAITING, "HOLD PASS CANCEL TERMINATE"),
        (JobStatus.HELD, "RELEASE PASS CANCEL TERMINATE"),
        (JobStatus.RESERVED, "CANCEL TERMINATE"),
        (JobStatus.RUNNABLE, "HOLD PASS CANCEL TERMINATE"),
        (JobStatus.RUNNING, "CANCEL TERMINATE"),
        (JobStatus.SUCCEEDED, "MARK_FAILED RERUN RESTART"),
        (JobStatus.FAILED, "PASS MARK_SUCCEEDED RERUN RESTART"),
        (JobStatus.UPSTREAM_FAILED, "PASS MARK_SUCCEEDED RERUN RESTART"),
        (JobStatus.CANCELLED, "PASS MARK_SUCCEEDED RERUN RESTART"),
        (JobStatus.PASS, "MARK_FAILED RERUN RESTART"),
        (JobStatus.SKIPPED, "PASS RERUN RESTART"),
        (JobStatus.NOTFOUND, "PASS MARK_SUCCEEDED MARK_FAILED RERUN RESTART"),
    ],
    ids=str,
)
def test_what_an_operator_can_do(status: JobStatus, acts: str) -> None:
    assert " ".join(possible_acts(status)) == acts


def test_the_table_allows_what_it_says_and_nothing_else() -> None:
    allowed = {
        (before, act, after)
        for before in JobStatus
        for act in Act
        for after in JobStatus
        if may_follow(before, act, after)
    }
    assert allowed == set(ROWS)
