"""A schedule after it was read, checked and filled: what a run is frozen from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from chalicelib.core.notice_rules import NoticeRule


class TriggerRule(StrEnum):
    """What a job asks of its upstream jobs before it may run.

    SUCCEEDED, PASS and SKIPPED count as succeeded; FAILED, UPSTREAM_FAILED and NOTFOUND as failed;
    CANCELLED as neither.
    """

    ALL_SUCCEEDED = "all succeeded"
    ALL_DONE = "all done"
    ANY_SUCCEEDED = "any succeeded"
    ANY_FAILED = "any failed"
    NONE_FAILED = "none failed"


class OnFailure(StrEnum):
    """What the first failed job does to the rest of the run."""

    CONTINUE = "continue"  # what does not depend on it goes on
    STOP = "stop"  # nothing more starts, what runs is terminated


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Retries done by the engine: AWS Batch has no delay between attempts (job_retries)."""

    attempts: int  # in all, the first included
    delay_seconds: float = 0.0  # before the second attempt
    backoff: float = 1.0  # each later delay is this many times the one before
    max_delay_seconds: float = 86_400.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after the given number of failed attempts (1 or more)."""
        exponent = min(failures - 1, 64)  # 64 doublings are past any maximum and no float overflows
        return min(self.delay_seconds * self.backoff**exponent, self.max_delay_seconds)


class Reference(NamedTuple):
    """An output of another job that stands in a job's texts; see core.outputs."""

    job: str
    output: str

    def __str__(self) -> str:
        return f"${{jobs.{self.job}.outputs.{self.output}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A job as a run will do it: parameters filled, defaults and definitions merged.

    `request` holds the members of SubmitJob in its JSON spelling except jobName and dependsOn;
    empty for a gate that runs nothing. `reads` are the outputs that are still to be filled into it.
    """

    name: str
    upstream: tuple[str, ...] = ()
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCEEDED
    is_finally: bool = False
    hold: bool = False
    passed: bool = False  # the document says PASS: counted as done, never submitted
    retry: RetryPolicy | None = None
    runnable_timeout: int | None = None  # s
    description: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[Reference, ...] = ()

    @property
    def is_gate(self) -> bool:
        """True for a job that only waits for its release and runs nothing."""
        return self.hold and not self.request


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What holds for all jobs of a run."""

    on_failure: OnFailure = OnFailure.CONTINUE
    max_concurrency: int | None = None  # jobs handed to the queue and not ended
    wait_time: int = 60  # s between polls of last resort
    notify: tuple[NoticeRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A graph of jobs, ready to run: no cycle, every upstream name exists, names are unique."""

    schedule_id: str
    name: str = ""
    category: str = ""
    policy: Policy = field(default_factory=Policy)
    jobs: tuple[JobSpec, ...] = ()  # in the document's order, finally jobs last
