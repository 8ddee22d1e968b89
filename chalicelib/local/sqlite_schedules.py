"""Every accepted version of every schedule, in SQLite."""

from typing import Any

from chalicelib.core.records import decode_time, encode_time
from chalicelib.local.database import Database
from chalicelib.ports import Deletion, StoredSchedule
from chalicelib.store_words import no_schedule, schedule_moved, storable, version_exists

_INSERT = "INSERT INTO schedules VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_EXISTS = "SELECT 1 FROM schedules WHERE id = ? AND version = ?"
_ONE = """
SELECT id, version, digest, stored_at, stored_by, name, jobs, document FROM schedules
WHERE id = :id AND version = coalesce(:version, (
    SELECT max(version) FROM schedules
    WHERE id = :id AND version > coalesce((SELECT version FROM deletions WHERE id = :id), 0)))
"""
_NEWEST = """
SELECT id, version, digest, stored_at, stored_by, name, jobs, '' FROM schedules AS this
WHERE version = (SELECT max(version) FROM schedules WHERE id = this.id)
    AND version > coalesce((SELECT version FROM deletions WHERE id = this.id), 0)
    AND id > :after AND substr(id, 1, length(:prefix)) = :prefix
ORDER BY id LIMIT :limit
"""
_VERSIONS = """
SELECT id, version, digest, stored_at, stored_by, name, jobs, '' FROM schedules
WHERE id = :id AND version < :before ORDER BY version DESC LIMIT :limit
"""
_DELETE = "INSERT OR REPLACE INTO deletions VALUES (?, ?, ?, ?, ?)"
_DELETION = """
SELECT deleted_at, deleted_by, reason FROM deletions AS this
WHERE id = ? AND version >= (SELECT max(version) FROM schedules WHERE id = this.id)
"""
_LARGEST = 2**63 - 1  # number that SQLite holds


class SqliteSchedules:
    """ports.ScheduleStore on a database."""

    def __init__(self, database: Database) -> None:
        self._schedules = database

    def put_schedule(self, schedule: StoredSchedule) -> None:
        """Store a new version. Raises ConflictError if it exists."""
        key = (schedule.schedule_id, schedule.version)
        with self._schedules.writing("put schedule") as connection:
            if connection.execute(_EXISTS, key).fetchone():
                raise version_exists(schedule)
            about = (schedule.digest, encode_time(schedule.stored_at), schedule.stored_by)
            row = (*key, *about, schedule.name, schedule.jobs, schedule.document)
            connection.execute(_INSERT, row)

    def get_schedule(self, schedule_id: str, version: int | None = None) -> StoredSchedule:
        """One version, the newest for None. Raises NotFoundError."""
        with self._schedules.reading("get schedule") as connection:
            row = connection.execute(_ONE, {"id": schedule_id, "version": version}).fetchone()
        if row is None:
            raise no_schedule(schedule_id, version)
        return _schedule(row)

    def list_schedules(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[StoredSchedule]:
        """The newest version of each schedule, ordered by id, `document` left empty."""
        values = {"prefix": prefix, "after": after, "limit": -1 if limit is None else limit}
        with self._schedules.reading("list schedules") as connection:
            return [_schedule(row) for row in connection.execute(_NEWEST, values)]

    def list_versions(
        self, schedule_id: str, *, before: int | None = None, limit: int | None = None
    ) -> list[StoredSchedule]:
        """Every version there ever was, the newest first, `document` left empty."""
        values = {
            "id": schedule_id,
            "before": _LARGEST if before is None else before,
            "limit": -1 if limit is None else limit,
        }
        with self._schedules.reading("list versions") as connection:
            return [_schedule(row) for row in connection.execute(_VERSIONS, values)]

    def delete_schedule(self, schedule: StoredSchedule, deletion: Deletion) -> None:
        """Take a schedule out of use. Raises ConflictError unless that version is the newest."""
        with self._schedules.writing("delete schedule") as connection:
            values = {"id": schedule.schedule_id, "version": None}
            row = connection.execute(_ONE, values).fetchone()
            if row is None or row[1] != schedule.version:
                raise schedule_moved(schedule)
            key = (schedule.schedule_id, schedule.version)
            words = (storable(deletion.actor), storable(deletion.reason))
            connection.execute(_DELETE, (*key, encode_time(deletion.at), *words))

    def get_deletion(self, schedule_id: str) -> Deletion | None:
        """None for a schedule that is in use, or never was."""
        with self._schedules.reading("get deletion") as connection:
            row = connection.execute(_DELETION, (schedule_id,)).fetchone()
        if row is None:
            return None
        at, actor, reason = row
        return Deletion(at=decode_time(at), actor=actor, reason=reason)


def _schedule(row: tuple[Any, ...]) -> StoredSchedule:
    schedule_id, version, digest, stored_at, stored_by, name, jobs, document = row
    return StoredSchedule(
        schedule_id=schedule_id,
        version=version,
        digest=digest,
        document=document,
        stored_at=decode_time(stored_at),
        stored_by=stored_by,
        name=name,
        jobs=jobs,
    )
