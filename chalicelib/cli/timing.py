"""The verbs about when schedules start by themselves: pause, next, preview; and their calendars."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chalicelib.cli.commands import command
from chalicelib.cli.exits import Exit
from chalicelib.cli.session import LARGEST, Session, read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.services.triggers import LookAhead, Upcoming
    from chalicelib.timing_ports import StoredCalendar
    from chalicelib.verbs.asked import Ahead

_AHEAD = timedelta(days=1)

Named = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The id of a schedule.")]
CalendarFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A calendar, JSON or YAML; - reads it from stdin.")
]
CalendarName = Annotated[str, typer.Argument(metavar="NAME", help="The name of a calendar.")]


def pause(
    session: Session,
    schedule: Named,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever wonders.")] = "",
) -> Exit:
    """Let no trigger start runs of a schedule until it is resumed."""
    from chalicelib.services.timing_shapes import paused_shape

    paused = session.verbs.timing.pause(schedule, reason)
    again = command(session, ("resume", schedule))
    sentence = f"{schedule} is paused: its triggers start nothing. Resume it: {again}"
    session.answer(paused_shape(schedule, paused), lambda: session.say(sentence))
    return Exit.DONE


def next_(
    session: Session,
    schedule: Named,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="How many.")] = 5,
    after: Annotated[
        str, typer.Option("--after", metavar="TIME", help="From then on, UTC [now].")
    ] = "",
) -> Exit:
    """Show when a schedule starts by itself: its next fire times, and why they are not others."""
    from chalicelib.core.moments import parse_moment
    from chalicelib.services.timing_shapes import next_shape

    since = parse_moment(after, "--after") if after else session.now()
    ahead = session.verbs.timing.next_fire_times(schedule, count, since)
    session.answer(
        next_shape(schedule, ahead.pause, ahead.found, ahead.waiting),
        lambda: _print_next(session, schedule, ahead),
    )
    _warn_of_broken(session, ahead.found)
    return Exit.DONE


def preview(
    session: Session,
    begin: Annotated[
        str, typer.Option("--from", metavar="TIME", help="After then, UTC [now].")
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Until then, UTC [a day later].")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many at most.")] = 100,
) -> Exit:
    """Show when all schedules start by themselves."""
    from chalicelib.core.moments import parse_moment
    from chalicelib.services.timing_shapes import fire_time_shape
    from chalicelib.services.triggers import check_span

    since = parse_moment(begin, "--from") if begin else session.now()
    until = parse_moment(end, "--to") if end else since + _AHEAD
    check_span(since, until, "--to")
    found = session.verbs.timing.preview(since, until, limit)
    session.answer(
        [fire_time_shape(each) for each in found.upcoming],
        lambda: _print_preview(session, found.upcoming),
    )
    _warn_of_broken(session, found)
    return Exit.DONE


def put_calendar(session: Session, file: CalendarFile) -> Exit:
    """Store a calendar; the schedules that go by it do so from now on."""
    from chalicelib.core.reading import parse
    from chalicelib.core.timing.calendar_document import load_calendar
    from chalicelib.services.timing_shapes import calendar_shape

    document = load_calendar(parse(read_file(file), file.name))
    stored = session.verbs.timing.put_calendar(document)
    sentence = f"Calendar {stored.name}: revision {stored.revision}"
    session.answer(calendar_shape(stored), lambda: session.say(sentence))
    return Exit.DONE


def list_calendars(session: Session) -> Exit:
    """List the calendars that there are."""
    from chalicelib.services import calendars
    from chalicelib.services.timing_shapes import calendar_shape

    found = calendars.list_calendars(session.edition.ports)
    session.answer(
        [calendar_shape(each) for each in found], lambda: _print_calendars(session, found)
    )
    return Exit.DONE


def show_calendar(session: Session, name: CalendarName) -> Exit:
    """Show the document of a calendar."""
    from chalicelib.services import calendars
    from chalicelib.services.timing_shapes import calendar_shape

    shape = calendar_shape(calendars.get_calendar(session.edition.ports, name))
    session.answer(shape, lambda: session.write_json(shape["document"]))
    return Exit.DONE


def delete_calendar(session: Session, name: CalendarName) -> Exit:
    """Delete a calendar that no schedule goes by."""
    from chalicelib.services.timing_shapes import calendar_shape

    stored = session.verbs.timing.delete_calendar(name)
    session.answer(calendar_shape(stored), lambda: session.say(f"Calendar {name} is deleted."))
    return Exit.DONE


def _warn_of_broken(session: Session, found: "LookAhead") -> None:
    """Say which triggers are left out of what is shown."""
    from chalicelib.cli.tables import one_line

    session.warn(
        f"Warning: trigger {each.trigger} of {each.schedule_id} does not fire: "
        f"{one_line(each.reason)}"
        for each in found.broken
    )


def _print_next(session: Session, schedule: str, ahead: "Ahead") -> None:
    from chalicelib.cli.schedule_pages import print_waiting
    from chalicelib.cli.tables import moment_text, one_line

    paused, found = ahead.pause, ahead.found.upcoming
    if paused is not None:
        why = f": {one_line(paused.reason)}" if paused.reason else ""
        since = f"{moment_text(paused.at)} by {one_line(paused.actor)}{why}"
        session.say(f"PAUSED since {since}; resume it: {command(session, ('resume', schedule))}")
    print_waiting(session, ahead.waiting)
    if not found:
        session.say(f"No trigger of {schedule} fires by the clock.")
        return
    _print_fire_times(session, found, with_schedule=False)


def _print_preview(session: Session, found: "Sequence[Upcoming]") -> None:
    if not found:
        session.say("Nothing starts by the clock in that time.")
        return
    _print_fire_times(session, found, with_schedule=True)


def _print_fire_times(
    session: Session, found: "Sequence[Upcoming]", *, with_schedule: bool
) -> None:
    from chalicelib.cli.tables import Column, one_line, print_table

    columns = [
        Column("LOCAL TIME"),
        Column("UTC"),
        *([Column("SCHEDULE", folds=True)] if with_schedule else []),
        Column("TRIGGER", folds=True),
        Column("NOTE", folds=True),
    ]
    rows = [
        (
            f"{each.fire.local:%a %Y-%m-%d %H:%M:%S %z}",
            f"{each.fire.at:%Y-%m-%d %H:%M:%S}",
            *([each.schedule_id] if with_schedule else []),
            each.trigger,
            one_line(_note(each)),
        )
        for each in found
    ]
    print_table(session.console, columns, rows)


def _note(upcoming: "Upcoming") -> str:
    """Why it is not when the trigger says, and that its run starts later, or does not."""
    from chalicelib.services.triggers import MISSED

    notes = [upcoming.fire.note] if upcoming.fire.note else []
    is_missed = upcoming.fire.note.endswith(MISSED)
    if upcoming.ready_at != upcoming.fire.at and not is_missed:
        local = upcoming.ready_at.astimezone(upcoming.fire.local.tzinfo)
        notes.append(f"starts {local:%Y-%m-%d %H:%M:%S %z}")
    return "; ".join(notes)


def _print_calendars(session: Session, found: "Sequence[StoredCalendar]") -> None:
    from chalicelib.cli.tables import Column, moment_text, one_line, print_table

    columns = (Column("CALENDAR"), Column("REVISION", right=True), Column("STORED"), Column("BY"))
    rows = [
        (each.name, str(each.revision), moment_text(each.stored_at), one_line(each.stored_by))
        if each.revision
        else (each.name, "-", "built in", "-")
        for each in found
    ]
    print_table(session.console, columns, rows)
