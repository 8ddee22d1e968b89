"""Reads YAML from its events: quicker than PyYAML's own constructor, and nothing but plain values.

An alias is counted with all it stands for, so a few lines can't become a billion values.
"""

import re
from dataclasses import dataclass
from typing import NoReturn, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from chalicelib.core.wording import json_path, quoted
from chalicelib.core.written import (
    MAX_DEPTH,
    MAX_NODES,
    NUMBER,
    Duplicate,
    WrittenFloat,
    written_number,
)
from chalicelib.errors import InvalidInputError, Problem

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml

# The core schema of YAML 1.2; numbers only as JSON has them, so that +1, 010 and 1:30 stay text.
_WORDS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER_STARTS = frozenset("-0123456789")
_NOT_FINITE_STARTS = frozenset("-+.")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)
_MERGE = "<<"


@dataclass(slots=True)
class _Open:
    """A list or an object that is not closed yet."""

    value: dict[str, object] | list[object]
    anchor: str | None
    first: int  # how many values there were before it
    key: str | None = None  # the key whose value comes next
    is_merging: bool = False  # that key is <<
    merged: list[dict[str, object]] | None = None


def read_yaml(text: str) -> tuple[object, list[Duplicate]]:
    """The one document of a YAML text, and the keys given twice.

    Raises InvalidInputError with line and column.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        where = _place(error.problem_mark or error.context_mark)
        raise InvalidInputError.at(where, f"is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InvalidInputError.at("$", f"is not YAML: {' '.join(str(error).split())}") from error
    return builder.root, builder.duplicates


class _Mark(Protocol):
    """Where an event is; from 0."""

    line: int
    column: int


class _Builder:
    """Makes the value out of events."""

    def __init__(self) -> None:
        self.duplicates: list[Duplicate] = []
        self._documents = 0
        self._nodes = 0
        self._found: list[object] = []  # the root, once it is there
        self._top = _Open(self._found, None, 0)
        self._below: list[_Open] = []  # what is open around the top, outermost first
        self._anchors: dict[str, tuple[object, int]] = {}  # value, and how many values it is

    @property
    def root(self) -> object:
        return self._found[0] if self._found else None

    def take(self, event: Event) -> None:
        match event:
            case ScalarEvent():
                self._take_scalar(event)
            case MappingStartEvent():
                self._begin(event, {})
            case SequenceStartEvent():
                self._begin(event, [])
            case CollectionEndEvent():
                self._end(event)
            case AliasEvent():
                self._take_alias(event)
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, "a second document begins", "one document")
            case _:
                pass

    def _take_scalar(self, event: ScalarEvent) -> None:
        self._nodes += 1
        if event.tag is not None:
            self._refuse(event, f"has the tag {quoted(event.tag)}", "plain values without tags")
        top = self._top
        text = event.value
        if top.key is None and isinstance(top.value, dict):
            self._take_key(event, top.value)
            return
        value = _plain_value(text) if event.implicit[0] else text
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._place(value, event)

    def _take_key(self, event: ScalarEvent, members: dict[str, object]) -> None:
        top, key = self._top, event.value
        if key == _MERGE and event.implicit[0]:
            top.is_merging = True
            is_twice = top.merged is not None
            top.merged = top.merged or []
        else:
            is_twice = key in members
        if is_twice:
            self.duplicates.append(Duplicate((*self._parts(), key), _place(event.start_mark)))
        if event.anchor:
            self._anchors[event.anchor] = (key, 1)
        top.key = key

    def _begin(self, event: CollectionStartEvent, value: dict[str, object] | list[object]) -> None:
        self._nodes += 1
        if event.tag is not None:
            self._refuse(event, f"has the tag {quoted(event.tag)}", "plain values without tags")
        self._refuse_as_key(event)
        if len(self._below) >= MAX_DEPTH:
            self._refuse(event, "is nested too deeply", f"at most {MAX_DEPTH} levels")
        self._below.append(self._top)
        self._top = _Open(value, event.anchor, self._nodes)

    def _end(self, event: Event) -> None:
        closed = self._top
        self._top = self._below.pop()
        value = closed.value
        if closed.merged and isinstance(value, dict):
            explicit = dict(value)
            for source in reversed(closed.merged):
                value.update(source)
            value.update(explicit)
        if closed.anchor:
            self._anchors[closed.anchor] = (value, self._nodes - closed.first + 1)
        self._place(value, event)

    def _take_alias(self, event: AliasEvent) -> None:
        self._refuse_as_key(event)
        if event.anchor not in self._anchors:
            self._refuse(event, f"*{event.anchor} stands for nothing", "an anchor given before")
        value, size = self._anchors[event.anchor]
        self._nodes += size
        if self._nodes > MAX_NODES:
            self._refuse(event, "the document is too large", f"at most {MAX_NODES:,} values")
        self._place(value, event)

    def _place(self, value: object, event: Event) -> None:
        """Put a finished value where it belongs."""
        top = self._top
        if isinstance(top.value, list):
            top.value.append(value)
            return
        key, top.key = top.key or "", None
        if top.is_merging:
            top.is_merging = False
            top.merged = self._merge_sources(value, event)
        else:
            top.value[key] = value

    def _merge_sources(self, value: object, event: Event) -> list[dict[str, object]]:
        sources = value if isinstance(value, list) else [value]
        found = [source for source in sources if isinstance(source, dict)]
        if len(found) != len(sources):
            self._refuse(event, "<< merges what is no object", "an object or a list of objects")
        return found

    def _refuse_as_key(self, event: Event) -> None:
        if self._top.key is None and isinstance(self._top.value, dict):
            self._refuse(event, "a key is a list, an object or an alias", "text as a key")

    def _refuse(self, event: Event, reason: str, allowed: str) -> NoReturn:
        where = f"{_place(event.start_mark)} ({json_path(self._parts())})"
        raise InvalidInputError([Problem(where, reason, allowed=allowed)])

    def _parts(self) -> tuple[str | int, ...]:
        """Where the next value will be."""
        return tuple(
            len(level.value) if isinstance(level.value, list) else level.key or ""
            for level in [*self._below, self._top][1:]
            if isinstance(level.value, list) or level.key is not None
        )


def _plain_value(text: str) -> object:
    """What a scalar without quotes is."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMBER_STARTS and NUMBER.fullmatch(text):
        return written_number(text)
    if text[0] in _NOT_FINITE_STARTS and _NOT_FINITE.fullmatch(text):
        return WrittenFloat.of(text.replace(".", ""))
    return text


def _place(mark: _Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "$"
