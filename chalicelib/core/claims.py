"""Claims, as far as the scheduler reads them: what an attempt of a job tells of itself.

`batch-job` writes them, inside the job (fetch_and_run/claims.py has the form). So nothing in one is
to be trusted: not its size, not what kind of values it has, and not that it holds no secret.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from chalicelib.core.secrecy import HIDDEN, has_secret_url, is_secret_name, secret_in
from chalicelib.core.wording import counted, quoted

MAX_NAMES = 50  # outputs, and links, of one attempt
MAX_VALUE = 1024  # characters
MAX_TOLD = 32 * 1024  # bytes of names and values; a SubmitJob, which takes outputs, has fewer
MAX_TEXT = 200  # characters beside a percentage
OUTPUT_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"

_NAME = re.compile(OUTPUT_NAME)
# Line separators end a line too, and halves of surrogate pairs are no text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINK = re.compile(r"(?:https?|s3)://[^\s/]\S*")
_SHOWN_NAMES = 5  # of what can't be kept


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptKey:
    """One attempt of a job of a run."""

    run_id: str
    job: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job says that it is."""

    percent: float
    text: str = ""
    at: datetime

    @property
    def words(self) -> str:
        """As people read it: `40 % loading`."""
        return f"{self.percent:g} % {self.text}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is kept of what a job told, by name; a value that looks like a secret is HIDDEN."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of UTF-8 in all names and values."""
        texts = chain(self.outputs.items(), self.links.items())
        return sum(_bytes(name) + _bytes(value) for name, value in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is on record of an attempt.

    `owner` is the queue's id of the job that has it; `amiss` says what of it can't be kept,
    `dropped` has the names of outputs among that, and `told` is None when nothing is kept.
    """

    owner: str = ""
    progress: Progress | None = None
    told: Told | None = None
    amiss: str = ""
    dropped: frozenset[str] = frozenset()


def parse_claim(record: object) -> Claim:
    """The claim in a record, whatever that holds: what is not as it should be is left out."""
    if not isinstance(record, Mapping):
        return Claim(amiss="it is no claim")
    outputs = dict(_fitting(record.get("outputs"), _is_value))
    links = dict(_fitting(record.get("links"), _is_link))
    told = _within_bounds(Told(outputs=outputs, links=links))
    dropped = _names(record.get("outputs")) - told.outputs.keys()
    lost = [*sorted(dropped), *sorted(_names(record.get("links")) - told.links.keys())]
    given = _count(record.get("outputs")) + _count(record.get("links"))
    left_out = given - len(told.outputs) - len(told.links)
    owner = record.get("owner")
    return Claim(
        owner=owner if isinstance(owner, str) else "",
        progress=_progress(record.get("progress")),
        told=told if told.outputs or told.links else None,
        amiss=f"{_named(lost, left_out)} can't be kept" if left_out else "",
        dropped=dropped,
    )


def _count(found: object) -> int:
    return len(found) if isinstance(found, Mapping) else int(found is not None)


def _names(found: object) -> frozenset[str]:
    """The names in what was told that may be shown."""
    names = found if isinstance(found, Mapping) else ()
    return frozenset(
        name
        for name in names
        if isinstance(name, str) and _NAME.fullmatch(name) and not secret_in(name)
    )


def _named(names: Sequence[str], count: int) -> str:
    """`"rows", "report" and 3 other values`: not more names than a line bears."""
    shown = names[:_SHOWN_NAMES]
    others = count - len(shown)
    if not shown:
        return counted(others, "value")
    line = ", ".join(map(quoted, shown))
    return f"{line} and {counted(others, 'other value')}" if others else line


def _fitting(found: object, is_fit: Any) -> Iterator[tuple[str, str]]:
    """The first by name, of what may be kept at all."""
    if not isinstance(found, Mapping):
        return
    fit = {
        name: value
        for name, value in found.items()
        if isinstance(name, str) and _NAME.fullmatch(name) and is_fit(value)
    }
    for name in sorted(fit)[:MAX_NAMES]:
        yield name, _shown(name, fit[name])


def _is_value(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_VALUE and not _CONTROL.search(value)


def _is_link(value: object) -> bool:
    return _is_value(value) and _LINK.fullmatch(str(value)) is not None


def _shown(name: str, value: str) -> str:
    is_secret = is_secret_name(name) or secret_in(value) or has_secret_url(value)
    return HIDDEN if is_secret else value


def _within_bounds(told: Told) -> Told:
    """As much of it as may be kept, outputs first."""
    if told.size <= MAX_TOLD:
        return told
    left = MAX_TOLD
    kept: tuple[dict[str, str], dict[str, str]] = {}, {}
    for target, source in zip(kept, (told.outputs, told.links), strict=True):
        for name, value in source.items():
            left -= _bytes(name) + _bytes(value)
            if left >= 0:
                target[name] = value
    return Told(outputs=kept[0], links=kept[1])


def _progress(found: object) -> Progress | None:
    if not isinstance(found, Mapping):
        return None
    percent, at = found.get("percent"), _moment(found.get("at"))
    if at is None or not isinstance(percent, int | float) or not 0 <= percent <= 100:
        return None
    return Progress(percent=float(percent), text=_said(found.get("text")), at=at)


def _said(text: object) -> str:
    if not isinstance(text, str) or _CONTROL.search(text):
        return ""
    return HIDDEN if secret_in(text) else text[:MAX_TEXT].strip()


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (OverflowError, ValueError):  # there are times that no time in UTC is
        return None


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
