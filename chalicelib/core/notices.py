"""Notices: what a rule makes of an event, and how a flood of them becomes one.

A *letter* is a notice to one receiver. The outbox keeps it from the event until it is delivered.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.notice_rules import (
    NoticeRule,
    Occasion,
    Receiver,
    decode_receiver,
    digest_of,
    encode_receiver,
)
from chalicelib.core.records import decode_time, encode_time
from chalicelib.core.wording import counted

MAX_SUBJECT = 99  # characters: fewer than 100, as SNS has it (API_Publish)
MAX_MESSAGE = 8000  # characters
FLOOD = 5  # notices of one schedule and kind to one receiver, within WINDOW, that each go alone
WINDOW = timedelta(minutes=5)
MAX_FOLD = 90  # letters: DynamoDB writes 100 items at once
MAX_TRIES = 19  # with these delays, a day
_FIRST_DELAY = timedelta(seconds=30)  # doubled with each try
_LONGEST_DELAY = timedelta(hours=2)
_DOUBLINGS = 8
_SHOWN = 10  # of the notices that were folded
_CUT = "\n[cut]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is told, for people. `commands` are what to type, each with what it is for."""

    subject: str
    lines: tuple[str, ...]
    commands: tuple[tuple[str, str], ...] = ()

    @property
    def message(self) -> str:
        """All of it: the lines, then the commands below each other."""
        width = max((len(label) for label, _ in self.commands), default=0) + 1
        typed = [f"{label:{width}}{command}" for label, command in self.commands]
        return "\n".join([*self.lines, *([""] if typed else []), *typed])


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened. `id` is the same whenever the same is told again."""

    id: str
    kind: Occasion
    schedule_id: str
    words: Words
    at: datetime
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice to one receiver; `count` is how many notices it stands for."""

    id: str
    kind: Occasion
    schedule_id: str
    run_id: str
    subject: str
    message: str
    commands: tuple[str, ...]
    at: datetime
    receiver: Receiver
    count: int = 1

    @property
    def group(self) -> str:
        """What is folded together: the same kind, of the same schedule, to the same receiver."""
        return digest_of(self.schedule_id, self.kind, self.receiver.digest)

    @property
    def key(self) -> str:
        """Names the letter in the outbox; those of a group begin alike."""
        return f"{self.group}/{digest_of(self.id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A letter in the outbox."""

    letter: Letter
    next_at: datetime  # when it is to be tried
    tries: int = 0  # that failed
    error: str = ""  # of the last


@dataclass(frozen=True, slots=True)
class Sorted:
    """What becomes of letters that are due; what is in neither waits."""

    alone: tuple[Posted, ...]
    folds: tuple[tuple[Posted, ...], ...]  # each becomes one letter


def letters(rules: Iterable[NoticeRule], news: Sequence[News]) -> list[Letter]:
    """What each rule makes of one event.

    `news` tells the same event in other words, the best first: a rule takes the first it wants.
    """
    made: dict[str, Letter] = {}
    for rule in rules:
        taken = next((each for each in news if each.kind in rule.on), None)
        if taken is not None:
            letter = _letter(taken, rule.receiver)
            made.setdefault(letter.key, letter)
    return list(made.values())


def _letter(news: News, receiver: Receiver) -> Letter:
    return Letter(
        id=news.id,
        kind=news.kind,
        schedule_id=news.schedule_id,
        run_id=news.run_id,
        subject=subject_of(news.words.subject),
        message=message_of(news.words.message),
        commands=tuple(command for _, command in news.words.commands),
        at=news.at,
        receiver=receiver,
    )


def subject_of(text: str) -> str:
    """One short line that any receiver takes."""
    line = _one_line(text)
    return line if len(line) <= MAX_SUBJECT else line[: MAX_SUBJECT - 1] + "…"


def message_of(text: str) -> str:
    """Printable lines, cut where they are too many."""
    message = "\n".join("".join(map(_printable, line)).rstrip() for line in text.split("\n"))
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - len(_CUT)] + _CUT


def _one_line(text: str) -> str:
    return " ".join("".join(map(_printable, text)).split())


def _printable(character: str) -> str:
    return character if character.isprintable() else " "


def next_try(tries: int, now: datetime) -> datetime | None:
    """When to try again after so many failures, 1 or more; None once it is given up."""
    if tries >= MAX_TRIES:
        return None
    delay = _FIRST_DELAY * (1 << min(tries - 1, _DOUBLINGS))
    return now + min(delay, _LONGEST_DELAY)


def sort_out(due: Iterable[Posted], told: Mapping[str, int]) -> Sorted:
    """Which letters go alone, which become one, and which wait.

    `told` is how many letters of each group were delivered within the last WINDOW.
    """
    groups: dict[str, list[Posted]] = defaultdict(list)
    for each in sorted(due, key=lambda posted: _age(posted.letter)):
        groups[each.letter.group].append(each)
    alone: list[Posted] = []
    folds: list[tuple[Posted, ...]] = []
    for group, members in groups.items():
        free = FLOOD - told.get(group, 0)
        if len(members) > FLOOD:
            if free > 0:
                folds.append(tuple(members[:MAX_FOLD]))
        elif len(members) <= free:
            alone += members
    return Sorted(tuple(alone), tuple(folds))


def _age(letter: Letter) -> tuple[datetime, str]:
    return letter.at, letter.key


def fold(members: Sequence[Letter]) -> Letter:
    """One letter of a group for all of these, which it counts; the same for the same letters."""
    ordered = sorted(members, key=_age)
    first, last = ordered[0], ordered[-1]
    count = sum(letter.count for letter in ordered)
    shown = [f"- {letter.subject}" + (f" ({letter.run_id})" if letter.run_id else "")
             for letter in ordered[:_SHOWN]]  # fmt: skip
    rest = len(ordered) - len(shown)
    since = f"from {encode_time(first.at)} to {encode_time(last.at)}"
    lines = [
        f"{counted(count, 'notice')} of {first.kind} in {first.schedule_id}, {since}:",
        *shown,
        *([f"- and {rest} more"] if rest else []),
        "",
        "The newest of them says:",
        "",
        last.message,
    ]
    return Letter(
        id=f"{first.schedule_id}/folded/{digest_of(*sorted(letter.id for letter in ordered))}",
        kind=first.kind,
        schedule_id=first.schedule_id,
        run_id="",
        subject=subject_of(f"{first.schedule_id}: {first.kind} {count} times"),
        message=message_of("\n".join(lines)),
        commands=last.commands,
        at=last.at,
        receiver=first.receiver,
        count=count,
    )


def encode_letter(letter: Letter) -> dict[str, Any]:
    """A letter as a record that JSON can hold."""
    return {
        "id": letter.id,
        "kind": str(letter.kind),
        "schedule": letter.schedule_id,
        "run": letter.run_id,
        "subject": letter.subject,
        "message": letter.message,
        "commands": list(letter.commands),
        "at": encode_time(letter.at),
        "count": letter.count,
        "receiver": encode_receiver(letter.receiver),
    }


def decode_letter(record: Mapping[str, Any]) -> Letter:
    return Letter(
        id=record["id"],
        kind=Occasion(record["kind"]),
        schedule_id=record["schedule"],
        run_id=record["run"],
        subject=record["subject"],
        message=record["message"],
        commands=tuple(record["commands"]),
        at=decode_time(record["at"]),
        count=record["count"],
        receiver=decode_receiver(record["receiver"]),
    )


def payload(letter: Letter) -> dict[str, Any]:
    """What a webhook is sent as JSON: docs/json.md. It names no receiver."""
    record = encode_letter(letter)
    del record["receiver"]
    return record | {"run": letter.run_id or None}


def slack_payload(letter: Letter) -> dict[str, Any]:
    """What an incoming webhook of Slack takes: three characters are escaped, and nothing else."""
    text = f"*{letter.subject}*\n{letter.message}"
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    return {"text": text}
