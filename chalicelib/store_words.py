"""What every store says alike: its refusals and the run's own events."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from chalicelib.core.granting import TokenRecord
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import Change, Event, JobState, RunHeader
from chalicelib.core.timing.calendars import BUILT_IN
from chalicelib.errors import ConflictError, ExpiredError, NotFoundError
from chalicelib.ports import RunChange, StoredSchedule


def version_exists(schedule: StoredSchedule) -> ConflictError:
    return ConflictError(
        f"Schedule {schedule.schedule_id!r} has a version {schedule.version} already.",
        event="put schedule",
    )


def no_schedule(schedule_id: str, version: int | None) -> NotFoundError:
    hint = "The schedules there are: batch-scheduler list."
    if version is None:
        return NotFoundError("schedule", schedule_id, hint)
    told = f"There is no version {version} of a schedule {schedule_id!r}. {hint}"
    return NotFoundError("schedule", schedule_id, hint, told=told)


def token_exists(record: TokenRecord) -> ConflictError:
    return ConflictError(f"There is a token {record.id!r} already.", event="create token")


def no_token(token_id: str) -> NotFoundError:
    return NotFoundError("token", token_id, "The tokens there are: batch-scheduler token list.")


def schedule_moved(schedule: StoredSchedule) -> ConflictError:
    told = f"Schedule {schedule.schedule_id!r} is no longer at version {schedule.version}."
    return ConflictError(told, event="delete schedule")


def request_moved() -> ConflictError:
    return ConflictError("The request has been taken up meanwhile.", event="put request")


def no_run(run_id: str) -> NotFoundError:
    return NotFoundError("run", run_id)


def check_kept(header: RunHeader, now: datetime) -> None:
    """Raise ExpiredError if the header is all that is left of the run."""
    if header.expires_at is not None and header.expires_at <= now:
        raise ExpiredError(header.run_id, f"{header.expires_at:%Y-%m-%d}", header.archive)


def run_exists(header: RunHeader) -> ConflictError:
    return ConflictError(f"Run {header.run_id!r} exists already.", event="create run")


def run_moved(before: RunHeader, revision: int, status: str) -> ConflictError:
    return ConflictError(
        f"Run {before.run_id!r} has changed meanwhile (revision {revision}, not "
        f"{before.revision}); load it again.",
        status=status,
        event="record",
    )


def run_goes_on(header: RunHeader) -> ConflictError:
    return ConflictError(
        f"Run {header.run_id!r} has not ended.", status=header.status, event="seal"
    )


def without_seal(header: RunHeader) -> RunHeader:
    """The header of a run that moves: it is neither archived as it is, nor does it expire."""
    return replace(header, archive="", expires_at=None)


def untold_after(before: str, after: RunHeader) -> bool | None:
    """Whether the end of a run is to be told once its header is `after`; None: as it was."""
    if after.status is RunStatus.RUNNING:
        return False
    return bool(after.policy.notify) if after.status != before else None


def letter_gone(key: str) -> ConflictError:
    return ConflictError(f"The notice {key} is not waiting any more.", event="fold")


def job_moved(run_id: str) -> ConflictError:
    return ConflictError(
        f"A job of run {run_id!r} has changed meanwhile; load the run again.", event="record"
    )


def fence_passed(epoch: int, fence: int, operation: str) -> ConflictError:
    return ConflictError(
        f"Another engine has taken over (epoch {epoch}, this one had {fence}).",
        status=str(epoch),
        event=operation,
    )


def start_of(header: RunHeader) -> RunChange:
    """The run's own first line of history."""
    return RunChange(
        act="START",
        before="",
        after=header.status,
        at=header.began_at,
        actor=header.started_by,
        reason=header.reason,
    )


def event_of_run(change: RunChange, sequence: int) -> Event:
    return Event(
        sequence=sequence,
        at=change.at,
        job="",
        act=change.act,
        before=change.before,
        after=change.after,
        actor=change.actor,
        reason=change.reason,
    )


def counts_of(states: Iterable[JobState]) -> dict[str, int]:
    """Jobs per status, without the statuses that no job has."""
    return dict(Counter(str(state.status) for state in states))


def counts_after(counts: Mapping[str, int], changes: Iterable[Change]) -> dict[str, int]:
    """`counts` moved on by `changes`."""
    moved = Counter(counts)
    for change in changes:
        moved[str(change.before.status)] -= 1
        moved[str(change.after.status)] += 1
    return {status: count for status, count in moved.items() if count}


def triggers_moved(schedule_id: str) -> ConflictError:
    return ConflictError(
        f"The triggers of schedule {schedule_id!r} have moved meanwhile; look again.",
        event="put triggers",
    )


def no_calendar(name: str) -> NotFoundError:
    if name == BUILT_IN:
        told = f"Calendar {name!r} is built in, Monday to Friday: it is nowhere stored."
        return NotFoundError("calendar", name, told=told)
    return NotFoundError(
        "calendar", name, "The calendars there are: batch-scheduler calendar list."
    )


def calendar_moved(name: str, operation: str) -> ConflictError:
    return ConflictError(
        f"Calendar {name!r} has changed meanwhile; look at it again.", event=operation
    )


def storable(text: str) -> str:
    """`text` with escapes for what UTF-8 can't hold, such as undecodable names of files."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
