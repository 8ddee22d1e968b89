"""The verb that makes schedules of a crontab."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli.commands import command
from chalicelib.cli.exits import Exit
from chalicelib.cli.session import Session, read_file
from chalicelib.config import AWS
from chalicelib.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from chalicelib.core.crontab.report import Imported, ImportedLine, Origin

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}|")

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A crontab, as `crontab -l` prints it; - is stdin.")
]
To = Annotated[
    Path | None,
    typer.Option("--to", metavar="DIR", help="Write one YAML document a schedule into it."),
]
Put = Annotated[bool, typer.Option("--put", help="Store the schedules.")]
System = Annotated[
    bool, typer.Option("--system", help="It is /etc/crontab or of /etc/cron.d: lines have a user.")
]
User = Annotated[
    str,
    typer.Option("--user", metavar="NAME", help="Whose it is; with --system, whose lines [yours]."),
]
Timezone = Annotated[
    str,
    typer.Option(
        "--timezone", metavar="ZONE", help="Whose times it has [CRON_TZ, else this machine's]."
    ),
]
Prefix = Annotated[str, typer.Option("--prefix", metavar="BEGINNING", help="How the ids begin.")]


def crontab(  # noqa: PLR0913 - its options
    session: Session,
    file: File,
    *,
    to: To = None,
    put: Put = False,
    system: System = False,
    user: User = "",
    timezone: Timezone = "",
    prefix: Prefix = "cron-",
) -> Exit:
    """Make schedules of the lines of a crontab, and say of each line what became of it."""
    from chalicelib.core.crontab.importing import import_crontab
    from chalicelib.core.crontab.report import Outcome

    content = _read(file)
    _check(session, prefix, timezone, is_put=put)
    imported = import_crontab(content, _origin(session, user, timezone, prefix, is_system=system))
    files = _write(imported, to) if to else {}
    if put:
        _store(session, imported)
    shape = _shape(imported, files, is_stored=put)
    session.answer(shape, lambda: _print(session, imported, files, is_stored=put))
    is_whole = all(line.judged.outcome is not Outcome.NOT for line in imported.lines)
    return Exit.DONE if is_whole else Exit.REFUSED


def _read(file: Path) -> bytes:
    from chalicelib.core.reading import MAX_BYTES

    content = read_file(file)
    if len(content) > MAX_BYTES:
        allowed = f"at most {MAX_BYTES:,} bytes"
        raise InvalidInputError.at(str(file), "is too large for a crontab", allowed=allowed)
    return content


def _check(session: Session, prefix: str, timezone: str, *, is_put: bool) -> None:
    from chalicelib.core.timing.zones import cities, zone_names
    from chalicelib.core.wording import Speller, quoted

    problems = []
    if is_put and session.settings.edition == AWS:
        reason = "can't be done on AWS: commands of cron are for one machine"
        allowed = "--to, and a jobDefinition and a jobQueue in each document"
        problems.append(Problem("--put", reason, allowed=allowed))
    if not _PREFIX.fullmatch(prefix):
        allowed = "letters, digits, `_`, `.` and `-`, at most 64, the first a letter or a digit"
        problems.append(Problem("--prefix", "ids can't begin so", quoted(prefix), allowed))
    if timezone and timezone not in zone_names():
        nearest = Speller().nearest(timezone, [*zone_names(), *cities()])
        meant = cities().get(nearest, nearest)
        allowed = "a name such as Europe/Berlin"
        problems.append(Problem("--timezone", "is no time zone", quoted(timezone), allowed, meant))
    if problems:
        raise InvalidInputError(problems)


def _origin(
    session: Session, user: str, timezone: str, prefix: str, *, is_system: bool
) -> "Origin":
    from chalicelib.core.crontab.report import Origin
    from chalicelib.local.clock import SystemClock
    from chalicelib.local.cron_machine import home_of, time_zone

    owner = user or session.settings.actor
    return Origin(
        user=owner,
        home=home_of(owner),
        timezone=timezone or time_zone(),
        is_zone_told=bool(timezone),
        is_system=is_system,
        prefix=prefix,
        now=SystemClock()(),
    )


def _write(imported: "Imported", directory: Path) -> dict[str, Path]:
    """Write each document; gives the files by the ids of the schedules."""
    from chalicelib.core.yaml_writing import write_yaml
    from chalicelib.local.document_files import write_documents

    return write_documents(
        directory, {each["scheduleId"]: write_yaml(each) for each in imported.documents}
    )


def _store(session: Session, imported: "Imported") -> None:
    from chalicelib.core.loading import load

    verbs = session.verbs.schedules
    for document in imported.documents:
        verbs.put(load(document))


def _print(
    session: Session, imported: "Imported", files: Mapping[str, Path], *, is_stored: bool
) -> None:
    from chalicelib.cli.tables import one_line
    from chalicelib.core.crontab.report import Outcome

    for line in imported.lines:
        became = f" as {line.schedule_id}" if line.schedule_id else ""
        session.say(f"{line.number}: {line.judged.outcome}{became}: {one_line(line.text)}".rstrip())
        for remark in line.judged.remarks:
            session.say(f"    {one_line(remark)}")
    counts = Counter(line.judged.outcome for line in imported.lines)
    session.say("")
    session.say(", ".join(f"{outcome} {counts[outcome]}" for outcome in Outcome))
    for note in imported.notes:
        session.say(f"- {note}")
    session.say("")
    _print_next_steps(session, imported, files, is_stored=is_stored)


def _print_next_steps(
    session: Session, imported: "Imported", files: Mapping[str, Path], *, is_stored: bool
) -> None:
    from chalicelib.core.wording import counted

    count = counted(len(imported.documents), "schedule")
    if not imported.documents:
        session.say("No line starts anything.")
        return
    if files:
        session.say(f"Wrote {count} into {next(iter(files.values())).parent}")
    if is_stored:
        serve = command(session, ("serve",))
        session.say(
            f"Stored {count}. Take their lines out of the crontab, or they start twice:"
            f" {serve} starts them from now on."
        )
    if not (files or is_stored):
        session.say(f"Nothing was written. With --to DIR it writes, with --put it stores {count}.")


def _shape(imported: "Imported", files: Mapping[str, Path], *, is_stored: bool) -> dict[str, Any]:
    return {
        "stored": is_stored,
        "lines": [_line_shape(line, files) for line in imported.lines],
        "notes": list(imported.notes),
    }


def _line_shape(line: "ImportedLine", files: Mapping[str, Path]) -> dict[str, Any]:
    file = files.get(line.schedule_id)
    return {
        "number": line.number,
        "text": line.text,
        "outcome": line.judged.outcome.value,
        "remarks": list(line.judged.remarks),
        "scheduleId": line.schedule_id or None,
        "file": str(file) if file else None,
        "document": line.document,
    }
