"""What the trigger rules say, as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.core.readiness import Standing, Verdict, judge, standing_of
from chalicelib.core.schedule import TriggerRule

ALL, DONE, ANY, FAILED, NONE = (
    TriggerRule.ALL_SUCCEEDED,
    TriggerRule.ALL_DONE,
    TriggerRule.ANY_SUCCEEDED,
    TriggerRule.ANY_FAILED,
    TriggerRule.NONE_FAILED,
)
tallies = st.lists(st.integers(0, 3), min_size=5, max_size=5)
rules = st.sampled_from(TriggerRule)


def tally(letters: str) -> list[int]:
    """`u`ntold, `t`old, `s`atisfied, `b`roken, `c`ancelled: one letter an upstream job."""
    return [letters.count(letter) for letter in "utsbc"]


@pytest.mark.parametrize(
    ("rule", "upstream", "verdict"),
    [
        (ALL, "", Verdict.READY),
        (ALL, "ss", Verdict.READY),
        (ALL, "su", Verdict.BLOCKED),
        (ALL, "tu", Verdict.BLOCKED),
        (ALL, "st", Verdict.DEPENDENT),
        (ALL, "ub", Verdict.DOOMED),
        (ALL, "tc", Verdict.DOOMED),
        (DONE, "", Verdict.READY),
        (DONE, "sbc", Verdict.READY),
        (DONE, "sbu", Verdict.BLOCKED),
        (DONE, "t", Verdict.BLOCKED),
        (NONE, "", Verdict.READY),
        (NONE, "sc", Verdict.READY),
        (NONE, "st", Verdict.BLOCKED),
        (NONE, "ub", Verdict.DOOMED),
        (ANY, "", Verdict.READY),
        (ANY, "su", Verdict.READY),
        (ANY, "bt", Verdict.BLOCKED),
        (ANY, "bu", Verdict.BLOCKED),
        (ANY, "bc", Verdict.DOOMED),
        (FAILED, "", Verdict.UNMET),
        (FAILED, "ub", Verdict.READY),
        (FAILED, "st", Verdict.BLOCKED),
        (FAILED, "su", Verdict.BLOCKED),
        (FAILED, "sc", Verdict.UNMET),
    ],
)
def test_a_rule_says_of_its_upstream_jobs(
    rule: TriggerRule, upstream: str, verdict: Verdict
) -> None:
    assert judge(rule, tally(upstream)) is verdict


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        (JobStatus.SUCCEEDED, Standing.SATISFIED),
        (JobStatus.PASS, Standing.SATISFIED),
        (JobStatus.SKIPPED, Standing.SATISFIED),
        (JobStatus.FAILED, Standing.BROKEN),
        (JobStatus.UPSTREAM_FAILED, Standing.BROKEN),
        (JobStatus.NOTFOUND, Standing.BROKEN),
        (JobStatus.CANCELLED, Standing.CANCELLED),
        (JobStatus.WAITING, Standing.UNTOLD),
        (JobStatus.RUNNING, Standing.UNTOLD),
    ],
)
def test_a_status_stands_for(status: JobStatus, standing: Standing) -> None:
    assert standing_of(status) is standing


@pytest.mark.parametrize("status", sorted(set(JobStatus) - FINAL))
def test_an_unfinished_job_is_told_only_if_the_queue_can_wait_for_it(status: JobStatus) -> None:
    assert standing_of(status, told=True) is Standing.TOLD
    assert standing_of(status, told=False) is Standing.UNTOLD


@pytest.mark.parametrize("status", sorted(FINAL))
def test_being_told_means_nothing_of_a_final_job(status: JobStatus) -> None:
    assert standing_of(status, told=True) is standing_of(status, told=False)


@given(rules, tallies)
def test_nothing_is_left_open_once_everything_upstream_is_final(
    rule: TriggerRule, counts: list[int]
) -> None:
    final = [0, 0, *counts[2:]]
    assert judge(rule, final) in (Verdict.READY, Verdict.DOOMED, Verdict.UNMET)


@given(rules, tallies, st.sampled_from([2, 3, 4]))
def test_a_verdict_for_good_stays_whatever_end_the_rest_comes_to(
    rule: TriggerRule, counts: list[int], end: int
) -> None:
    ended = [0, 0, *counts[2:]]
    ended[end] += counts[0] + counts[1]
    verdict = judge(rule, counts)
    if verdict in (Verdict.READY, Verdict.DOOMED, Verdict.UNMET):
        assert judge(rule, ended) is verdict


@given(tallies)
def test_only_the_rule_that_the_queue_knows_is_left_to_it(counts: list[int]) -> None:
    dependent = {rule for rule in TriggerRule if judge(rule, counts) is Verdict.DEPENDENT}
    assert dependent <= {TriggerRule.ALL_SUCCEEDED}
