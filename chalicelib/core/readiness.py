"""What a job's upstream jobs allow it: the trigger rules, as a function of five counts."""

from collections.abc import Sequence
from enum import Enum, IntEnum
from typing import assert_never

from chalicelib.core.lifecycle import BROKEN, SATISFIED, JobStatus
from chalicelib.core.schedule import TriggerRule


class Standing(IntEnum):
    """What one upstream job is to those that wait for it; the index into a `Tally`."""

    UNTOLD = 0  # not final, and the queue can't be told to wait for it
    TOLD = 1  # not final, but the queue has it: it can be named in dependsOn
    SATISFIED = 2
    BROKEN = 3
    CANCELLED = 4


Tally = Sequence[int]  # how many upstream jobs have each Standing


def standing_of(status: JobStatus, *, told: bool = False) -> Standing:
    """What a job of that status is to its downstream; `told` only matters while it is not final."""
    if status in SATISFIED:
        return Standing.SATISFIED
    if status in BROKEN:
        return Standing.BROKEN
    if status is JobStatus.CANCELLED:
        return Standing.CANCELLED
    return Standing.TOLD if told else Standing.UNTOLD


class Verdict(Enum):
    """What a trigger rule says."""

    BLOCKED = "blocked"  # not yet
    DEPENDENT = "dependent"  # not yet, but the queue can be trusted to wait for the rest
    READY = "ready"
    DOOMED = "doomed"  # never, because something upstream failed or was cancelled
    UNMET = "unmet"  # never, and nothing upstream is to blame: its condition said no


def judge(rule: TriggerRule, tally: Tally) -> Verdict:
    """Apply a trigger rule to the counts of a job's upstream jobs.

    A job without upstream jobs is READY whatever its rule, but for ANY_FAILED, which is UNMET.
    """
    untold, told, satisfied, broken, cancelled = tally
    unfinished = untold + told
    match rule:
        case TriggerRule.ALL_SUCCEEDED:
            never, ready = broken + cancelled > 0, unfinished == 0
        case TriggerRule.ALL_DONE:
            never, ready = False, unfinished == 0
        case TriggerRule.NONE_FAILED:
            never, ready = broken > 0, unfinished == 0
        case TriggerRule.ANY_SUCCEEDED:
            ready = satisfied > 0 or not any(tally)
            never = not ready and unfinished == 0
        case TriggerRule.ANY_FAILED:
            ready = broken > 0
            never = not ready and unfinished == 0
        case _:
            assert_never(rule)
    if never:
        return Verdict.UNMET if rule is TriggerRule.ANY_FAILED else Verdict.DOOMED
    if ready:
        return Verdict.READY
    # dependsOn waits for success only (job_dependencies), which is one of the rules.
    expressible = rule is TriggerRule.ALL_SUCCEEDED and untold == 0
    return Verdict.DEPENDENT if expressible else Verdict.BLOCKED
