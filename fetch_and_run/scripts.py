"""Fetch a script, or an archive with one in it, and run it: as fetch-and-run has always done.

The words after the command are the script's name and its arguments. Of a script that is fetched by
itself the name says nothing; in an archive it is the path of the file to run.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.keeping import private_directory
from fetch_and_run.places import Place, check_allowed, read_url
from fetch_and_run.running import end_by_signals, run
from fetch_and_run.telling import claim
from fetch_and_run.world import World

TYPE, URL = "BATCH_FILE_TYPE", "BATCH_FILE_S3_URL"
VERSION, SHA256 = "BATCH_FILE_S3_VERSION", "BATCH_FILE_SHA256"
KEEP = "KEEP_BATCH_FILE_CONTENTS"
FETCHED = "BATCH_FILE_FETCHED"  # set for the script: what it calls batch-job for is not to fetch
FILE = "batch-file-temp"  # the fetched file, by the name that it has always had
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_PAUSE = 20.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the environment and the words ask for."""

    is_archive: bool
    url: str
    version: str
    sha256: str
    script: str  # in the archive
    arguments: Sequence[str]


def is_classic(environment: Mapping[str, str]) -> bool:
    """Whether all words belong to a script: the job says what to fetch, and it is not done yet."""
    return bool(environment.get(TYPE)) and not environment.get(FETCHED)


def fetch_and_run(words: Sequence[str], world: World) -> int:
    """The script's exit code. Raises JobError."""
    asked = _read(words, world.environment)
    place = read_url(asked.url)
    check_allowed(place, world.environment)
    end_by_signals()
    claim(world)
    keep = bool(world.environment.get(KEEP))
    with private_directory(world.environment, keep=keep) as directory:
        try:
            program = _fetched(asked, place, directory, world)
            return run(program, asked.arguments, {**world.environment, FETCHED: "1"})
        finally:
            if not keep:
                os.chdir("/")  # out of what goes


def _read(words: Sequence[str], environment: Mapping[str, str]) -> _Asked:
    kind = environment.get(TYPE, "")
    if kind not in ("script", "zip"):
        raise JobError(Exit.USAGE, f"{TYPE} is {kind!r}, and would be script or zip")
    if not environment.get(URL):
        raise JobError(Exit.USAGE, f"{URL} is not set; it would be s3://bucket/key")
    if kind == "zip" and not words:
        raise JobError(Exit.USAGE, "the first word would be the file of the archive to run")
    sha256 = environment.get(SHA256, "").lower()
    if sha256 and not _DIGEST.fullmatch(sha256):
        raise JobError(Exit.USAGE, f"{SHA256} is {sha256!r}, and would be 64 hexadecimal digits")
    return _Asked(
        is_archive=kind == "zip",
        url=environment[URL],
        version=environment.get(VERSION, ""),
        sha256=sha256,
        script=_inside(words[0]) if kind == "zip" else "",
        arguments=words[1:],
    )


def _inside(name: str) -> str:
    """The script's path in the archive, which may not lead out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise JobError(Exit.REFUSED, f"{name!r} is no file of the archive")
    return str(path)


def _fetched(asked: _Asked, place: Place, directory: Path, world: World) -> Path:
    """The program to run. An archive's is run in the directory of its files."""
    from fetch_and_run.fetching import Wanted, client_of_s3, fetch

    wanted = Wanted(place=place, version=asked.version, sha256=asked.sha256)
    file = directory / FILE
    try:
        fetch(client_of_s3(world.environment), wanted, file, _pause(world))
        if not asked.is_archive:
            file.chmod(0o700)
            return file
        return _unpacked(file, asked, directory / "files")
    except OSError as error:
        raise JobError(
            Exit.NOT_FETCHED, f"{wanted.place} can't be kept in {directory}: {error.strerror}"
        ) from error


def _unpacked(archive: Path, asked: _Asked, files: Path) -> Path:
    from fetch_and_run.archives import unpack

    files.mkdir(mode=0o700)
    unpack(archive, files)
    archive.unlink()
    program = files / asked.script
    if not program.is_file():
        raise JobError(
            Exit.NOT_STARTED, f"{asked.script!r} is not in the archive of {asked.url}, or no file"
        )
    program.chmod(0o700)
    os.chdir(files)
    return program


def _pause(world: World) -> Callable[[int], None]:
    """Exponential backoff with full jitter."""

    def pause(number: int) -> None:
        world.sleep(world.chance() * min(_LONGEST_PAUSE, 0.5 * 2**number))

    return pause
