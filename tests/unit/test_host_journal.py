"""What the host keeps between two transactions, and what a crash at any instant leaves of it."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import BackendError
from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.batch_requests import parse_submit
from chalicelib.local.batch_rules import Batch
from chalicelib.local.host_journal import Entry, Journal
from chalicelib.local.host_store import HostStore, begun, standing
from chalicelib.local.slots import Capacity

_VALUES = st.one_of(st.none(), st.integers(0, 2**40), st.text(max_size=8))
_ENTRIES = st.tuples(st.sampled_from(["begun", "ended"]), st.lists(_VALUES).map(tuple))
_ROUNDS = st.lists(st.lists(_ENTRIES, max_size=3), max_size=5)


@contextmanager
def journals() -> Iterator[tuple[Path, Journal]]:
    with TemporaryDirectory() as directory:
        path = Path(directory, "host.journal")
        with closing(Journal(path)) as journal:
            yield path, journal


def joined(rounds: list[list[Entry]]) -> list[Entry]:
    return [entry for entries in rounds for entry in entries]


@given(_ROUNDS)
def test_what_was_written_is_read_in_order(rounds: list[list[Entry]]) -> None:
    with journals() as (_, journal):
        for entries in rounds:
            journal.write(entries)
        assert journal.read(journal.mark) == joined(rounds)


@given(_ROUNDS, st.integers(0, 1000))
def test_f47_of_a_torn_journal_the_whole_lines_are_read(
    rounds: list[list[Entry]], cut: int
) -> None:
    with journals() as (path, journal):
        sizes = [0]
        for entries in rounds:
            journal.write(entries)
            sizes.append(path.stat().st_size)
        kept = min(cut, sizes[-1])
        path.write_bytes(path.read_bytes()[:kept])
        whole = sum(size <= kept for size in sizes[1:])
        assert journal.read(journal.mark) == joined(rounds[:whole])


@given(_ROUNDS, st.integers(0, 1000))
def test_nothing_is_read_from_a_line_that_changed_on_its_way(
    rounds: list[list[Entry]], place: int
) -> None:
    with journals() as (path, journal):
        for entries in rounds:
            journal.write(entries)
        text = bytearray(path.read_bytes())
        if place < len(text):
            damaged = text[:place].count(b"\n")
            text[place] ^= 1
            path.write_bytes(text)
            assert journal.read(journal.mark) == joined(rounds[:damaged])


@given(_ROUNDS, _ROUNDS)
def test_after_a_turn_only_what_is_new_is_read(
    before: list[list[Entry]], after: list[list[Entry]]
) -> None:
    with journals() as (_, journal):
        for entries in before:
            journal.write(entries)
        journal.turn()
        for entries in after:
            journal.write(entries)
        assert journal.read(journal.mark) == joined(after)


@given(_ROUNDS)
def test_no_host_writes_under_the_mark_of_another(rounds: list[list[Entry]]) -> None:
    with journals() as (path, journal), closing(Journal(path)) as other:
        for entries in rounds:
            journal.write(entries)
        assert other.read(other.mark) == []


def test_what_a_full_disk_cut_off_is_written_over() -> None:
    resource = pytest.importorskip("resource")
    whole: Entry = ("ended", (1,))
    with journals() as (path, journal):
        journal.write([whole])
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, unlimited[1]))
        try:
            with pytest.raises(OSError, match="the journal took 10 of"):
                journal.write([("ended", (2,))])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        journal.write([("ended", (3,))])
        assert journal.read(journal.mark) == [whole, ("ended", (3,))]


def test_a_journal_that_can_not_be_made_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="missing"):
        Journal(tmp_path / "missing" / "host.journal")


def accepted(batch: Batch, store: HostStore, number: int) -> QueuedJob:
    """A job on record whose first attempt begins."""
    request = parse_submit({"jobName": "a", "containerOverrides": {"command": ["true"]}})
    text = json.dumps({"request": {"jobName": "a"}})
    store.begin()
    store.insert([(number, f"job-{number}", "a", "default", "", 0, None, text)])
    store.commit()
    batch.accept(f"job-{number}", number, request, 0, {})
    [job] = batch.start_next()
    return job


def start(store: HostStore, job: QueuedJob) -> None:
    store.note([begun(job, 5, "slate")], {job.job_id: job})


def end(store: HostStore, batch: Batch, job: QueuedJob) -> None:
    batch.started(job, 5)
    batch.ended(job, 0, "", 7)
    store.note([standing(job)], {job.job_id: job})


def crashed(state: Path, name: str) -> Path:
    """The files as a crash at this instant would leave them."""
    image = state.parent / name
    shutil.copytree(state, image)
    return image / "host.db"


@contextmanager
def stores(tmp_path: Path) -> Iterator[tuple[Path, HostStore, Batch]]:
    state = tmp_path / "state"
    state.mkdir()
    with closing(HostStore(state / "host.db")) as store:
        yield state, store, Batch(Capacity(8, 1024))


def statuses(path: Path) -> dict[str, str]:
    """What the next host finds of each unfinished job, and of each that ended."""
    with closing(HostStore(path)) as store:
        unfinished = {row[0]: row[4] for row in store.unfinished_rows()}
        return unfinished | store.statuses(["job-1", "job-2"])


def test_a_start_is_known_to_the_next_host_before_any_transaction(tmp_path: Path) -> None:
    with stores(tmp_path) as (state, store, batch):
        start(store, accepted(batch, store, 1))
        assert statuses(crashed(state, "image")) == {"job-1": "STARTING"}


def test_an_end_is_known_to_the_next_host_before_any_transaction(tmp_path: Path) -> None:
    with stores(tmp_path) as (state, store, batch):
        job = accepted(batch, store, 1)
        start(store, job)
        end(store, batch, job)
        assert statuses(crashed(state, "image")) == {"job-1": "SUCCEEDED"}


def test_nothing_is_taken_up_twice(tmp_path: Path) -> None:
    with stores(tmp_path) as (state, store, batch):
        job = accepted(batch, store, 1)
        start(store, job)
        end(store, batch, job)
        store.settle()
        image = crashed(state, "image")
        for _ in range(2):
            assert statuses(image) == {"job-1": "SUCCEEDED"}


def test_a_crash_after_a_transaction_loses_nothing_noted_since(tmp_path: Path) -> None:
    with stores(tmp_path) as (state, store, batch):
        job = accepted(batch, store, 1)
        start(store, job)
        start(store, accepted(batch, store, 2))
        end(store, batch, job)
        assert statuses(crashed(state, "image")) == {"job-1": "SUCCEEDED", "job-2": "STARTING"}


def test_a_transaction_that_fails_leaves_all_in_the_journal(tmp_path: Path) -> None:
    with stores(tmp_path) as (state, store, batch):
        job = accepted(batch, store, 1)
        start(store, job)
        end(store, batch, job)
        store.begin()
        with pytest.raises(sqlite3.IntegrityError):
            store.insert([(1, "job-1", "a", "default", "", 0, None, None)])
        store.rollback()
        assert job.job_id in store.noted
        assert statuses(crashed(state, "image")) == {"job-1": "SUCCEEDED"}


def test_what_is_settled_is_in_the_database_and_noted_no_more(tmp_path: Path) -> None:
    with stores(tmp_path) as (_, store, batch):
        job = accepted(batch, store, 1)
        start(store, job)
        end(store, batch, job)
        before = store.is_settled
        store.settle()
        assert (before, store.is_settled) == (False, True)
        assert not store.noted
        assert store.statuses(["job-1"]) == {"job-1": "SUCCEEDED"}


def test_a_host_that_leaves_settles_first(tmp_path: Path) -> None:
    with stores(tmp_path) as (state, store, batch):
        job = accepted(batch, store, 1)
        start(store, job)
        end(store, batch, job)
    (state / "host.journal").unlink()
    assert statuses(state / "host.db") == {"job-1": "SUCCEEDED"}
