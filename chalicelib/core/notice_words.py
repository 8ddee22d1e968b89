"""The words of notices: what happened, why, and the commands that repair it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.core.advising import Advice, command, words_about
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.naming import start_text
from chalicelib.core.notices import Words
from chalicelib.core.run import Intent, JobState, Run, RunHeader
from chalicelib.core.schedule import OnFailure
from chalicelib.core.secrecy import hidden_values
from chalicelib.core.wording import counted

SHOWN = 10  # jobs that one message tells of
_LONGEST_IN_RUNNABLE = timedelta(hours=1)  # of a job without a time limit of its own
# How the reasons begin that a blocked queue gives (Batch: "Job queue blocked events"); the host of
# one machine says the first of them as well.
_BLOCKED = ("MISCONFIGURATION:", "CAPACITY:", "UNDETERMINED")
_GOES_ON = {
    OnFailure.CONTINUE: "The run goes on with what does not depend on it.",
    OnFailure.STOP: "The run stops, as its onFailure says: what runs is terminated.",
}


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that a message tells of."""

    name: str
    state: JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStart:
    """A start that was not made, and why.

    `event` is what asked for it, `key` what tells it from others of its trigger and fire time,
    `parameters` those that its run would have had.
    """

    trigger: str
    fire_time: datetime
    why: str
    event: str = ""
    key: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def asked_by(self) -> str:
        """The trigger, and what made it fire."""
        event = " ".join(self.event.split())  # a file's name may have line breaks
        return f"{self.trigger}: {event}" if event else self.trigger


def of_first_failure(header: RunHeader, failed: Sequence[Failed], where: Sequence[str]) -> Words:
    """A job has failed while the run goes on; `failed` are those so far, at least one."""
    first, is_running = failed[0].name, header.status is RunStatus.RUNNING
    return Words(
        subject=f"{header.schedule_id}: {first} failed",
        lines=(
            f"Job {first} of run {header.run_id} has failed.",
            _GOES_ON[header.policy.on_failure] if is_running else "The run has ended.",
            *_failures(failed),
        ),
        commands=_about_job(header, first, where),
    )


def of_end(
    header: RunHeader,
    counts: Mapping[JobStatus, int],
    blamed: Sequence[Failed],
    where: Sequence[str],
    *,
    recovered: bool = False,
) -> Words:
    """The run has ended; `blamed` are the jobs that a run failed by."""
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    is_ended = header.status is RunStatus.CANCELLED and header.reason
    why = f": {header.reason}" if is_ended else "."
    lines = [f"Run {header.run_id} is {header.status}{why}", f"Jobs: {told or 'none'}."]
    if recovered:
        lines.append("What had failed before is repaired.")
    again = " again" if recovered else ""
    failed = header.status is not RunStatus.SUCCEEDED
    return Words(
        subject=f"{header.schedule_id}: run {header.status}{again}",
        lines=(*lines, *(_failures(blamed) if failed else ())),
        commands=_repairs(header, where) if failed else (),
    )


def of_driver_failed(header: RunHeader, reason: str, where: Sequence[str]) -> Words:
    """Nobody drives the run for now."""
    return Words(
        subject=f"{header.schedule_id}: driver failed",
        lines=(
            f"The driver of run {header.run_id} has failed: {reason}",
            "What is on AWS Batch goes on. The next reconciliation gives the run to another",
            "driver; after several failures in a row one does within an hour.",
        ),
        commands=(
            ("What happened before:", command(("history", header.run_id), where)),
            ("Repair, then at once:", command(("resume", "--detach"), where)),
        ),
    )


def of_stuck(header: RunHeader, stuck: Sequence[Failed], where: Sequence[str]) -> Words:
    """Jobs wait for their queue for too long; at least one."""
    first = stuck[0].name
    return Words(
        subject=f"{header.schedule_id}: {first} is stuck",
        lines=(
            f"In RUNNABLE for too long in run {header.run_id}: {counted(len(stuck), 'job')}.",
            *_failures(stuck[:SHOWN]),
            "The queue has too little room for what they ask, or is blocked.",
        ),
        commands=_about_job(header, first, where)[:1],
    )


def of_missed(schedule_id: str, start: NoStart, where: Sequence[str]) -> Words:
    """A fire time passed without a run."""
    at = start_text(start.fire_time)
    return Words(
        subject=f"{schedule_id}: the run of {at} was missed",
        lines=(
            f"Schedule {schedule_id} should have started at {at} ({start.asked_by}), and did not.",
            f"Why: {start.why}",
        ),
        commands=_start_now(schedule_id, start, where),
    )


def of_overlap_skipped(schedule_id: str, start: NoStart, where: Sequence[str]) -> Words:
    """A fire time was skipped because a run goes on."""
    at = start_text(start.fire_time)
    return Words(
        subject=f"{schedule_id}: the run of {at} was skipped",
        lines=(
            f"Schedule {schedule_id} was not started at {at} ({start.asked_by}).",
            f"Another run of it goes on: {start.why}",
        ),
        commands=_start_now(schedule_id, start, where),
    )


def stuck_jobs(run: Run, now: datetime) -> list[Failed]:
    """The jobs in RUNNABLE for too long, or in a blocked queue; in the document's order."""
    if not run.counts[JobStatus.RUNNABLE]:
        return []
    return [
        Failed(name, state)
        for name, state in run.states.items()
        if state.status is JobStatus.RUNNABLE and _is_stuck(run, name, state, now)
    ]


def _is_stuck(run: Run, name: str, state: JobState, now: datetime) -> bool:
    if state.intent is Intent.EXPIRE or state.reason.startswith(_BLOCKED):
        return True
    own = run.specs[name].runnable_timeout
    longest = _LONGEST_IN_RUNNABLE if own is None else timedelta(seconds=own)
    return state.runnable_since is not None and now - state.runnable_since >= longest


def _about_job(header: RunHeader, name: str, where: Sequence[str]) -> tuple[tuple[str, str], ...]:
    def line(verb: str) -> str:
        return command(Advice(words_about(name, (verb,)), "", name, header.run_id).in_full, where)

    return (("Why:", line("explain")), ("Log:", line("logs")))


def _repairs(header: RunHeader, where: Sequence[str]) -> tuple[tuple[str, str], ...]:
    run = header.run_id
    return (
        ("Why:", command(("explain", run), where)),
        ("What would run again:", command(("restart", run, "--plan"), where)),
        ("Repair, then go on:", command(("restart", run), where)),
    )


def _start_now(
    schedule_id: str, start: NoStart, where: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    given = [
        word
        for name, value in hidden_values(start.parameters).items()
        for word in ("--param", f"{name}={value if isinstance(value, str) else json.dumps(value)}")
    ]
    return (("Start it now:", command(("start", schedule_id, *given), where)),)


def _failures(jobs: Sequence[Failed]) -> list[str]:
    lines = [f"- {each.name}: {each.state.reason or each.state.status}" for each in jobs]
    return [*lines, "- and perhaps more"] if len(jobs) == SHOWN else lines
