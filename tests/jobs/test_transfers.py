"""get, put and wait, the same for SFTP and FTP, against real servers that cut connections."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.file_servers import FileServer, ftp_server, sftp_server, some_bytes
from tests.jobs.transfer_world import WHO, Jobs, jobs_in

MIB = 1_048_576
SALES = some_bytes(3 * MIB + 17)
SUM = hashlib.sha256(SALES).hexdigest()


@pytest.fixture(params=[sftp_server, ftp_server], ids=["sftp", "ftp"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer]:
    root = tmp_path / "server"
    root.mkdir()
    with request.param(root) as running:
        yield running


@pytest.fixture
def jobs(server: FileServer, tmp_path: Path) -> Jobs:
    return jobs_in(tmp_path, server.environment)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


def get(server: FileServer, name: str, to: Path | str, *more: str) -> list[str]:
    return [server.scheme, "get", server.address(name), str(to), *server.login, *more]


def put(server: FileServer, source: Path, name: str, *more: str) -> list[str]:
    return [server.scheme, "put", str(source), server.address(name), *server.login, *more]


def wait(server: FileServer, name: str, *more: str) -> list[str]:
    return [server.scheme, "wait", server.address(name), *server.login, *more]


def names_in(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def test_a_file_comes_here_and_its_claim_tells_what_it_is(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    assert jobs.run(get(server, "sales.csv", f"{here}/", "--sha256", SUM.upper())) == Exit.OK
    assert (here / "sales.csv").read_bytes() == SALES
    assert names_in(here) == ["sales.csv"]
    assert jobs.claim().outputs == {"file": "sales.csv", "bytes": str(len(SALES)), "sha256": SUM}


def test_a_file_goes_there_under_its_name_only_when_it_is_complete(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (here / "out.csv").write_bytes(SALES)
    (server.root / "out.csv").write_text("of yesterday")
    assert jobs.run(put(server, here / "out.csv", "out.csv")) == Exit.OK
    assert (server.root / "out.csv").read_bytes() == SALES
    assert server.has() == {"out.csv"}
    assert jobs.claim().outputs["sha256"] == SUM


def test_an_empty_file_is_a_file(server: FileServer, jobs: Jobs, here: Path) -> None:
    (server.root / "none.csv").touch()
    assert jobs.run(get(server, "none.csv", here)) == Exit.OK
    assert jobs.run(put(server, here / "none.csv", "back.csv")) == Exit.OK
    assert (server.root / "back.csv").read_bytes() == b""


def test_a_connection_cut_while_a_file_comes_is_gone_on_with(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    server.traffic.cuts = [2 * MIB, 3 * MIB]
    assert jobs.run(get(server, "sales.csv", here, "--sha256", SUM)) == Exit.OK
    assert (here / "sales.csv").read_bytes() == SALES
    assert server.traffic.cuts == []
    assert server.traffic.moved < 6 * MIB  # three times from the beginning would be more
    assert len(jobs.slept) == 2


def test_a_connection_cut_while_a_file_goes_is_gone_on_with(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (here / "out.csv").write_bytes(SALES)
    server.traffic.cuts = [2 * MIB, 3 * MIB]
    assert jobs.run(put(server, here / "out.csv", "out.csv", "--sha256", SUM)) == Exit.OK
    assert (server.root / "out.csv").read_bytes() == SALES
    assert server.has() == {"out.csv"}
    assert server.traffic.moved < 7 * MIB


def test_what_never_comes_through_is_given_up_and_has_no_name(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    server.traffic.is_dead = True
    assert jobs.run(get(server, "sales.csv", here, "--retries", "3")) == Exit.NOT_FETCHED
    assert "given up after 4 tries in a row" in jobs.err
    assert jobs.slept == [0.75, 1.5, 3.0]
    assert "sales.csv" not in names_in(here)
    assert jobs.claim().outputs == {}


def test_the_next_process_goes_on_with_the_part_that_is_there(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    server.traffic.cuts = [2 * MIB]
    assert jobs.run(get(server, "sales.csv", here, "--retries", "0")) == Exit.NOT_FETCHED
    (part,) = here.iterdir()
    already = part.stat().st_size
    server.traffic.moved = 0
    assert jobs.run(get(server, "sales.csv", here, "--sha256", SUM)) == Exit.OK
    assert server.traffic.moved == len(SALES) - already < len(SALES)
    assert (here / "sales.csv").read_bytes() == SALES


def test_a_part_of_the_file_as_it_was_before_is_not_gone_on_with(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    server.traffic.cuts = [2 * MIB]
    assert jobs.run(get(server, "sales.csv", here, "--retries", "0")) == Exit.NOT_FETCHED
    newer = SALES[::-1]
    (server.root / "sales.csv").write_bytes(newer)
    os.utime(server.root / "sales.csv", (1_700_000_000, 1_700_000_000))
    assert jobs.run(get(server, "sales.csv", here)) == Exit.OK
    assert (here / "sales.csv").read_bytes() == newer


def test_a_file_that_changes_while_it_is_read_is_no_file(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    server.traffic.cuts = [2 * MIB]
    jobs.on_sleep = [lambda: (server.root / "sales.csv").write_bytes(SALES + b"more")]
    assert jobs.run(get(server, "sales.csv", here)) == Exit.CHANGED
    assert "was changed while it was read" in jobs.err
    assert names_in(here) == []


def test_a_file_that_is_replaced_while_it_is_read_is_no_file_even_of_the_same_size(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    def replace_it() -> None:
        (server.root / "sales.csv").write_bytes(SALES[::-1])
        os.utime(server.root / "sales.csv", (1_700_000_000, 1_700_000_000))

    (server.root / "sales.csv").write_bytes(SALES)
    server.traffic.cuts = [2 * MIB]
    jobs.on_sleep = [replace_it]
    assert jobs.run(get(server, "sales.csv", here)) == Exit.CHANGED
    assert names_in(here) == []


def test_whoever_gets_on_between_two_cuts_has_all_his_retries_again(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "long.csv").write_bytes(SALES * 2)
    server.traffic.cuts = [2 * MIB, 4 * MIB, 6 * MIB]
    assert jobs.run(get(server, "long.csv", here, "--retries", "1")) == Exit.OK
    assert server.traffic.cuts == []
    assert (here / "long.csv").read_bytes() == SALES * 2


def test_a_wrong_checksum_leaves_nothing_here(server: FileServer, jobs: Jobs, here: Path) -> None:
    (server.root / "sales.csv").write_bytes(b"one byte is wrong")
    assert jobs.run(get(server, "sales.csv", here, "--sha256", SUM)) == Exit.CHANGED
    assert SUM in jobs.err
    assert names_in(here) == []


def test_a_wrong_checksum_leaves_nothing_there(server: FileServer, jobs: Jobs, here: Path) -> None:
    (here / "out.csv").write_bytes(b"one byte is wrong")
    assert jobs.run(put(server, here / "out.csv", "out.csv", "--sha256", SUM)) == Exit.CHANGED
    assert server.has() == set()


def test_the_checksum_beside_a_file_is_compared(server: FileServer, jobs: Jobs, here: Path) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    (server.root / "sales.csv.sha256").write_text(f"{'0' * 64}  other.csv\n{SUM}  sales.csv\n")
    assert jobs.run(get(server, "sales.csv", here, "--sha256-beside")) == Exit.OK
    (server.root / "sales.csv.sha256").write_text(f"{'0' * 64} *sales.csv\n")
    assert jobs.run(get(server, "sales.csv", here, "--sha256-beside")) == Exit.CHANGED
    (server.root / "sales.csv.sha256").write_text("no sum at all\n")
    assert jobs.run(get(server, "sales.csv", here, "--sha256-beside")) == Exit.CHANGED
    (server.root / "sales.csv.sha256").unlink()
    assert jobs.run(get(server, "sales.csv", here, "--sha256-beside")) == Exit.NOT_FETCHED


def test_the_checksum_is_put_beside_a_file(server: FileServer, jobs: Jobs, here: Path) -> None:
    (here / "out.csv").write_bytes(SALES)
    assert jobs.run(put(server, here / "out.csv", "out.csv", "--sha256-beside")) == Exit.OK
    assert (server.root / "out.csv.sha256").read_text() == f"{SUM}  out.csv\n"
    assert jobs.run(get(server, "out.csv", f"{here}/back.csv", "--sha256-beside")) == Exit.OK


def test_a_file_that_is_not_there_is_said_to_be_so_at_once(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    assert jobs.run(get(server, "none.csv", here)) == Exit.NOT_FETCHED
    assert jobs.err == f"batch-job: {server.address('none.csv')} is not there\n"
    assert jobs.run(put(server, here / "none.csv", "x.csv")) == Exit.NOT_FETCHED
    assert jobs.slept == []


def test_a_directory_is_no_file_and_nothing_is_begun_with_it(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "out").mkdir()
    assert jobs.run(get(server, "out", f"{here}/")) == Exit.NOT_FETCHED
    # FTP has the same answer for what is not there and for what is no file.
    assert ("is a directory" if server.scheme == "sftp" else "is not there") in jobs.err
    assert names_in(here) == []
    assert jobs.run(put(server, here, "out.csv")) == Exit.NOT_FETCHED
    assert jobs.err == f"batch-job: {here} is a directory, and files are moved\n"
    assert (names_in(server.root), jobs.slept) == (["out"], [])


def test_who_has_lost_the_claim_moves_nothing(server: FileServer, jobs: Jobs, here: Path) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    jobs.claim()
    other = replace(WHO, owner="batch-2")
    assert jobs.run(get(server, "sales.csv", here), who=other) == Exit.LOST_CLAIM
    assert (names_in(here), server.traffic.moved) == ([], 0)


def test_a_wrong_password_is_no_reason_to_try_again_and_is_not_shown(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    jobs.environment = dict.fromkeys(server.environment, "hunter2 is wrong")
    assert jobs.run(get(server, "sales.csv", here)) == Exit.NOT_FETCHED
    assert "does not let 'etl' log in" in jobs.err
    assert "hunter2" not in jobs.out + jobs.err
    assert jobs.slept == []


def test_a_dry_run_asks_nothing_and_tells_no_secret(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    assert jobs.run(get(server, "sales.csv", here, "--dry-run")) == Exit.OK
    shown = json.loads(jobs.out)
    assert (shown["service"], shown["operation"]) == (server.scheme, "get")
    assert shown["parameters"]["server"] == server.address("sales.csv")
    assert not set(server.environment.values()) & set(map(str, shown["parameters"].values()))
    assert not list((here.parent / "claims").rglob("*.json"))


def test_a_file_is_waited_for_until_it_is_there_and_stays_the_same(
    server: FileServer, jobs: Jobs
) -> None:
    coming = server.root / "in.csv"
    jobs.on_sleep = [
        lambda: None,
        lambda: coming.write_text("a"),
        lambda: coming.write_text("a,b"),
    ]
    assert jobs.run(wait(server, "in.csv", "--stable", "25", "--every", "10")) == Exit.OK
    assert jobs.slept == [10, 10, 10, 10, 10, 5]
    assert jobs.claim().outputs == {
        "file": "in.csv",
        "address": server.address("in.csv"),
        "bytes": "3",
        "files": "1",
    }


def test_a_pattern_waits_for_all_that_match_and_not_for_parts(
    server: FileServer, jobs: Jobs
) -> None:
    for name in ("sales-2 b.csv", "sales-3.csv", "other.csv", "sales-1.csv.part", "sales-1"):
        (server.root / name).write_text(name)
    jobs.on_sleep = [lambda: (server.root / "sales-3.csv").write_text("longer than it was")]
    assert jobs.run(wait(server, "sales-*", "--stable", "10", "--every", "10")) == Exit.OK
    assert jobs.slept == [10, 10]
    told = jobs.claim().outputs
    assert (told["file"], told["files"]) == ("sales-1", "3")
    assert jobs.run(wait(server, "sales-2%20?.csv", "--stable", "0")) == Exit.OK
    assert jobs.claim().outputs["address"] == server.address("sales-2%20b.csv")


def test_names_of_any_bytes_harm_nobody_and_names_of_any_language_are_found(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    for name in (b"x-\xff\xfe", b"x-a\nb", b"x-a\\b", "x-grün 売上.csv".encode()):
        Path(os.fsdecode(os.fsencode(server.root) + b"/" + name)).write_text("a")
    assert jobs.run(wait(server, "x-*", "--stable", "0")) == Exit.OK
    told = jobs.claim().outputs
    assert (told["file"], told["files"]) == ("x-grün 売上.csv", "1")
    argv = get(server, "", here)
    argv[2] = told["address"]
    assert jobs.run(argv) == Exit.OK
    assert names_in(here) == ["x-grün 売上.csv"]


def test_a_directory_that_is_not_there_is_not_made(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (here / "out.csv").write_text("a")
    assert jobs.run(put(server, here / "out.csv", "none/out.csv")) == Exit.NOT_FETCHED
    assert server.has() == set()
    (server.root / "a.csv").write_text("a")
    assert jobs.run(get(server, "a.csv", here / "none" / "a.csv")) == Exit.NOT_FETCHED


def test_waiting_ends_with_its_time(server: FileServer, jobs: Jobs) -> None:
    assert jobs.run(wait(server, "in.csv", "--timeout", "25")) == Exit.TIMED_OUT
    assert jobs.slept == [10, 10, 5]
    assert jobs.run(wait(server, "*/in.csv", "--timeout", "60")) == Exit.TIMED_OUT


@pytest.mark.parametrize(
    "path", ["../etc/passwd", "a/%2e%2e/b", "a%0d%0aDELE%20b", "a%00b", "", "a/", "."]
)
def test_a_path_that_leads_elsewhere_is_refused(
    server: FileServer, jobs: Jobs, here: Path, path: str
) -> None:
    assert jobs.run(get(server, path, here)) == Exit.REFUSED
    assert (names_in(here), server.traffic.moved) == ([], 0)


def test_an_address_with_a_password_is_refused_and_not_shown(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    argv = get(server, "sales.csv", here)
    argv[2] = argv[2].replace("//", "//etl:hunter2@")
    assert jobs.run(argv) == Exit.REFUSED
    assert "hunter2" not in jobs.err


def test_a_secret_in_the_place_of_its_reference_is_refused_and_not_shown(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    argv = [*get(server, "sales.csv", here), "--password-from", "hunter2"]
    assert jobs.run(argv) == Exit.USAGE
    assert "env:NAME or file:/path" in jobs.err
    assert "hunter2" not in jobs.err
    assert jobs.run([*argv[:-1], "env:NOT_SET"]) == Exit.REFUSED
    assert jobs.run([*argv[:-1], f"file:{here}/none"]) == Exit.REFUSED


def test_a_link_in_the_place_of_a_part_is_not_followed(
    server: FileServer, jobs: Jobs, here: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    server.traffic.cuts = [2 * MIB]
    jobs.run(get(server, "sales.csv", here, "--retries", "0"))
    (part,) = here.iterdir()
    part.rename(here / "elsewhere")
    part.symlink_to(here / "elsewhere")
    before = (here / "elsewhere").read_bytes()
    assert jobs.run(get(server, "sales.csv", here)) == Exit.NOT_FETCHED
    assert (here / "elsewhere").read_bytes() == before
