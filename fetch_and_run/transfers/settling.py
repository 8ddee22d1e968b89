"""Waiting until files are there and nobody writes to them any more."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from fetch_and_run.transfers.addresses import is_plain
from fetch_and_run.transfers.places import File, Seen
from fetch_and_run.transfers.retrying import Retrying


@dataclass(frozen=True, slots=True)
class _Standing:
    seen: Seen
    since: datetime


def settled(wanted: File, stable: float, every: float, retrying: Retrying) -> dict[str, Seen]:
    """The files wanted, by path, once there is one and none of them has changed for `stable` s.

    The name at the end of `wanted` may be a pattern (`*`, `?`, `[…]`). Looks every `every` s.
    Raises JobError: TIMED_OUT.
    """
    known: dict[str, _Standing] = {}
    while True:
        found = retrying.again(lambda: dict(_found(wanted)))
        retrying.progress()
        now = retrying.now()
        known = {
            path: known[path]
            if path in known and known[path].seen == seen
            else _Standing(seen, now)
            for path, seen in found.items()
        }
        ages = [(now - each.since).total_seconds() for each in known.values()]
        if ages and min(ages) >= stable:
            return found
        retrying.pause(min(every, stable - min(ages)) if ages else every)


def _found(wanted: File) -> Iterator[tuple[str, Seen]]:
    for path in sorted(_paths(wanted)):
        seen = wanted.place.look(path)
        if seen is not None:
            yield path, seen


def _paths(wanted: File) -> list[str]:
    directory, _, pattern = wanted.path.rpartition("/")
    if not set(pattern) & set("*?["):
        return [wanted.path]
    return [
        f"{directory}/{name}"
        for name in wanted.place.names(directory or "/")
        if is_plain(name) and fnmatchcase(name, pattern) and not _is_part(name, pattern)
    ]


def _is_part(name: str, pattern: str) -> bool:
    """If it is a file on its way: what is not asked for by its ending is not meant."""
    return name.endswith(".part") and not pattern.endswith(".part")
