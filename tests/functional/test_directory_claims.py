"""Claims of one machine as jobs may have spoilt them: runs go on, and nothing is waited for."""

import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.core.claims import AttemptKey, Claim
from chalicelib.errors import BackendError
from chalicelib.local.directory_claims import DirectoryClaims

RUN = "etl/2026-11-23T11:00:00.000000Z"
KEY = AttemptKey(run_id=RUN, job="load", attempt=1)
FINE = AttemptKey(run_id=RUN, job="fine", attempt=1)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the claim of the job is to be, beside that of another."""
    directory = tmp_path / "claims" / RUN
    directory.mkdir(parents=True)
    (directory / "fine.1.json").write_text('{"owner": "id-fine"}')
    return directory / "load.1.json"


def bind(path: Path) -> None:
    """Leave a socket there, by a name that is short enough for one."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


SPOILT: dict[str, Callable[[Path], object]] = {
    "cut off": lambda path: path.write_bytes(b'{"owner": "id-a", "outp'),
    "empty": lambda path: path.write_bytes(b""),
    "too deep": lambda path: path.write_bytes(b"[" * 100_000),
    "too large": lambda path: path.write_bytes(b'{"owner": "' + b"x" * 2**20 + b'"}'),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "a huge number": lambda path: path.write_bytes(b'{"owner": ' + b"9" * 10_000 + b"}"),
    "a pipe": os.mkfifo,
    "a directory": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to(path.with_name("fine.1.json")),
    "a socket": bind,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_a_job_put_in_a_claim_s_place_is_no_claim(
    place: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(place)
    found = DirectoryClaims(tmp_path).read([KEY, FINE])
    assert found[KEY].amiss.startswith("it is no claim")
    assert (found[KEY].told, found[FINE]) == (None, Claim(owner="id-fine"))


def test_a_name_that_is_too_long_for_a_file_has_no_claim(place: Path, tmp_path: Path) -> None:
    long = AttemptKey(run_id=RUN, job="ü" * 128, attempt=1)
    assert DirectoryClaims(tmp_path).read([long]) == {}
    assert not place.exists()


def test_a_file_in_place_of_a_run_s_directory_holds_no_claims(place: Path, tmp_path: Path) -> None:
    odd = AttemptKey(run_id=f"{RUN}/fine.1.json", job="load", attempt=1)
    assert DirectoryClaims(tmp_path).read([odd]) == {}
    assert not place.exists()


def test_a_machine_that_has_no_room_for_another_file_is_asked_again(
    place: Path, tmp_path: Path
) -> None:
    place.write_text('{"owner": "id-a"}')
    claims = DirectoryClaims(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(BackendError, match="Too many open files") as caught:
            claims.read([KEY])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.retryable
    assert claims.read([KEY]) == {KEY: Claim(owner="id-a")}
