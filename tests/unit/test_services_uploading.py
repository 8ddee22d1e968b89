"""Schedules from a bucket: whatever events tell, and when, the newest file is what counts."""

import json
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from chalicelib.driving_ports import Upload
from chalicelib.errors import BackendError, ConflictError, InvalidInputError
from chalicelib.local.memory_driving import MemoryUploads
from chalicelib.ports import StoredSchedule
from chalicelib.services import schedules
from chalicelib.services.uploading import is_schedule, take_upload
from tests.builders import document, job, loaded
from tests.unit.stage import Stage

KEY = "nightly.json"


class LivelyUploads(MemoryUploads):
    """Files that people change while we read: something happens after each of the next reads."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: list[Callable[[], object]] = []
        self.most = 1_000_000  # bytes of a file that is read

    def read(self, key: str) -> Upload:
        upload = super().read(key)
        if len(upload.content) > self.most:
            raise InvalidInputError.at(key, f"the file has {len(upload.content)} bytes")
        if self.happens:
            self.happens.pop(0)()
        return upload


@pytest.fixture
def stage() -> Stage:
    return Stage(uploads=LivelyUploads())


@pytest.fixture
def uploads(stage: Stage) -> LivelyUploads:
    assert isinstance(stage.uploads, LivelyUploads)
    return stage.uploads


def written(**fields: Any) -> bytes:
    return json.dumps(document(job("a"), **fields)).encode()


def put(stage: Stage, wait: int) -> None:
    """Put the schedule into the bucket with this `wait_time`, which tells its contents apart."""
    stage.uploads.put(KEY, written(wait_time=wait))


def take(stage: Stage) -> StoredSchedule | None:
    return take_upload(stage.ports, KEY)


def wait_of(schedule: StoredSchedule) -> int:
    wait: int = json.loads(schedule.document)["wait_time"]
    return wait


def history(stage: Stage) -> list[int]:
    """The `wait_time` of each version, oldest first."""
    newest = stage.store.get_schedule("nightly").version
    return [wait_of(stage.store.get_schedule("nightly", at + 1)) for at in range(newest)]


def test_an_upload_is_the_next_version_of_its_schedule(stage: Stage) -> None:
    schedules.put(stage.ports, loaded(job("a"), wait_time=10), "ada")
    put(stage, 20)
    stored = take(stage)
    assert stored is not None
    assert (stored.version, stored.stored_by) == (2, f"upload {KEY}")
    assert history(stage) == [10, 20]


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
def test_a_schedule_may_be_of_either_form(stage: Stage, suffix: str) -> None:
    yaml = b"scheduleId: nightly\njobList:\n- jobName: a\n  command: [date]\n"
    content = written() if suffix == "json" else yaml
    stage.uploads.put(f"nightly.{suffix}", content)
    assert is_schedule(f"nightly.{suffix}")
    assert take_upload(stage.ports, f"nightly.{suffix}") is not None


def test_f35_events_in_any_order_doubled_and_late_leave_the_newest_content() -> None:
    for order in set(permutations([0, 1, 1, 2, 3])):
        stage, uploaded = Stage(), -1
        for event in order:  # delivered after its upload, and perhaps after later ones
            while uploaded < event:
                uploaded += 1
                put(stage, 10 + uploaded)
            take(stage)
        waits = history(stage)
        assert waits[-1] == 13
        assert waits == sorted(set(waits)), f"older content came back, told of in order {order}"


def test_f35_an_event_that_comes_after_the_file_is_gone_leaves_what_was_stored(
    stage: Stage,
) -> None:
    put(stage, 10)
    take(stage)
    stage.uploads.delete(KEY)
    assert take(stage) is None
    assert history(stage) == [10]


def test_f35_a_file_that_was_deleted_and_put_again_is_as_good_as_new(stage: Stage) -> None:
    for wait in (10, 20):
        put(stage, wait)
        take(stage)
        stage.uploads.delete(KEY)
        take(stage)
    assert history(stage) == [10, 20]


def test_f36_a_file_that_changes_while_it_is_stored_is_stored_once_more(
    stage: Stage, uploads: LivelyUploads
) -> None:
    put(stage, 10)
    uploads.happens = [lambda: put(stage, 20), lambda: put(stage, 30)]
    stored = take(stage)
    assert stored is not None
    assert wait_of(stored) == 30
    assert history(stage) == [10, 20, 30]


def test_f36_a_function_that_read_before_another_stored_a_newer_file_does_not_win(
    stage: Stage, uploads: LivelyUploads
) -> None:
    put(stage, 10)

    def change_it_and_let_another_take_it() -> None:
        put(stage, 20)
        take(stage)

    uploads.happens = [change_it_and_let_another_take_it]
    stored = take(stage)
    assert stored is not None
    assert wait_of(stored) == 20
    assert wait_of(stage.store.get_schedule("nightly")) == 20


def test_f36_a_file_that_is_deleted_while_it_is_stored_leaves_what_was_read(
    stage: Stage, uploads: LivelyUploads
) -> None:
    put(stage, 10)
    uploads.happens = [lambda: uploads.delete(KEY)]
    take(stage)
    assert history(stage) == [10]


def test_a_file_that_never_stands_still_is_left_to_the_events_of_its_changes(
    stage: Stage, uploads: LivelyUploads
) -> None:
    put(stage, 1)
    waits = iter(range(2, 100))
    uploads.happens = [lambda: put(stage, next(waits)) for _ in range(99)]
    take(stage)
    assert len(history(stage)) == 10
    uploads.happens = []
    take(stage)
    assert history(stage)[-1] == next(waits) - 1


class UnversionedUploads(MemoryUploads):
    """A bucket of somebody who has no versions in it."""

    def read(self, key: str) -> Upload:
        return Upload(super().read(key).content, "")


def test_a_bucket_without_versions_is_read_as_well() -> None:
    stage = Stage(uploads=UnversionedUploads())
    put(stage, 10)
    assert take(stage) == stage.store.get_schedule("nightly")


def test_f44_the_same_upload_is_one_version_however_often_it_is_told(stage: Stage) -> None:
    put(stage, 10)
    first, second = take(stage), take(stage)
    assert first == second == stage.store.get_schedule("nightly")
    assert history(stage) == [10]


def test_a_version_that_somebody_else_stores_at_the_same_moment_is_no_loss(stage: Stage) -> None:
    put(stage, 20)
    stage.store.others = [lambda: schedules.put(stage.ports, loaded(job("a"), wait_time=10), "ada")]
    with pytest.raises(ConflictError):
        take(stage)  # Lambda tells of the event once more
    take(stage)
    assert history(stage) == [10, 20]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[1, 2]",
        b'{"scheduleId": NaN}',
        b'{"scheduleId": "nightly"}',
        b'{"scheduleId": "nightly", "scheduleId": "nightly"}',
        b"[" * 100_000,
        json.dumps(document(job("a", "b"), job("b", "a"))).encode(),
        json.dumps(document(job("a", command=["x" * 40_000]))).encode(),
    ],
    ids=["empty", "no text", "cut off", "a list", "NaN", "no jobs", "twice", "deep", "a cycle",
         "too large to submit"],
)  # fmt: skip
def test_f34_a_bad_document_is_told_and_changes_nothing(stage: Stage, content: bytes) -> None:
    put(stage, 10)
    take(stage)
    stage.uploads.put(KEY, content)
    assert take(stage) is None
    assert history(stage) == [10]
    [notice] = stage.notices.published
    assert (notice.id, notice.subject) == (f"upload/{KEY}/2", f"{KEY} was refused")
    assert notice.message.startswith(f"{KEY} was not taken as a schedule; the version before it")
    assert len(notice.message.splitlines()) > 2, "with the reason"


def test_a_file_that_is_too_large_to_be_read_is_told(stage: Stage, uploads: LivelyUploads) -> None:
    put(stage, 10)
    uploads.most = 10
    assert take(stage) is None
    assert "bytes" in stage.notices.published[0].message
    assert stage.store.list_schedules() == []


def test_f38_a_refusal_has_an_id_of_the_file_s_version(stage: Stage) -> None:
    for content in (b"{", b"["):
        stage.uploads.put(KEY, content)
        for _ in range(2):
            take(stage)
    ids = [notice.id for notice in stage.notices.published]
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_f37_a_refusal_that_nobody_can_be_told_of_is_told_when_the_event_comes_again(
    stage: Stage,
) -> None:
    stage.uploads.put(KEY, b"{")
    stage.notices.is_down = True
    with pytest.raises(BackendError):
        take(stage)
    stage.notices.is_down = False
    take(stage)
    assert stage.subjects == [f"{KEY} was refused"]


def test_a_file_that_is_repaired_while_its_fault_is_told_is_stored(
    stage: Stage, uploads: LivelyUploads
) -> None:
    uploads.put(KEY, b"{")
    uploads.happens = [lambda: put(stage, 10)]
    assert take(stage) == stage.store.get_schedule("nightly")
    assert stage.subjects == [f"{KEY} was refused"]
