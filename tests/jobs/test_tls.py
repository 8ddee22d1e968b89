"""TLS: whoever is trusted is asked, and nobody else hears a password."""

from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.certificates import Certified, certified
from tests.jobs.file_servers import PASSWORD, some_bytes
from tests.jobs.tls_ftp_server import LOGIN, TlsFtp, tls_ftp_server
from tests.jobs.transfer_world import Jobs, jobs_in
from tests.jobs.web_server import web_server


@pytest.fixture
def trusted(tmp_path: Path) -> Certified:
    return certified(tmp_path)


@pytest.fixture
def jobs(trusted: Certified, tmp_path: Path) -> Jobs:
    return jobs_in(tmp_path, {"FTP_PASSWORD": PASSWORD, "CA": trusted.pem})


def get(ftp: TlsFtp, tmp_path: Path, *more: str) -> list[str]:
    address = f"ftp://127.0.0.1:{ftp.port}/a.csv"
    return ["ftp", "get", address, f"{tmp_path}/a.csv", *LOGIN, *more]


def test_files_come_over_tls_in_the_session_of_the_commands(
    trusted: Certified, jobs: Jobs, tmp_path: Path
) -> None:
    content = some_bytes(300_000)
    with tls_ftp_server(content, trusted.context) as ftp:
        assert jobs.run(get(ftp, tmp_path, "--ca-from", "env:CA")) == Exit.OK
        assert ftp.in_the_clear == ["AUTH TLS"]
    assert (tmp_path / "a.csv").read_bytes() == content


def test_a_server_with_a_certificate_of_nobody_gets_no_password(
    trusted: Certified, jobs: Jobs, tmp_path: Path
) -> None:
    with tls_ftp_server(b"a", trusted.context) as ftp:
        assert jobs.run(get(ftp, tmp_path)) == Exit.REFUSED
    assert "no certificate to be trusted" in jobs.err
    assert jobs.slept == []


def test_what_is_no_certificate_is_refused(trusted: Certified, jobs: Jobs, tmp_path: Path) -> None:
    with tls_ftp_server(b"a", trusted.context) as ftp:
        assert jobs.run(get(ftp, tmp_path, "--ca-from", "env:FTP_PASSWORD")) == Exit.REFUSED
    assert "holds is no certificate" in jobs.err


def test_https_asks_who_is_trusted_and_nobody_else(trusted: Certified, jobs: Jobs) -> None:
    with web_server(trusted.context) as server:
        url = server.url("/x").replace("http:", "https:")
        assert jobs.run(["http", url, "--body", "a"]) == Exit.REFUSED
        assert "can't be trusted" in jobs.err
        assert server.received == []
        assert jobs.run(["http", url, "--body", "a", "--ca-from", "env:CA"]) == Exit.OK
        assert [each.path for each in server.received] == ["POST /x"]
