"""What people are told: on AWS by the topic of the stage or of the schedule, and by its rules.

The topic is told directly, as from the first version on; whoever could not tell it tries again.
What rules want goes into the outbox first.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from chalicelib.core import notice_words
from chalicelib.core.document import ScheduleDocument
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.loading import read
from chalicelib.core.naming import start_text
from chalicelib.core.notice_rules import Occasion, digest_of
from chalicelib.core.notice_words import NoStart
from chalicelib.core.notices import Letter, News, Words
from chalicelib.core.run import Run, RunHeader
from chalicelib.core.timing.agenda import PlannedStart
from chalicelib.driving_ports import DrivingPorts, Notice
from chalicelib.errors import BackendError, InvalidInputError, NotFoundError, SchedulerError
from chalicelib.ports import Ports
from chalicelib.services import delivering, posting
from chalicelib.services.finding import counts_of
from chalicelib.services.overview import FAILED

logger = logging.getLogger(__name__)

IsLate = delivering.IsLate


def in_no_hurry() -> bool:
    """Never late."""
    return False


def tell_first_failure(ports: DrivingPorts, run: Run, is_late: IsLate = in_no_hurry) -> bool:
    """Tell that a job has failed while the run goes on; False when none has."""
    header = run.header
    if not any(run.counts[status] for status in FAILED):
        return False
    failed = posting.failed_jobs(ports, header)
    if not failed:
        return False
    words = notice_words.of_first_failure(header, failed, ports.where)
    try:
        _publish(ports, header, "failure", words)
    finally:
        _tell_rules(ports, header, lambda: _first_failure(ports, header), is_late)
    return True


def _first_failure(ports: DrivingPorts, header: RunHeader) -> list[Letter]:
    return posting.post_first_failure(ports, header, posting.OWN)


def tell_end(ports: DrivingPorts, header: RunHeader, is_late: IsLate = in_no_hurry) -> None:
    """Tell how the run ended."""
    is_failed = header.status is not RunStatus.SUCCEEDED
    blamed = posting.blamed(ports, header) if is_failed else ()
    words = notice_words.of_end(header, counts_of(header), blamed, ports.where)
    try:
        _publish(ports, header, "end", words)
    finally:
        _tell_rules(ports, header, lambda: posting.post_end(ports, header, posting.OWN), is_late)


def tell_driver_failed(
    ports: DrivingPorts, header: RunHeader, reason: str, is_late: IsLate = in_no_hurry
) -> None:
    """Tell that nobody drives the run for now."""
    words = notice_words.of_driver_failed(header, reason, ports.where)
    try:
        _publish(ports, header, f"driver-{header.handovers}", words)
    finally:
        _tell_rules(
            ports,
            header,
            lambda: posting.post_driver_failed(ports, header, reason, posting.OWN),
            is_late,
        )


def tell_missed(ports: Ports, schedule_id: str, start: NoStart) -> list[Letter]:
    """Post that no run was started for a fire time."""
    words = notice_words.of_missed(schedule_id, start, ports.where)
    return _post_of_schedule(ports, schedule_id, Occasion.MISSED, start, words)


def tell_overlap_skipped(ports: Ports, schedule_id: str, start: NoStart) -> list[Letter]:
    """Post that no run was started for a fire time because another run of the schedule goes on."""
    words = notice_words.of_overlap_skipped(schedule_id, start, ports.where)
    return _post_of_schedule(ports, schedule_id, Occasion.OVERLAP_SKIPPED, start, words)


def no_start_of(start: PlannedStart, why: str) -> NoStart:
    """A start that was planned, as one that is not made."""
    return NoStart(
        trigger=start.trigger,
        fire_time=start.fire_at,
        why=why,
        event=start.reason,
        key=start_text(start.started_at),
        parameters=start.parameters,
    )


def _post_of_schedule(
    ports: Ports, schedule_id: str, kind: Occasion, start: NoStart, words: Words
) -> list[Letter]:
    """Post by the rules of the schedule as it is today."""
    document = _document(ports, schedule_id, None)
    rules = [rule.frozen for rule in document.notify or ()] if document else []
    which = digest_of(start.trigger, start.key)
    news = News(
        id=f"{schedule_id}/{start_text(start.fire_time)}/{which}/{kind}",
        kind=kind,
        schedule_id=schedule_id,
        words=words,
        at=start.fire_time,
    )
    return posting.post(ports, rules, [news])


def _tell_rules(
    ports: DrivingPorts, header: RunHeader, post: Callable[[], list[Letter]], is_late: IsLate
) -> None:
    """Post what the run's rules want, and deliver it; what can't be is left to `reconcile`."""
    if not header.policy.notify:
        return
    letters = post()
    try:
        delivering.deliver_own(delivering.couriers_of(ports), letters, is_late)
    except SchedulerError as error:
        logger.warning("can't deliver notices of %s now: %s", header.run_id, error)


def _publish(ports: DrivingPorts, header: RunHeader, what: str, words: Words) -> None:
    """Publish under an id that is the same when the same is told again.

    A topic of the schedule that is gone, or that we may not use, is no reason to tell nobody: then
    the default one is told, of the topic as well.
    """
    notice = Notice(
        id=f"{header.run_id}/{header.generation}/{what}",
        subject=words.subject,
        message=words.message,
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
    document = _document(ports, header.schedule_id, header.schedule_version or None)
    return (document.schedule_sns_topic or "") if document else ""


def _document(ports: Ports, schedule_id: str, version: int | None) -> ScheduleDocument | None:
    """None for a run of older times, whose schedule is gone or would be refused today."""
    try:
        stored = ports.schedules.get_schedule(schedule_id, version)
        return read(stored.document.encode(), "schedule.json")
    except (NotFoundError, InvalidInputError):
        return None
