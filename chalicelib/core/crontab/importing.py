"""Takes over a crontab line by line; each is told of, and none is left out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from chalicelib.core.crontab.environment import Environment, first_environment, with_variable
from chalicelib.core.crontab.hiding import secret_of, shown_line
from chalicelib.core.crontab.identifying import ids_of
from chalicelib.core.crontab.lines import (
    Comment,
    Entry,
    Line,
    Malformed,
    Variable,
    lines_of,
    read_line,
)
from chalicelib.core.crontab.notes import notes_of
from chalicelib.core.crontab.report import Imported, ImportedLine, Judged, Origin, Outcome
from chalicelib.core.crontab.schedules import Draft, fault_of, schedule_of
from chalicelib.core.crontab.times import (
    TimesError,
    differs_where_clocks_change,
    times_of,
)
from chalicelib.core.soundness import CONTROL
from chalicelib.core.wording import quoted

_NOTHING = Judged(Outcome.NOTHING)
_DESCRIBES = Judged(Outcome.CARRIED, ("as the description of the next line's schedule",))
_HEADING = re.compile(r"m(in\w*)?\s+h(our)?\w*\s", re.IGNORECASE)  # `m h dom mon dow command`
_FLAG = re.compile(r"-[A-Za-z]+\s")


def import_crontab(content: bytes, origin: Origin) -> Imported:
    """What becomes of each line of a crontab."""
    reading = _Reading(origin, first_environment(origin))
    for number, (text, is_utf8) in enumerate(lines_of(content), 1):
        reading.take(number, text, is_utf8=is_utf8)
    lines = tuple(_with_documents(reading.found, origin.prefix))
    drafts = [each.draft for each in reading.found if each.draft is not None]
    changing = [each.number for each in reading.found if each.differs_where_clocks_change]
    return Imported(lines, tuple(notes_of(drafts, changing, origin)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A line that was read; `draft` is what becomes a schedule."""

    number: int
    text: str
    judged: Judged
    draft: Draft | None = None
    differs_where_clocks_change: bool = False


@dataclass(slots=True)
class _Reading:
    """Goes through the lines: what they set, and the comment that was the last of them."""

    origin: Origin
    environment: Environment
    comment: str = ""
    found: list[_Found] = field(default_factory=list)

    def take(self, number: int, text: str, *, is_utf8: bool) -> None:
        line = read_line(text, is_system=self.origin.is_system)
        if not is_utf8 and not isinstance(line, Comment):
            line = Malformed("is not UTF-8")
        found = _Found(number=number, text=shown_line(line, text), judged=_NOTHING)
        match line:
            case Variable():
                self.environment, judged = with_variable(
                    self.environment, line, number, self.origin
                )
                found = replace(found, judged=judged)
            case Entry():
                found = self._entry(found, line, text)
                if found.draft is not None and self.comment:
                    self.found[-1] = replace(self.found[-1], judged=_DESCRIBES)
            case Malformed(reason):
                found = replace(found, judged=_not(reason))
        self.comment = self._title(line, text)
        self.found.append(found)

    def _entry(self, found: _Found, entry: Entry, text: str) -> _Found:
        reason = self._refusal(entry, text)
        if reason:
            return replace(found, judged=_not(reason))
        try:
            times = times_of(entry.times)
        except TimesError as error:
            return replace(found, judged=_not(str(error)))
        about = self.environment
        differs = differs_where_clocks_change(times, about.timezone, self.origin.now)
        remarks = tuple(self._remarks(entry, differs=differs))
        outcome = Outcome.APPROXIMATED if remarks else Outcome.CARRIED
        draft = Draft(
            times=times,
            command=entry.command,
            environment=about,
            description=self.comment,
        )
        return replace(
            found,
            judged=Judged(outcome, remarks),
            draft=draft,
            differs_where_clocks_change=differs,
        )

    def _refusal(self, entry: Entry, text: str) -> str:
        """Why a line is not carried over, whatever its times are."""
        origin = self.origin
        secret = secret_of(entry, text)
        if secret:
            return f"{secret} would be kept for ever: see docs/how-to/keep-secrets-out.md"
        if origin.is_system and entry.user != origin.user:
            return f"runs as {quoted(entry.user)}: a server of that user can start it, see --user"
        if _FLAG.match(entry.command):
            return "a command can't begin with `-`: that is an option of another cron"
        if not self.environment.timezone:
            return "the last CRON_TZ before it names no time zone"
        return ""

    def _remarks(self, entry: Entry, *, differs: bool) -> Iterator[str]:
        if entry.is_quiet:
            yield "`-` keeps it out of cron's log; here its runs are on record"
        for name, number in self.environment.lost.items():
            yield f"without {name}, which line {number} sets"
        if differs:
            yield "differs where clocks are changed, see below"

    def _title(self, line: Line, text: str) -> str:
        """What a comment says of the next line, unless it is one that was switched off."""
        if not isinstance(line, Comment) or secret_of(line, text) or CONTROL.search(line.text):
            return ""
        inner = read_line(line.text, is_system=self.origin.is_system)
        if isinstance(inner, Entry):
            is_title = not _has_times(inner)
        else:
            is_title = isinstance(inner, Malformed)
        return line.text if is_title and not _HEADING.match(line.text) else ""


def _has_times(entry: Entry) -> bool:
    try:
        times_of(entry.times)
    except TimesError:
        return False
    return True


def _not(reason: str) -> Judged:
    return Judged(Outcome.NOT, (reason,))


def _with_documents(found: Sequence[_Found], prefix: str) -> Iterator[ImportedLine]:
    drafts = [each.draft for each in found if each.draft is not None]
    ids = iter(ids_of([(draft.command, draft.order) for draft in drafts], prefix))
    for each in found:
        line = ImportedLine(number=each.number, text=each.text, judged=each.judged)
        if each.draft is not None:
            document = schedule_of(each.draft, next(ids))
            fault = fault_of(document)
            made = replace(line, document=document)
            line = replace(line, judged=_not(fault)) if fault else made
        yield line
