"""Keeping schedules: every accepted version of a document stays readable."""

from hashlib import sha256

from chalicelib.core.document import ScheduleDocument, to_json
from chalicelib.errors import NotFoundError
from chalicelib.ports import Ports, StoredSchedule


def put(ports: Ports, document: ScheduleDocument, actor: str) -> StoredSchedule:
    """Store the document as the newest version; one equal to the newest is not stored again.

    Raises ConflictError when somebody else stores a version at the same moment.
    """
    text = to_json(document)
    digest = sha256(text.encode()).hexdigest()
    try:
        newest = ports.schedules.get_schedule(document.schedule_id)
    except NotFoundError:
        version = 1
    else:
        if newest.digest == digest:
            return newest
        version = newest.version + 1
    schedule = StoredSchedule(
        schedule_id=document.schedule_id,
        version=version,
        digest=digest,
        document=text,
        stored_at=ports.clock(),
        stored_by=actor,
        name=document.schedule_name or "",
        jobs=len(document.job_list) + len(document.finally_jobs or ()),
    )
    ports.schedules.put_schedule(schedule)
    return schedule
