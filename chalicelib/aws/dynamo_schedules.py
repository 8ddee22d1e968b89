"""Every accepted version of every schedule: documents in S3, the newest of each in DynamoDB."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.documents import Documents, to_json
from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Write
from chalicelib.aws.dynamo_items import from_json, short
from chalicelib.aws.names import Tables
from chalicelib.core.records import Record, decode_time, encode_time
from chalicelib.errors import NotFoundError
from chalicelib.ports import StoredSchedule
from chalicelib.store_words import no_schedule, version_exists

_FOLDER = "versions/"


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
        if item is None:
            raise no_schedule(schedule_id, None)
        return self._at(schedule_id, item["version"])

    def list_schedules(self) -> list[StoredSchedule]:
        """The newest version of each schedule, ordered by id, `document` left empty."""
        keys = [{"scheduleId": name} for name in self._documents.folders(_FOLDER)]
        found = [_schedule(item) for item in self._calls.get_many(self._table, keys)]
        return sorted(found, key=lambda schedule: schedule.schedule_id)

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
