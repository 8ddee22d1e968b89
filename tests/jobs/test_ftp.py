"""What is FTP's own: servers that know few commands, and TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.file_servers import PASSWORD, FileServer, sales_server, some_bytes
from tests.jobs.transfer_world import Jobs, jobs_in

MIB = 1_048_576
SALES = some_bytes(3 * MIB)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with sales_server(tmp_path, SALES) as running:
        yield running


@pytest.fixture
def jobs(server: FileServer, tmp_path: Path) -> Jobs:
    return jobs_in(tmp_path, dict(server.environment))


def test_a_server_that_cannot_begin_inside_a_file_sends_it_again(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    server.traffic.refused = {"REST"}
    server.traffic.cuts = [MIB]
    argv = ["ftp", "get", server.address("sales.csv"), f"{tmp_path}/got", *server.login]
    assert jobs.run(argv) == Exit.OK
    assert (tmp_path / "got").read_bytes() == SALES


def test_a_server_that_cannot_go_on_inside_a_file_is_sent_it_again(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").write_bytes(SALES)
    server.traffic.refused = {"REST"}
    server.traffic.cuts = [MIB]
    argv = ["ftp", "put", f"{tmp_path}/out.csv", server.address("out.csv"), *server.login]
    assert jobs.run(argv) == Exit.OK
    assert (server.root / "out.csv").read_bytes() == SALES


def test_a_server_that_tells_no_times_is_known_by_sizes(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    server.traffic.refused = {"MDTM"}
    argv = ["ftp", "wait", server.address("sales.csv"), "--stable", "20", *server.login]
    assert jobs.run(argv) == Exit.OK
    assert jobs.slept == [10, 10]


def test_a_server_without_sizes_is_no_server_to_work_with(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    server.traffic.refused = {"SIZE"}
    argv = ["ftp", "get", server.address("sales.csv"), f"{tmp_path}/got", *server.login]
    assert jobs.run(argv) == Exit.NOT_FETCHED
    assert "502 SIZE is not implemented" in jobs.err


def test_a_size_that_is_no_number_is_none(server: FileServer, jobs: Jobs, tmp_path: Path) -> None:
    server.traffic.says = {"SIZE": "213 many"}
    argv = ["ftp", "get", server.address("sales.csv"), f"{tmp_path}/got", *server.login]
    assert jobs.run(argv) == Exit.NOT_FETCHED
    assert "tells no sizes: '213 many'" in jobs.err


def test_a_password_with_a_line_end_in_it_breaks_no_command(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    jobs.environment = {"FTP_PASSWORD": "hunter2\r\nDELE sales.csv"}
    argv = ["ftp", "get", server.address("sales.csv"), f"{tmp_path}/got", *server.login]
    assert jobs.run(argv) == Exit.REFUSED
    assert "hunter2" not in jobs.err


def test_no_password_goes_to_a_server_without_tls_when_tls_is_asked_for(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    argv = ["ftp", "get", server.address("sales.csv"), f"{tmp_path}/got", *server.login, "--tls"]
    assert jobs.run(argv) == Exit.NOT_FETCHED
    assert not [line for line in server.traffic.asked if "PASS" in line or PASSWORD in line]
