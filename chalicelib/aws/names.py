"""The fixed names of a stage's resources: the companion template makes the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tables:
    """DynamoDB's tables of one stage."""

    stage: str

    @property
    def schedules(self) -> str:
        return f"BatchSchedules-{self.stage}"

    @property
    def history(self) -> str:
        """The headers of runs."""
        return f"BatchScheduleHistory-{self.stage}"

    @property
    def jobs(self) -> str:
        return f"BatchScheduleJobs-{self.stage}"

    @property
    def state(self) -> str:
        """What the scheduler itself remembers: triggers, calendars, requests, notices."""
        return f"BatchScheduleState-{self.stage}"

    @property
    def tokens(self) -> str:
        return f"BatchScheduleTokens-{self.stage}"


def bucket_of(stage: str, account: str, region: str) -> str:
    """Where schedules are uploaded to, and documents are kept."""
    return f"batch-scheduler-{stage}-{account}-{region}"


def archive_of(stage: str, account: str, region: str) -> str:
    """Where ended runs are kept for analysis."""
    return f"batch-scheduler-archive-{stage}-{account}-{region}"


def ready_made_of(stage: str) -> str:
    """What the names of the ready-made job definitions begin with; the kind of work follows."""
    return f"batch-scheduler-{stage}-"
