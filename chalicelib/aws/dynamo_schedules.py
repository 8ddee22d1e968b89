"""Every accepted version of every schedule: documents in S3, the newest of each in DynamoDB."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.documents import Documents, to_json
from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Write
from chalicelib.aws.dynamo_items import from_json, short
from chalicelib.aws.names import Tables
from chalicelib.core.records import Record, decode_time, encode_time
from chalicelib.errors import NotFoundError
from chalicelib.ports import Deletion, StoredSchedule
from chalicelib.store_words import no_schedule, schedule_moved, version_exists

_FOLDER = "versions/"
_DELETED = "deletedAt"
_AT_ONCE = 100  # items read by one call


class DynamoSchedules:
    """ports.ScheduleStore: a version is accepted when its document is there."""

    def __init__(self, clients: Clients, tables: Tables, documents: Documents) -> None:
        self._calls = DynamoCalls(clients)
        self._table = tables.schedules
        self._documents = documents

    def put_schedule(self, schedule: StoredSchedule) -> None:
        """Store a new version. Raises ConflictError if it exists."""
        record = _record(schedule) | {"document": schedule.document}
        key = _key(schedule.schedule_id, schedule.version)
        is_new = self._documents.put_new(key, to_json(record))
        # Whoever stored it may have been cut off here.
        self._point(schedule if is_new else self._at(schedule.schedule_id, schedule.version))
        if not is_new:
            raise version_exists(schedule)

    def get_schedule(self, schedule_id: str, version: int | None = None) -> StoredSchedule:
        """One version, the newest for None. Raises NotFoundError."""
        if version is not None:
            return self._at(schedule_id, version)
        item = self._calls.get(self._table, {"scheduleId": schedule_id}) if schedule_id else None
        if item is None or _DELETED in item:
            raise no_schedule(schedule_id, None)
        return self._at(schedule_id, item["version"])

    def list_schedules(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[StoredSchedule]:
        """The newest version of each schedule, ordered by id, `document` left empty."""
        found = self._in_use(self._documents.folders(_FOLDER), prefix, after, limit or _AT_ONCE)
        return list(islice(found, limit))

    def _in_use(
        self, names: Iterable[str], prefix: str, after: str, at_once: int
    ) -> Iterator[StoredSchedule]:
        wanted = (name for name in names if name > after and name.startswith(prefix))
        while some := [{"scheduleId": name} for name in islice(wanted, min(at_once, _AT_ONCE))]:
            items = self._calls.get_many(self._table, some)
            for item in sorted(items, key=itemgetter("scheduleId")):
                if _DELETED not in item:
                    yield _schedule(item)

    def list_versions(
        self, schedule_id: str, *, before: int | None = None, limit: int | None = None
    ) -> list[StoredSchedule]:
        """Every version there ever was, the newest first, `document` left empty."""
        names = self._documents.names(f"{_FOLDER}{schedule_id}/")
        numbers = sorted((int(name.partition(".")[0]) for name in names), reverse=True)
        wanted = [number for number in numbers if before is None or number < before]
        found = (self._at(schedule_id, number) for number in wanted[:limit])
        return [replace(schedule, document="") for schedule in found]

    def delete_schedule(self, schedule: StoredSchedule, deletion: Deletion) -> None:
        """Take a schedule out of use. Raises ConflictError unless that version is the newest.

        Its item stays: whoever was cut off while storing that version must not bring it back.
        """
        write = Write(
            table=self._table,
            key={"scheduleId": schedule.schedule_id},
            update=f"SET #{_DELETED} = :at, #deletedBy = :actor, #deletedFor = :reason",
            condition=f"#version = :version AND attribute_not_exists(#{_DELETED})",
            values={
                ":at": encode_time(deletion.at),
                ":actor": short(deletion.actor),
                ":reason": short(deletion.reason),
                ":version": schedule.version,
            },
        )
        try:
            self._calls.write(write)
        except ConditionFailedError as error:
            raise schedule_moved(schedule) from error

    def get_deletion(self, schedule_id: str) -> Deletion | None:
        """None for a schedule that is in use, or never was."""
        item = self._calls.get(self._table, {"scheduleId": schedule_id}) if schedule_id else None
        if item is None or _DELETED not in item:
            return None
        return Deletion(
            at=decode_time(item[_DELETED]),
            actor=item["deletedBy"],
            reason=item.get("deletedFor", ""),
        )

    def _at(self, schedule_id: str, version: int) -> StoredSchedule:
        try:
            return _schedule(from_json(self._documents.get(_key(schedule_id, version))))
        except NotFoundError as error:
            raise no_schedule(schedule_id, version) from error

    def _point(self, schedule: StoredSchedule) -> None:
        """Name it as the newest version, unless a newer one is."""
        write = Write(
            table=self._table,
            key={"scheduleId": schedule.schedule_id},
            item=_record(replace(schedule, stored_by=short(schedule.stored_by))),
            condition="attribute_not_exists(#scheduleId) OR #version < :version",
            values={":version": schedule.version},
        )
        try:
            self._calls.write(write)
        except ConditionFailedError:
            return


def _key(schedule_id: str, version: int) -> str:
    return f"{_FOLDER}{schedule_id}/{version:08d}.json.gz"


def _record(schedule: StoredSchedule) -> Record:
    """All but the document."""
    return {
        "scheduleId": schedule.schedule_id,
        "version": schedule.version,
        "digest": schedule.digest,
        "storedAt": encode_time(schedule.stored_at),
        "storedBy": schedule.stored_by,
        "scheduleName": schedule.name,
        "jobs": schedule.jobs,
    }


def _schedule(record: Mapping[str, Any]) -> StoredSchedule:
    return StoredSchedule(
        schedule_id=record["scheduleId"],
        version=record["version"],
        digest=record["digest"],
        document=record.get("document", ""),
        stored_at=decode_time(record["storedAt"]),
        stored_by=record["storedBy"],
        name=record["scheduleName"],
        jobs=record["jobs"],
    )
