"""Keeping schedules: every accepted version of a document stays readable."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from hashlib import sha256

from chalicelib.core.diffing import Difference, difference
from chalicelib.core.document import ScheduleDocument
from chalicelib.core.drawing import Measures, measure, nodes_of_document
from chalicelib.core.loading import load
from chalicelib.core.resolving import check_unfilled
from chalicelib.core.secrecy import shown_document
from chalicelib.core.timing.agenda import ScheduleAct, ScheduleEvent
from chalicelib.core.webhook_urls import with_changes_marked, with_whole_urls
from chalicelib.errors import ChangedError, ConflictError, NotFoundError
from chalicelib.ports import Deletion, Ports, StoredSchedule
from chalicelib.services import agendas, triggers
from chalicelib.services.listing import Page

ANY = "*"  # a version, whichever it is
TRIES = 20  # while others store versions of the same schedule
_DIGEST = 16  # hexadecimal digits of a digest that tell two contents apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the caller has seen, and acts upon: one of these versions, or that there is none.

    Tags are those of `tag_of`, or ANY.
    """

    tags: Collection[str] = ()
    nothing: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A version that is in use now, and whether the schedule was in use before."""

    stored: StoredSchedule
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two versions of a schedule, and what they differ in."""

    schedule_id: str
    before: int
    after: int
    difference: Difference


def tag_of(schedule: StoredSchedule) -> str:
    """A short word that no two versions of a schedule share."""
    return f"{schedule.version}-{schedule.digest[:_DIGEST]}"


def put(
    ports: Ports, document: ScheduleDocument, actor: str, *, tries: int = TRIES
) -> StoredSchedule:
    """Store the document as the newest version; one equal to the newest is not stored again.

    From now on its triggers start runs, and those of the version before do no more. Raises
    InvalidInputError for jobs that are too large to be submitted, and ConflictError when others
    store versions all the while.
    """
    return place(ports, document, actor, tries=tries).stored


def place(
    ports: Ports,
    document: ScheduleDocument,
    actor: str,
    seen: Seen | None = None,
    *,
    tries: int = TRIES,
) -> Placed:
    """Do the same for a caller that has `seen` something. Raises ChangedError if it is gone."""
    check_unfilled(document)
    placed = _placed(ports, document, actor, seen, tries)
    # Also of one that is there: whoever stored it may have been cut off before this.
    triggers.follow(ports, placed.stored, document)
    return placed


def _placed(
    ports: Ports, document: ScheduleDocument, actor: str, seen: Seen | None, tries: int
) -> Placed:
    """Store it on top of whatever others store meanwhile, unless that was to be `seen`."""
    for tries_left in reversed(range(tries)):
        try:
            return _on_newest(ports, document, actor, seen)
        except ConflictError as error:
            if seen is not None or not tries_left:
                raise _late(error, seen) from error
    raise AssertionError("the last try returns or raises")


def _on_newest(ports: Ports, document: ScheduleDocument, actor: str, seen: Seen | None) -> Placed:
    newest = _newest(ports, document.schedule_id)
    _check(document.schedule_id, newest, seen)
    schedule = first_version(ports, document, actor, newest)
    if newest is not None and newest.digest == schedule.digest:
        return Placed(newest, is_new=False)
    # A deleted schedule goes on counting: no version ever means two documents.
    before = [newest] if newest else ports.schedules.list_versions(document.schedule_id, limit=1)
    schedule = replace(schedule, version=before[0].version + 1 if before else 1)
    ports.schedules.put_schedule(schedule)
    return Placed(schedule, is_new=newest is None)


def delete(
    ports: Ports, schedule_id: str, actor: str, seen: Seen | None = None, *, reason: str = ""
) -> StoredSchedule:
    """Take a schedule out of use and give its last version: it can't be found or started.

    Its versions and runs stay readable; to put it again goes on counting versions, and a pause
    goes on. Raises NotFoundError, and ChangedError when `seen` is gone.
    """
    newest = ports.schedules.get_schedule(schedule_id)
    _check(schedule_id, newest, seen)
    deletion = Deletion(at=ports.clock(), actor=actor, reason=reason)
    try:
        ports.schedules.delete_schedule(newest, deletion)
    except ConflictError as error:
        raise _late(error, seen) from error
    triggers.forget(ports, schedule_id, _deleted(deletion))
    return newest


def history(ports: Ports, schedule_id: str) -> list[ScheduleEvent]:
    """What people did to a schedule besides storing it, the newest first, as far as it is kept."""
    agenda = agendas.find_agenda(ports, schedule_id)
    events = list(reversed(agenda.events)) if agenda else []
    deletion = ports.schedules.get_deletion(schedule_id)
    if deletion is not None and _deleted(deletion) not in events:
        events = [_deleted(deletion), *events]  # who deleted it was cut off before it was noted
    # An act counts from when it was asked for: what it led to may be written down before it.
    return sorted(events, key=lambda event: event.at, reverse=True)


def _deleted(deletion: Deletion) -> ScheduleEvent:
    return ScheduleEvent(
        act=ScheduleAct.DELETE, at=deletion.at, actor=deletion.actor, reason=deletion.reason
    )


def versions(
    ports: Ports, schedule_id: str, limit: int, before: int | None
) -> Page[StoredSchedule, int]:
    """The versions of a schedule, deleted or not, the newest first. Raises NotFoundError."""
    found = ports.schedules.list_versions(schedule_id, before=before, limit=limit + 1)
    if not found and before is None:
        ports.schedules.get_schedule(schedule_id)  # which tells that it is not there
    page = found[:limit]
    return Page(page, page[-1].version if len(found) > limit else None)


def compare(ports: Ports, schedule_id: str, before: int | None, after: int | None) -> Compared:
    """What two versions differ in: the newest and the one before it unless they are named.

    Raises NotFoundError.
    """
    if after is None:
        after = versions(ports, schedule_id, 1, None).items[0].version
    if before is None:
        before = max(1, after - 1)
    old, new = (ports.schedules.get_schedule(schedule_id, each) for each in (before, after))
    earlier, later = json.loads(old.document), json.loads(new.document)
    shown = with_changes_marked(shown_document(later), later, earlier)
    found = difference(shown_document(earlier), shown)
    return Compared(schedule_id=schedule_id, before=before, after=after, difference=found)


def check_in_use(ports: Ports, stored: StoredSchedule) -> None:
    """Raise ConflictError for a version of a schedule that was deleted."""
    if _newest(ports, stored.schedule_id) is None:
        told = (
            f"Schedule {stored.schedule_id!r} is deleted: nothing starts it until it is put again."
        )
        raise ConflictError(told, status="deleted", event="start")


def validate(document: ScheduleDocument) -> Measures:
    """How large the graph of an acceptable document is. Raises InvalidInputError for others."""
    check_unfilled(document)
    return measure(nodes_of_document(document))


def first_version(
    ports: Ports,
    document: ScheduleDocument,
    actor: str,
    newest: StoredSchedule | None = None,
) -> StoredSchedule:
    """The document as it is stored where none of its id is yet; nothing is stored here.

    What is cut off of its URLs is taken from the `newest` version. Raises InvalidInputError where
    it is not in that.
    """
    text = _whole(document, newest).text
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


def _whole(document: ScheduleDocument, newest: StoredSchedule | None) -> ScheduleDocument:
    if not document.notify:
        return document
    written = json.loads(document.text)
    whole = with_whole_urls(written, json.loads(newest.document) if newest else None)
    return document if whole is written else load(whole)


def _newest(ports: Ports, schedule_id: str) -> StoredSchedule | None:
    try:
        return ports.schedules.get_schedule(schedule_id)
    except NotFoundError:
        return None


def _check(schedule_id: str, newest: StoredSchedule | None, seen: Seen | None) -> None:
    if seen is None:
        return
    if newest is None:
        if seen.tags:
            raise ChangedError(f"Schedule {schedule_id!r} is not there any more.")
    elif seen.nothing:
        raise ChangedError(f"Schedule {schedule_id!r} is there already: version {newest.version}.")
    elif seen.tags and ANY not in seen.tags and tag_of(newest) not in seen.tags:
        told = f"Schedule {schedule_id!r} has changed: it is at version {newest.version} by now."
        raise ChangedError(told)


def _late(error: ConflictError, seen: Seen | None) -> ConflictError:
    """What came in between is as if it had come before, to whoever has said what was seen."""
    return ChangedError(str(error)) if seen is not None else error
