"""Keeping schedules: every accepted version of a document stays readable."""

from dataclasses import replace
from hashlib import sha256

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.resolving import check_unfilled
from chalicelib.errors import NotFoundError
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services import triggers


def put(ports: Ports, document: ScheduleDocument, actor: str) -> StoredSchedule:
    """Store the document as the newest version; one equal to the newest is not stored again.

    From now on its triggers start runs, and those of the version before do no more. Raises
    InvalidInputError for jobs that are too large to be submitted, and ConflictError when somebody
    else stores a version at the same moment.
    """
    check_unfilled(document)
    schedule = first_version(ports, document, actor)
    try:
        newest = ports.schedules.get_schedule(document.schedule_id)
    except NotFoundError:
        pass
    else:
        if newest.digest == schedule.digest:
            # Whoever stored it may have been cut off before its triggers were followed.
            triggers.follow(ports, newest, document)
            return newest
        schedule = replace(schedule, version=newest.version + 1)
    ports.schedules.put_schedule(schedule)
    triggers.follow(ports, schedule, document)
    return schedule


def first_version(ports: Ports, document: ScheduleDocument, actor: str) -> StoredSchedule:
    """The document as it is stored where none of its id is yet; nothing is stored here."""
    text = document.text
    return StoredSchedule(
        schedule_id=document.schedule_id,
        version=1,
        digest=sha256(text.encode()).hexdigest(),
        document=text,
        stored_at=ports.clock(),
        stored_by=actor,
        name=document.schedule_name or "",
        jobs=len(document.job_list) + len(document.finally_jobs or ()),
    )
