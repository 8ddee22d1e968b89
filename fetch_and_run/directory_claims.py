"""Claims of one machine: a file for each attempt, changed as a whole or not at all."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fetch_and_run.claim_form import read, shaped, with_links, with_outputs
from fetch_and_run.claims import Claim, Progress, lost
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import Identity

Change = Callable[[Claim], Claim]


class DirectoryClaims:
    """`<directory>/<run>/<job>.<attempt>[:<index>].json`: a name has no colon once it is quoted.

    A run's directory is locked while one of its claims is changed. Who only reads needs no lock: a
    file is replaced by a whole one.
    """

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self._now = now

    def take(self, who: Identity, now: datetime) -> Claim:
        return self._change(who, now, lambda claim: claim)

    def tell_progress(self, who: Identity, progress: Progress) -> None:
        self._change(who, self._now(), lambda claim: replace(claim, progress=progress))

    def tell_outputs(self, who: Identity, outputs: Mapping[str, str]) -> None:
        self._change(who, self._now(), lambda claim: with_outputs(claim, outputs))

    def tell_links(self, who: Identity, links: Mapping[str, str]) -> None:
        self._change(who, self._now(), lambda claim: with_links(claim, links))

    def tell_remote(self, who: Identity, remote: Mapping[str, str]) -> None:
        self._change(who, self._now(), lambda claim: replace(claim, remote=dict(remote)))

    def _change(self, who: Identity, now: datetime, change: Change) -> Claim:
        try:
            path = self._path(who)
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.parent):
                known = _read(path)
                if known is not None and known.owner != who.owner:
                    raise lost(who, known.owner)
                changed = change(known or Claim(owner=who.owner, claimed_at=now))
                if known is None:
                    _create(path, shaped(changed))
                elif changed != known:
                    _replace(path, shaped(changed))
                return changed
        except OSError as error:
            raise JobError(
                Exit.NO_CLAIMS,
                f"claims in {self._directory} can't be kept: {error}; nothing was begun",
            ) from error

    def _path(self, who: Identity) -> Path:
        parts = who.run.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise JobError(Exit.NO_CLAIMS, f"{who.run!r} is no run's id; nothing was begun")
        index = f":{quote(who.index, safe='')}" if who.index else ""
        name = f"{quote(who.job, safe='')}.{who.attempt}{index}.json"
        return self._directory.joinpath(*parts, name)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone in a directory, until the end or the death of this process."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
        os.fsync(opened)
    finally:
        os.close(opened)


def _read(path: Path) -> Claim | None:
    try:
        shape = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise JobError(Exit.NO_CLAIMS, f"{path} is no claim: {error}; nothing was begun") from error
    return read(shape)


def _create(path: Path, shape: Mapping[str, Any]) -> None:
    """Make the file with its content at once; one that is there is an error."""
    written = _written(path, shape)
    try:
        path.hardlink_to(written)
    finally:
        written.unlink()


def _replace(path: Path, shape: Mapping[str, Any]) -> None:
    _written(path, shape).replace(path)


def _written(path: Path, shape: Mapping[str, Any]) -> Path:
    beside = path.with_name(f".{path.name}.new")  # the lock is held: one at a time
    with beside.open("wb") as file:
        file.write(json.dumps(shape, ensure_ascii=False).encode())
        file.flush()
        os.fsync(file.fileno())
    return beside
