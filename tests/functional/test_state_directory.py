"""The state directory on a real disk: how it is made, what is refused, and that nothing is lost."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import JobState
from chalicelib.errors import BackendError, ConflictError, InvalidInputError
from chalicelib.local.database import FILE_NAME, Database
from chalicelib.local.migrations import LATEST
from chalicelib.local.sqlite_store import SqliteStore
from tests.contract.store_contents import RUN, begin, change, everything, header
from tests.contract.test_token_contract import RECORD

VERSION_1 = Path(__file__).with_name("version_1.sql")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(tmp_path)) as opened:
        yield opened


def by_hand(directory: Path, statement: str) -> None:
    """What an operator does with the `sqlite3` shell."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection, connection:
        connection.execute(statement)


def refusal(directory: Path) -> BackendError:
    with pytest.raises(BackendError) as caught:
        SqliteStore.open(directory)
    return caught.value


# Making it


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "of" / "mine"
    with closing(SqliteStore.open(directory)) as store:
        store.take_epoch("a")
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (directory, *directory.iterdir())]
    assert modes == [0o700, 0o600, 0o600, 0o600]


def test_what_was_stored_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with closing(SqliteStore.open(tmp_path)) as store:
        begin(store)
        before = everything(store, RUN)
    with closing(SqliteStore.open(tmp_path)) as store:
        assert everything(store, RUN) == before


def test_many_may_make_it_at_once(tmp_path: Path) -> None:
    def enter(_: int) -> int:
        with closing(SqliteStore.open(tmp_path / "new")) as store:
            return store.take_epoch("someone")

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(enter, range(8))) == list(range(1, 9))


def test_a_thread_that_opens_it_takes_no_lock_from_another(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from chalicelib.local.sqlite_store import SqliteStore; "
        "store = SqliteStore.open(pathlib.Path(sys.argv[1])); print(store.take_epoch('b')); "
        "store.close()"
    )
    other = [sys.executable, "-c", program, str(tmp_path)]
    with closing(SqliteStore.open(tmp_path)) as first, closing(SqliteStore.open(tmp_path)):
        epochs = []
        for _ in range(3):  # without its lock, the other program took its log away in closing
            epochs.append(first.take_epoch("a"))
            epochs.append(int(subprocess.run(other, check=True, capture_output=True).stdout))
    assert epochs == [1, 2, 3, 4, 5, 6]


def test_threads_that_write_at_once_all_write(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path).close()

    def write(thread: int) -> int:
        with closing(SqliteStore.open(tmp_path)) as store:
            for number in range(20):
                begin(store, replace(header(), run_id=f"etl/{thread}-{number}"))
            return 20

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(write, range(8))) == 160
    with closing(SqliteStore.open(tmp_path)) as store:
        assert len(store.find_headers(limit=1000)) == 160


def test_commits_are_on_the_disk_and_readers_do_not_wait_for_writers(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    with closing(database), database.reading("test") as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
    assert found == ["wal", 2, 1]


def test_a_directory_of_odd_characters_works(tmp_path: Path) -> None:
    with closing(SqliteStore.open(tmp_path / "a b?mode=ro#ü%41")) as store:
        assert store.take_epoch("a") == 1


# Versions


def old_database(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.executescript(VERSION_1.read_text())


def test_a_database_of_version_1_is_opened_with_all_it_holds(tmp_path: Path) -> None:
    old_database(tmp_path)
    with closing(SqliteStore.open(tmp_path)) as store:
        run = store.load_run("etl-1")
        assert list(run.specs) == ["make", "clean"]
        assert run.states["make"].status is JobStatus.RESERVED
        assert run.header.parameters == {"date": "2026-11-23"}
        assert [event.act for event in store.events("etl-1")] == ["START", "RESERVE"]
        assert store.get_schedule("etl").document == '{"scheduleId":"etl"}'
        assert store.take_epoch("a") == 2


def test_a_database_of_version_1_takes_tokens_once_it_is_opened(tmp_path: Path) -> None:
    old_database(tmp_path)
    with closing(SqliteStore.open(tmp_path)) as store:
        assert store.tokens.list_tokens() == []
        store.tokens.create_token(RECORD)
    with closing(SqliteStore.open(tmp_path)) as store:
        assert store.tokens.get_token(RECORD.id) == RECORD
        assert list(store.load_run("etl-1").specs) == ["make", "clean"]


def schema(directory: Path) -> set[tuple[str, ...]]:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        return set(connection.execute("SELECT type, name, sql FROM sqlite_master"))


def test_an_old_database_becomes_what_a_new_one_is(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    old_database(old)
    for directory in (old, new):
        SqliteStore.open(directory).close()
    assert schema(old) == schema(new)


def test_a_newer_database_is_refused_with_what_was_found_and_what_to_do(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path).close()
    by_hand(tmp_path, "PRAGMA user_version = 77")
    error = refusal(tmp_path)
    assert f"schema version 77, this program knows up to {LATEST}" in error.reason
    assert "install a newer batch-scheduler" in error.reason
    assert not error.retryable


@pytest.mark.parametrize("mark", ["CREATE TABLE t (a)", "PRAGMA user_version = 1"])
def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path, mark: str) -> None:
    by_hand(tmp_path, mark)
    before = (tmp_path / FILE_NAME).read_bytes()
    error = refusal(tmp_path)
    assert "another program" in error.reason
    assert not error.retryable
    assert (tmp_path / FILE_NAME).read_bytes() == before


# Damage


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("These are my notes, please keep them. " * 99)
    error = refusal(tmp_path)
    assert "it is damaged or no SQLite database" in error.reason
    assert not error.retryable
    assert (tmp_path / FILE_NAME).read_text().startswith("These are my notes")


def test_a_damaged_page_is_told_in_words(tmp_path: Path) -> None:
    with closing(SqliteStore.open(tmp_path)) as store:
        begin(store)
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * ((tmp_path / FILE_NAME).stat().st_size - 4096))
    # The list of tables goes on behind the first page, so that even to open it may fail.
    with (
        pytest.raises(BackendError, match="it is damaged") as caught,
        closing(SqliteStore.open(tmp_path)) as store,
    ):
        store.load_run(RUN)
    assert not caught.value.retryable
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)


def test_a_header_that_is_no_json_any_more_is_told_in_words(
    store: SqliteStore, tmp_path: Path
) -> None:
    begin(store)
    by_hand(tmp_path, "UPDATE runs SET header = '{'")
    with pytest.raises(BackendError, match="no JSON"):
        store.get_header(RUN)


def test_a_table_that_is_gone_is_told_in_words(store: SqliteStore, tmp_path: Path) -> None:
    by_hand(tmp_path, "DROP TABLE schedules")
    with pytest.raises(BackendError, match="not the tables") as caught:
        store.list_schedules()
    assert not caught.value.retryable


# Where nothing can be written


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """The super-user may write everywhere, so in a container that runs as one we step down."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        SqliteStore.open(directory).close()
        directory.chmod(0o555)
        yield directory
        directory.chmod(0o755)


@pytest.mark.parametrize("mode", [0o444, 0o666], ids=["file too", "directory only"])
def test_a_read_only_directory_is_refused_in_words(read_only: Path, mode: int) -> None:
    (read_only / FILE_NAME).chmod(mode)
    with as_an_ordinary_user():
        error = refusal(read_only)
    assert str(read_only) in error.reason
    assert not error.retryable


def test_a_file_in_the_place_of_the_directory_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    error = refusal(tmp_path / "state")
    assert "name another with --state" in error.reason
    assert not error.retryable


def pragma(database: Database, text: str) -> None:
    with database.reading("test") as connection:
        connection.execute(f"PRAGMA {text}")


def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    with closing(SqliteStore(database)) as store:
        about = begin(store)
        before = everything(store, RUN)
        big = change(JobState(), status=JobStatus.FAILED, reason="x" * 100_000)
        pragma(database, "max_page_count = 1")  # SQLite takes it as the size it has now
        with pytest.raises(BackendError, match="the disk is full") as caught:
            store.record(about, [big])
        assert caught.value.retryable
        assert everything(store, RUN) == before
        pragma(database, "max_page_count = 100000")
        store.record(about, [big])
        assert store.load_run(RUN).states["make"] == big.after


def test_a_writer_that_does_not_let_go_is_told_in_words(tmp_path: Path) -> None:
    mine, other = Database.open(tmp_path), Database.open(tmp_path)
    with closing(mine), closing(other), other.writing("test"):
        pragma(mine, "busy_timeout = 0")
        with pytest.raises(BackendError, match="another process is writing") as caught:
            mine.take_epoch("a")
    assert caught.value.retryable


def test_a_reader_is_not_held_up_by_a_writer(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    with closing(SqliteStore.open(tmp_path)) as store, closing(database):
        about = begin(store)
        with database.writing("test"):
            assert store.get_header(RUN) == about


def stopped_midway(database: Database) -> None:
    with database.writing("test") as connection:
        connection.execute("UPDATE jobs SET status = 'FAILED'")
        raise KeyboardInterrupt


def test_f47_what_was_begun_when_the_program_was_stopped_is_not_there(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    with closing(SqliteStore(database)) as store:
        begin(store)
        before = everything(store, RUN)
        with pytest.raises(KeyboardInterrupt):
            stopped_midway(database)
        assert everything(store, RUN) == before


def test_an_id_that_is_no_text_is_bad_input(store: SqliteStore) -> None:
    with pytest.raises(InvalidInputError, match="no Unicode text"):
        store.get_header("\udcff")


# The operator's hand in the tables


def passed_by_hand(store: SqliteStore, directory: Path) -> None:
    begin(store)
    by_hand(directory, "UPDATE jobs SET status = 'PASS' WHERE name = 'make'")


def test_a_status_set_by_hand_is_loaded(store: SqliteStore, tmp_path: Path) -> None:
    passed_by_hand(store, tmp_path)
    assert store.load_run(RUN).states["make"].status is JobStatus.PASS
    assert [each.spec.name for each in store.find_jobs(RUN, statuses=[JobStatus.PASS])] == [
        "make",
        "assemble",
    ]


def test_the_counts_follow_a_status_set_by_hand(store: SqliteStore, tmp_path: Path) -> None:
    passed_by_hand(store, tmp_path)
    run = store.load_run(RUN)
    counts = {status: count for status, count in run.header.counts.items() if count}
    assert counts == dict(run.counts) == {"WAITING": 1, "HELD": 1, "PASS": 2}


def test_a_status_set_by_hand_is_in_the_history(store: SqliteStore, tmp_path: Path) -> None:
    passed_by_hand(store, tmp_path)
    event = store.events(RUN)[-1]
    assert (event.sequence, event.job, event.act, event.actor) == (2, "make", "EDIT", "table")
    assert (event.before, event.after) == ("WAITING", "PASS")


def test_a_write_that_does_not_know_of_the_hand_conflicts(
    store: SqliteStore, tmp_path: Path
) -> None:
    about = begin(store)
    by_hand(tmp_path, "UPDATE jobs SET status = 'PASS' WHERE name = 'make'")
    moved = replace(about, revision=store.get_header(RUN).revision)
    for known in (about, moved):
        with pytest.raises(ConflictError):
            store.record(known, [change(JobState(), Act.RESERVE, status=JobStatus.RESERVED)])
    assert store.load_run(RUN).states["make"].status is JobStatus.PASS


def test_an_engine_sees_that_a_hand_was_at_work(store: SqliteStore, tmp_path: Path) -> None:
    begin(store)
    before = store.data_version(), store.get_header(RUN).revision
    by_hand(tmp_path, "UPDATE jobs SET status = 'PASS' WHERE name = 'make'")
    after = store.data_version(), store.get_header(RUN).revision
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_misspelt_status_is_refused_where_it_is_written(
    store: SqliteStore, tmp_path: Path
) -> None:
    begin(store)
    with pytest.raises(sqlite3.IntegrityError, match="PASS is the one to set by hand"):
        by_hand(tmp_path, "UPDATE jobs SET status = 'PASSED' WHERE name = 'make'")


@pytest.mark.parametrize("statement", ["UPDATE events SET actor = 'nobody'", "DELETE FROM events"])
def test_history_can_not_be_rewritten(store: SqliteStore, tmp_path: Path, statement: str) -> None:
    begin(store)
    with pytest.raises(sqlite3.IntegrityError, match="only ever appended"):
        by_hand(tmp_path, statement)


def test_a_job_of_no_run_can_not_be_written(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    with (
        closing(database),
        pytest.raises(sqlite3.IntegrityError),
        database.writing("test") as connection,
    ):
        connection.execute("INSERT INTO specs VALUES (1, 0, '{}')")


def test_a_header_written_by_hand_with_unknown_members_is_read(
    store: SqliteStore, tmp_path: Path
) -> None:
    begin(store, header(reason="nightly"))
    by_hand(tmp_path, "UPDATE runs SET header = json_set(header, '$.colour', 'red')")
    assert store.get_header(RUN).reason == "nightly"
