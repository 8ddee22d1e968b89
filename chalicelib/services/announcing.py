"""What people are told of a run: what failed, why, and the command that repairs it."""

import logging
from dataclasses import replace

from chalicelib.core.advising import Advice, command, words_about
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.loading import read
from chalicelib.core.run import Run, RunHeader
from chalicelib.core.schedule import OnFailure
from chalicelib.errors import BackendError, InvalidInputError, NotFoundError
from chalicelib.ports import DrivingPorts, JobRecord, Notice
from chalicelib.services.finding import counts_of
from chalicelib.services.overview import FAILED

logger = logging.getLogger(__name__)

_SHOWN = 10  # failed jobs that one message tells of
_GOES_ON = {
    OnFailure.CONTINUE: "The run goes on with what does not depend on it.",
    OnFailure.STOP: "The run stops, as its onFailure says: what runs is terminated.",
}


def tell_first_failure(ports: DrivingPorts, run: Run) -> bool:
    """Tell that a job has failed while the run goes on; False when none has."""
    header = run.header
    if not any(run.counts[status] for status in FAILED):
        return False
    records = ports.runs.find_jobs(header.run_id, statuses=FAILED, limit=_SHOWN)
    if not records:
        return False
    first = records[0]
    lines = [
        f"Job {first.spec.name} of run {header.run_id} has failed.",
        _GOES_ON[header.policy.on_failure],
        *_failures(records),
        "",
        f"Why: {_about(ports, header, first, 'explain')}",
        f"Log: {_about(ports, header, first, 'logs')}",
    ]
    _publish(ports, header, "failure", f"{header.schedule_id}: {first.spec.name} failed", lines)
    return True


def tell_end(ports: DrivingPorts, header: RunHeader) -> None:
    """Tell how the run ended."""
    counts = ", ".join(f"{count} {status}" for status, count in counts_of(header).items())
    is_ended = header.status is RunStatus.CANCELLED and header.reason
    why = f": {header.reason}" if is_ended else "."
    lines = [f"Run {header.run_id} is {header.status}{why}", f"Jobs: {counts or 'none'}."]
    if header.status is not RunStatus.SUCCEEDED:
        lines += [*_failures(_blamed(ports, header)), "", *_repairs(ports, header)]
    _publish(ports, header, "end", f"{header.schedule_id}: run {header.status}", lines)


def tell_driver_failed(ports: DrivingPorts, header: RunHeader, reason: str) -> None:
    """Tell that nobody drives the run for now."""
    lines = [
        f"The driver of run {header.run_id} has failed: {reason}",
        "What is on AWS Batch goes on. The next reconciliation gives the run to another driver;",
        "after several failures in a row one does within an hour.",
        "",
        f"What happened before: {command(('history', header.run_id), ports.where)}",
        f"Repair, then at once:  {command(('resume', '--detach'), ports.where)}",
    ]
    _publish(ports, header, f"driver-{header.handovers}", f"{header.schedule_id}: driver failed",
             lines)  # fmt: skip


def _blamed(ports: DrivingPorts, header: RunHeader) -> list[JobRecord]:
    """The jobs that failed; where none did, those that somebody or a policy ended."""
    find, run_id = ports.runs.find_jobs, header.run_id
    failed = find(run_id, statuses=FAILED, limit=_SHOWN)
    return failed or find(run_id, statuses=[JobStatus.CANCELLED], limit=_SHOWN)


def _about(ports: DrivingPorts, header: RunHeader, record: JobRecord, verb: str) -> str:
    name = record.spec.name
    return command(Advice(words_about(name, (verb,)), "", name, header.run_id).in_full, ports.where)


def _failures(records: list[JobRecord]) -> list[str]:
    lines = [f"- {each.spec.name}: {each.state.reason or each.state.status}" for each in records]
    return [*lines, "- and perhaps more"] if len(records) == _SHOWN else lines


def _repairs(ports: DrivingPorts, header: RunHeader) -> list[str]:
    run = header.run_id
    return [
        f"Why:                  {command(('explain', run), ports.where)}",
        f"What would run again: {command(('restart', run, '--plan'), ports.where)}",
        f"Repair, then go on:   {command(('restart', run), ports.where)}",
    ]


def _publish(
    ports: DrivingPorts, header: RunHeader, what: str, subject: str, lines: list[str]
) -> None:
    """Publish under an id that is the same when the same is told again.

    A topic of the schedule that is gone, or that we may not use, is no reason to tell nobody: then
    the default one is told, of the topic as well.
    """
    notice = Notice(
        id=f"{header.run_id}/{header.generation}/{what}",
        subject=subject,
        message="\n".join(lines),
        topic=_topic(ports, header),
    )
    try:
        ports.notices.publish(notice)
    except BackendError as error:
        if error.retryable or not notice.topic:
            raise
        logger.warning("%s can't be told: %s", notice.topic, error)
        note = f"The schedule's own topic {notice.topic} could not be told: {error.reason}"
        told = "\n".join([notice.message, "", note])
        ports.notices.publish(replace(notice, message=told, topic=""))


def _topic(ports: DrivingPorts, header: RunHeader) -> str:
    """The topic that the schedule's document names; empty for the default one."""
    try:
        stored = ports.schedules.get_schedule(header.schedule_id, header.schedule_version or None)
        document = read(stored.document.encode(), "schedule.json")
    except (NotFoundError, InvalidInputError):
        return ""  # a run of older times, whose schedule is gone or would be refused today
    return document.schedule_sns_topic or ""
