"""Schedules that are uploaded: stored as they are now, however late or often one hears of it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.local.memory_driving import MemoryNotices, MemoryUploads
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import StoredSchedule, Upload
from chalicelib.services import arrivals
from tests.builders import document, job
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.scenarios import BY_NAME

KEY = "etl/nightly.json"


def content(*names: str) -> bytes:
    return json.dumps(document(*map(job, names))).encode()


class Desk:
    """A bucket, and the function that is told of what is put there."""

    def __init__(self) -> None:
        self.uploads: MemoryUploads = MemoryUploads()
        self.world = DrivenWorld(BY_NAME["chain"])

    @property
    def notices(self) -> MemoryNotices:
        return self.world.notices

    def tell(self, key: object = KEY) -> StoredSchedule | None:
        detail: dict[str, Any] = {"bucket": {"name": "schedules"}, "object": {"key": key}}
        ports = replace(self.world.ports(), uploads=self.uploads)
        return arrivals.schedule_uploaded(ports, detail)

    def stored(self) -> StoredSchedule:
        return self.world.store.get_schedule("nightly")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_upload_is_stored_as_a_version_and_told_of_twice_it_is_stored_once(desk: Desk) -> None:
    desk.uploads.put(KEY, content("a"))
    first, second = desk.tell(), desk.tell()
    assert first == second == desk.stored()
    assert (desk.stored().version, desk.stored().stored_by) == (1, f"upload {KEY}")


class UnversionedUploads(MemoryUploads):
    """A bucket of somebody who has no versions in it."""

    def read(self, key: str) -> Upload:
        return Upload(super().read(key).content, "")


def test_a_bucket_without_versions_is_read_as_well(desk: Desk) -> None:
    desk.uploads = UnversionedUploads()
    desk.uploads.put(KEY, content("a"))
    assert desk.tell() == desk.stored()


class BusyUploads(MemoryUploads):
    """Somebody uploads again while one is being stored."""

    def read(self, key: str) -> Upload:
        found = super().read(key)
        if found.version == "1":
            self.put(key, content("a", "b"))
        return found


def test_what_is_uploaded_while_an_earlier_one_is_stored_is_stored_too(desk: Desk) -> None:
    desk.uploads = BusyUploads()
    desk.uploads.put(KEY, content("a"))
    desk.tell()
    assert (desk.stored().version, desk.stored().jobs) == (2, 2)


def test_a_bad_document_is_told_to_people_and_the_version_before_it_stays(desk: Desk) -> None:
    desk.uploads.put(KEY, content("a"))
    before = desk.tell()
    desk.uploads.put(KEY, b'{"scheduleId": "nightly"')
    assert desk.tell() is None
    assert desk.stored() == before
    [notice] = desk.notices.published
    assert notice.id == f"upload/{KEY}/2"
    assert notice.message.startswith(f"{KEY} was not taken as a schedule; the version before")


def test_an_upload_that_is_deleted_meanwhile_changes_nothing(desk: Desk) -> None:
    assert desk.tell() is None
    with pytest.raises(NotFoundError):
        desk.stored()


@pytest.mark.parametrize("key", ["versions/nightly.json", "runs/x.json", "notes.txt", 7, None])
def test_what_is_no_schedule_is_left_alone(desk: Desk, key: object) -> None:
    desk.uploads.put(str(key), content("a"))
    assert desk.tell(key) is None
    assert not desk.notices.published


class TakenStore(MemoryStore):
    """Somebody else stores a version at the same moment, always."""

    def put_schedule(self, schedule: StoredSchedule) -> None:
        raise ConflictError(f"{schedule.schedule_id} has that version already.")


def test_somebody_who_was_quicker_is_looked_at_again_when_one_is_told_again(desk: Desk) -> None:
    desk.world.store = TakenStore()
    desk.uploads.put(KEY, content("a"))
    with pytest.raises(ConflictError):
        desk.tell()
