"""What is SFTP's own: how a server is known, keys, and names that are taken."""

from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from fetch_and_run.exits import Exit
from tests.jobs.file_servers import PASSWORD, USER, USER_KEY, FileServer, sftp_server
from tests.jobs.transfer_world import Jobs, jobs_in

ANOTHER = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    root = tmp_path / "server"
    root.mkdir()
    (root / "sales.csv").write_text("a,b")
    with sftp_server(root) as running:
        yield running


@pytest.fixture
def jobs(server: FileServer, tmp_path: Path) -> Jobs:
    return jobs_in(tmp_path, dict(server.environment))


def get(server: FileServer, tmp_path: Path, *login: str) -> list[str]:
    return ["sftp", "get", server.address("sales.csv"), f"{tmp_path}/got.csv", *login]


def test_a_server_that_nothing_is_known_of_is_not_asked(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    login = ("--user", USER, "--password-from", "env:SFTP_PASSWORD")
    assert jobs.run(get(server, tmp_path, *login)) == Exit.USAGE
    assert "no server is trusted unseen" in jobs.err


@pytest.mark.parametrize("of_another", ["fingerprint", "known hosts", "nobody"])
def test_a_server_with_another_key_gets_no_password(
    server: FileServer, jobs: Jobs, tmp_path: Path, of_another: str
) -> None:
    line = f"[127.0.0.1]:{server.port} {ANOTHER.export_public_key().decode()}"
    lines = {"known hosts": line, "nobody": "elsewhere.example ssh-ed25519 AAAA"}
    jobs.environment = {**server.environment, "KNOWN": lines.get(of_another, "")}
    known = (
        ("--host-key", ANOTHER.get_fingerprint("sha256"))
        if of_another == "fingerprint"
        else ("--known-hosts-from", "env:KNOWN")
    )
    login = ("--user", USER, "--password-from", "env:SFTP_PASSWORD", *known)
    assert jobs.run(get(server, tmp_path, *login)) == Exit.REFUSED
    assert "is not known by its host key" in jobs.err
    assert (jobs.slept, server.traffic.logins) == ([], [])


def test_a_server_is_known_by_its_line_of_known_hosts(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {server.key}\n")
    known = ("--known-hosts-from", f"file:{tmp_path}/known")
    login = ("--user", USER, "--password-from", "env:SFTP_PASSWORD", *known)
    assert jobs.run(get(server, tmp_path, *login)) == Exit.OK


def test_a_user_logs_in_with_a_key_behind_a_passphrase(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    jobs.environment = {
        "KEY": USER_KEY.export_private_key("pkcs8-pem", "open").decode(),
        "PHRASE": "open",
        "WRONG": "shut",
    }
    login = ("--user", USER, "--key-from", "env:KEY", *server.login[-2:], "--passphrase-from")
    assert jobs.run(get(server, tmp_path, *login, "env:PHRASE")) == Exit.OK
    assert jobs.run(get(server, tmp_path, *login, "env:WRONG")) == Exit.REFUSED
    assert "no private key that opens" in jobs.err


def test_a_key_that_the_server_does_not_know_ends_it(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    jobs.environment = {"KEY": ANOTHER.export_private_key().decode()}
    login = ("--user", USER, "--key-from", "env:KEY", *server.login[-2:])
    assert jobs.run(get(server, tmp_path, *login)) == Exit.NOT_FETCHED
    assert "does not let 'etl' log in" in jobs.err
    assert server.traffic.logins == []


def test_a_path_may_begin_where_the_user_logs_in_to(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    argv = get(server, tmp_path, *server.login)
    argv[2] = server.address("~/sales.csv")
    assert jobs.run(argv) == Exit.OK
    assert PASSWORD not in jobs.out + jobs.err


def test_a_lost_answer_to_the_last_step_is_no_failure(
    server: FileServer, jobs: Jobs, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").write_text("a,b,c")
    server.traffic.lost_renames = 1
    argv = ["sftp", "put", f"{tmp_path}/out.csv", server.address("out.csv"), *server.login]
    assert jobs.run(argv) == Exit.OK
    assert server.traffic.lost_renames == 0
    assert server.has() == {"sales.csv", "out.csv"}
