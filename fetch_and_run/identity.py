"""Who a job is, by the variables that its scheduler and AWS Batch have set."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

RUN, JOB, ATTEMPT = "BATCH_SCHEDULER_RUN", "BATCH_SCHEDULER_JOB", "BATCH_SCHEDULER_ATTEMPT"
OWNER, INDEX = "AWS_BATCH_JOB_ID", "AWS_BATCH_JOB_ARRAY_INDEX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One attempt of a job of a run; `index` is the child's number in an array, empty otherwise.

    `owner` is the queue's job id: AWS Batch's own retries keep it, so they are the same owner.
    """

    run: str
    job: str
    attempt: int
    owner: str
    index: str = ""

    @property
    def token(self) -> str:
        """What the attempt's remote work is known by: 64 hexadecimal digits, always the same."""
        parts = (self.run, self.job, str(self.attempt), self.index)
        return sha256("\n".join(parts).encode()).hexdigest()


def identity_of(environment: Mapping[str, str]) -> Identity | None:
    """Who runs here; None when no scheduler has started this."""
    values = [environment.get(name, "") for name in (RUN, JOB, ATTEMPT, OWNER)]
    run, job, attempt, owner = values
    if not all(values) or not attempt.isdigit():
        return None
    return Identity(
        run=run, job=job, attempt=int(attempt), owner=owner, index=environment.get(INDEX, "")
    )
