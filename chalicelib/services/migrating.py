"""Taking over what the first version kept: its schedules, and the records of its runs.

Each item is judged by itself and, if that is asked for, taken over at once. What is there already
is never changed, so it may all be done again at any time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.loading import load
from chalicelib.core.old_records import OldRun, parse_old_record
from chalicelib.core.run import RunHeader
from chalicelib.errors import ConflictError, ExpiredError, InvalidInputError, NotFoundError
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services.schedules import first_version

REASON = "taken over from the first version"


class Kind(StrEnum):
    """What an old item is."""

    SCHEDULE = "schedule"
    RUN = "run"


class Fate(StrEnum):
    """What becomes of an old item."""

    TAKE = "take over"  # it is not there yet
    THERE = "there already"  # and equal
    DIFFERENT = "different"  # something of its id is there that is not equal
    RUNNING = "running"  # left to the first version, which may still drive it
    REFUSED = "refused"  # it can't be taken over; the reasons say why


@dataclass(frozen=True, slots=True)
class OldItem:
    """One item as the first version stored it; `place` says where it was found."""

    kind: Kind
    place: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Who migrates, and how far."""

    actor: str
    apply: bool = False  # else only say what would be done
    include_running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An old item with what becomes of it; `id` is empty when it can't be read."""

    kind: Kind
    place: str
    fate: Fate
    id: str = ""
    reasons: tuple[str, ...] = ()


def migrate(ports: Ports, items: Iterable[OldItem], migration: Migration) -> Iterator[Judged]:
    """Judge every item, in order, and take over those to be taken if `apply` says so."""
    for item in items:
        judge = _schedule if item.kind is Kind.SCHEDULE else _run
        try:
            yield judge(ports, item, migration)
        except InvalidInputError as error:
            reasons = tuple(map(str, error.problems))
            yield Judged(kind=item.kind, place=item.place, fate=Fate.REFUSED, reasons=reasons)


def _schedule(ports: Ports, item: OldItem, migration: Migration) -> Judged:
    schedule = first_version(ports, load(item.value), migration.actor)
    judged = Judged(kind=item.kind, place=item.place, id=schedule.schedule_id, fate=Fate.TAKE)
    there = _versions(ports, schedule.schedule_id)
    if any(version.digest == schedule.digest for version in there):
        return replace(judged, fate=Fate.THERE)
    if there:
        reason = f"version {there[0].version} is another document; use `put` for a newer version"
        return replace(judged, fate=Fate.DIFFERENT, reasons=(reason,))
    if migration.apply:
        try:
            ports.schedules.put_schedule(schedule)
        except ConflictError as error:
            return replace(judged, fate=Fate.DIFFERENT, reasons=(str(error),))
    return judged


def _versions(ports: Ports, schedule_id: str) -> list[StoredSchedule]:
    """The newest version, and the first, which is the one that was taken over if any was."""
    try:
        newest = ports.schedules.get_schedule(schedule_id)
    except NotFoundError:
        return []
    return (
        [newest] if newest.version == 1 else [newest, ports.schedules.get_schedule(schedule_id, 1)]
    )


def _run(ports: Ports, item: OldItem, migration: Migration) -> Judged:
    header, specs, states = old = parse_old_record(item.value)
    judged = Judged(kind=item.kind, place=item.place, id=header.run_id, fate=Fate.TAKE)
    there = _compare(ports, old)
    if there is not None:
        reasons = (
            () if there is Fate.THERE else ("the run that is there has moved on, or is another",)
        )
        return replace(judged, fate=there, reasons=reasons)
    if header.status is RunStatus.RUNNING and not migration.include_running:
        return replace(judged, fate=Fate.RUNNING)
    if migration.apply:
        try:
            ports.runs.create_run(replace(header, reason=REASON), specs, states)
        except ConflictError as error:
            return replace(judged, fate=Fate.DIFFERENT, reasons=(str(error),))
    return judged


def _compare(ports: Ports, old: OldRun) -> Fate | None:
    """THERE or DIFFERENT; None when no run has that id."""
    header, specs, states = old
    try:
        there = ports.runs.load_run(header.run_id)
    except ExpiredError:
        equal = _essence(ports.runs.get_header(header.run_id)) == _essence(header)
    except NotFoundError:
        return None
    else:
        equal = (
            _essence(there.header) == _essence(header)
            and list(there.specs.values()) == specs
            and there.states == states
        )
    return Fate.THERE if equal else Fate.DIFFERENT


def _essence(header: RunHeader) -> RunHeader:
    """A header without what taking it over, and archiving it, add."""
    own = replace(header, reason="", counts={}, revision=0)
    return replace(own, archive="", expires_at=None)
