"""Reads the messages that start and restart runs, as users have sent them since the first version.

`{"scheduleId": "daily", "startDateTime": " ", "scheduleStatus": " "}` starts a run; with the start
of a run and `RESTART` it goes on with that run. Either may be the `input` text of StartExecution's
request. Members that we don't know are ignored: users send what their own tools need besides.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.core.fields import SCHEDULE_ID
from chalicelib.core.naming import parse_start
from chalicelib.core.reading import parse
from chalicelib.core.soundness import unsound_parts
from chalicelib.core.wording import shown
from chalicelib.errors import InvalidInputError, Problem

RESTART = "RESTART"
CONTINUE = "CONTINUE"  # our own word, from one execution that drives a run to the next

_TIME = "2026-11-23T14:55:01.123456Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMessage:
    """What is to be done: start a run of a schedule, or go on with the run of `started_at`."""

    schedule_id: str
    started_at: datetime | None = None
    restart: bool = False  # else that run is only driven on
    parameters: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    name: str = ""  # what the sender calls the execution, if anything


def parse_message(value: object) -> StartMessage:
    """The message that a value is; blank, null and missing members are the same.

    Raises InvalidInputError with everything that is wrong: a start time without RESTART too, for
    whoever names a run may not want another one.
    """
    unsound = unsound_parts(value)
    if unsound:
        raise InvalidInputError(unsound)
    root, message, name = _unwrap(value)
    if not isinstance(message, Mapping):
        raise InvalidInputError(
            [Problem(root, "is no message", shown(message), "an object with scheduleId")]
        )
    problems = [replace(p, path=root + p.path) for p in _problems(message)]
    if not isinstance(name, str | None):
        problems.append(Problem("$.name", "is no text", shown(name), "text"))
    if problems:
        raise InvalidInputError(problems)
    order = _or_nothing(message.get("scheduleStatus"), "").strip().upper()
    return StartMessage(
        schedule_id=message["scheduleId"].strip(),
        started_at=parse_start(message["startDateTime"].strip()) if order else None,
        restart=order == RESTART,
        parameters=_or_nothing(message.get("parameters"), {}),
        reason=_or_nothing(message.get("reason"), "").strip(),
        name=(name or "").strip(),
    )


def _unwrap(value: object) -> tuple[str, object, Any]:
    """Where the message is, the message, and the name of a StartExecution request around it."""
    if not isinstance(value, Mapping) or "scheduleId" in value or "input" not in value:
        return "$", value, None
    content, name = value["input"], value.get("name")
    if not isinstance(content, str):
        return "$.input", content, name
    try:
        # The name of the text says that it is JSON: YAML was never a message.
        return "$.input", parse(content.encode(), "input.json"), name
    except InvalidInputError as error:
        raise InvalidInputError([_inside(problem) for problem in error.problems]) from error


def _inside(problem: Problem) -> Problem:
    """A problem of the text in `input`: either a JSON path there, or a line and a column."""
    if problem.path.startswith("$"):
        return replace(problem, path="$.input" + problem.path.removeprefix("$"))
    return replace(problem, path="$.input", reason=f"{problem.reason} ({problem.path})")


def _problems(message: Mapping[str, Any]) -> Iterator[Problem]:
    schedule_id = message.get("scheduleId")
    if _is_blank(schedule_id):
        yield Problem(".scheduleId", "is missing", allowed="the id of a schedule")
    elif not isinstance(schedule_id, str) or not re.fullmatch(SCHEDULE_ID, schedule_id.strip()):
        allowed = "letters, digits, _, . and -"
        yield Problem(".scheduleId", "is no id of a schedule", shown(schedule_id), allowed)
    yield from _order_problems(message)
    parameters, reason = message.get("parameters"), message.get("reason")
    if not _is_blank(parameters) and not isinstance(parameters, Mapping):
        yield Problem(".parameters", "is no object", shown(parameters), "an object")
    if not _is_blank(reason) and not isinstance(reason, str):
        yield Problem(".reason", "is no text", shown(reason), "text")


def _order_problems(message: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong between a new run and a restart."""
    status, start = message.get("scheduleStatus"), message.get("startDateTime")
    allowed = f"{RESTART}, or a blank for a new run"
    has_start = not _is_blank(start)
    if _is_blank(status):
        if has_start:
            reason = "names a run, but scheduleStatus does not say what to do with it"
            yield Problem(".startDateTime", reason, shown(start), f"a blank, or {RESTART} there")
        return
    if not isinstance(status, str) or status.strip().upper() not in (RESTART, CONTINUE):
        yield Problem(".scheduleStatus", "is no order", shown(status), allowed)
    elif not _is_blank(message.get("parameters")) and message.get("parameters") != {}:
        reason = "can't be changed any more: a run keeps the parameters it was started with"
        yield Problem(".parameters", reason)
    if not has_start:
        yield Problem(".startDateTime", "is missing: which run?", allowed=_TIME)
    elif not isinstance(start, str) or not _is_time(start):
        yield Problem(".startDateTime", "is no time", shown(start), _TIME)


def _is_time(text: str) -> bool:
    try:
        parse_start(text.strip())
    except InvalidInputError:
        return False
    return True


def _or_nothing(value: Any, nothing: Any) -> Any:
    return nothing if _is_blank(value) else value


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
