"""The verbs over schedules: validate, put, list, show, delete, schema."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chalicelib.cli.commands import command
from chalicelib.cli.exits import Exit
from chalicelib.cli.session import LARGEST, Session, read_file

if TYPE_CHECKING:
    from chalicelib.core.document import ScheduleDocument
    from chalicelib.core.job_document import Job
    from chalicelib.ports import StoredSchedule

File = Annotated[Path, typer.Argument(help="A schedule, JSON or YAML; - reads it from stdin.")]
Named = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The id of a schedule.")]
Version = Annotated[
    int | None, typer.Option("--version", max=LARGEST, help="A version of it [the newest].")
]
AsDocument = Annotated[
    bool, typer.Option("--document", help="The JSON document as it is stored, nothing else.")
]


def validate(session: Session, file: File) -> Exit:
    """Check a schedule and say everything that is wrong with it; nothing is stored."""
    from chalicelib.core.timing.trigger_reading import triggers_of
    from chalicelib.core.timing.warnings import trigger_warnings
    from chalicelib.local.clock import SystemClock
    from chalicelib.services.schedules import validate as validate_schedule
    from chalicelib.services.shapes import validation_shape

    document = read_document(file)
    size = validate_schedule(document)
    # No store is looked at, so nobody knows which calendars there are.
    warnings = trigger_warnings(triggers_of(document.triggers), None, SystemClock()())
    session.warn(f"Warning: {each}" for each in warnings)
    sentence = f"{document.schedule_id}: valid: {size.sentence}"
    session.answer(validation_shape(document.schedule_id, size), lambda: session.say(sentence))
    return Exit.DONE


def put(session: Session, file: File) -> Exit:
    """Store a schedule as the newest version of its id, if it differs from that."""
    from chalicelib.core.wording import counted
    from chalicelib.services.shapes import schedule_shape

    put_now = session.verbs.schedules.put(read_document(file))
    stored = put_now.stored
    session.warn(f"Warning: {each}" for each in put_now.warnings())
    sentence = f"{stored.schedule_id}: version {stored.version}, {counted(stored.jobs, 'job')}"
    session.answer(schedule_shape(stored), lambda: session.say(sentence))
    return Exit.DONE


def list_(session: Session) -> Exit:
    """List the newest version of every schedule."""
    from chalicelib.services.shapes import schedule_shape

    schedules = session.edition.ports.schedules.list_schedules()
    session.answer(
        [schedule_shape(schedule) for schedule in schedules],
        lambda: _print_list(session, schedules),
    )
    return Exit.DONE


def show(
    session: Session, schedule: Named, version: Version = None, document: AsDocument = False
) -> Exit:
    """Show a schedule: its jobs, what they wait for and what they run."""
    from chalicelib.core.secrecy import shown_document
    from chalicelib.services.shapes import schedule_shape

    stored = session.edition.ports.schedules.get_schedule(schedule, version)
    content = shown_document(json.loads(stored.document))
    if document:
        session.write_json(content)
        return Exit.DONE
    shape = {**schedule_shape(stored), "document": content}
    session.answer(shape, lambda: _print_schedule(session, stored))
    return Exit.DONE


def versions(
    session: Session,
    schedule: Named,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many at most.")] = 20,
) -> Exit:
    """List the versions of a schedule, and who deleted, paused or resumed it, when and why."""
    from chalicelib.cli.schedule_pages import print_history
    from chalicelib.services.timing_shapes import schedule_history_shape

    history = session.verbs.schedules.history(schedule, limit)
    session.answer(
        schedule_history_shape(schedule, history.versions, history.events),
        lambda: print_history(session, history),
    )
    return Exit.DONE


def delete(
    session: Session,
    schedule: Named,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")] = "",
) -> Exit:
    """Take a schedule out of use; its versions and runs stay, to put it brings it back."""
    from chalicelib.services.shapes import schedule_shape

    last = session.verbs.schedules.delete(schedule, reason)
    sentence = f"{last.schedule_id}: deleted; its last version was {last.version}"
    session.answer(schedule_shape(last), lambda: session.say(sentence))
    return Exit.DONE


def schema(session: Session) -> Exit:
    """Print the JSON Schema of schedules, for editors to complete and check by."""
    from chalicelib.core.schema import schema as schema_of_schedules

    session.write_json(schema_of_schedules())
    return Exit.DONE


def read_document(file: Path) -> "ScheduleDocument":
    """The schedule in a file. Raises InvalidInputError with everything that is wrong."""
    from chalicelib.core.loading import read

    return read(read_file(file), file.name)


def document_of(stored: "StoredSchedule") -> "ScheduleDocument":
    """The schedule of a stored version."""
    from chalicelib.core.loading import read

    return read(stored.document.encode(), "schedule.json")


def _print_list(session: Session, schedules: "list[StoredSchedule]") -> None:
    from chalicelib.cli.tables import Column, moment_text, one_line, print_table

    if not schedules:
        session.say(f"No schedules yet. Store one: {command(session, ('put', 'FILE'))}")
        return
    columns = (
        Column("SCHEDULE", folds=True),
        Column("VERSION", right=True),
        Column("JOBS", right=True),
        Column("STORED"),
        Column("BY"),
        Column("NAME", folds=True),
    )
    rows = [
        (
            schedule.schedule_id,
            str(schedule.version),
            str(schedule.jobs),
            moment_text(schedule.stored_at),
            one_line(schedule.stored_by),
            one_line(schedule.name),
        )
        for schedule in schedules
    ]
    print_table(session.console, columns, rows)


def _print_schedule(session: Session, stored: "StoredSchedule") -> None:
    from chalicelib.cli.tables import Column, moment_text, one_line, print_line, print_table
    from chalicelib.core.secrecy import hidden_values
    from chalicelib.core.wording import counted

    document = document_of(stored)
    title = f" ({one_line(stored.name)})" if stored.name else ""
    print_line(session.console, f"{stored.schedule_id}{title}", "bold")
    jobs = counted(stored.jobs, "job")
    when = f"version {stored.version}, stored {moment_text(stored.stored_at)}"
    print_line(session.console, f"{when} by {one_line(stored.stored_by)}; {jobs}")
    if document.description:
        print_line(session.console, one_line(document.description))
    for name, parameter in (document.parameters or {}).items():
        default = hidden_values({name: parameter.default})[name]
        given = f" = {default}" if parameter.default is not None else ""
        print_line(session.console, f"parameter {name}: {parameter.type}{given}")
    session.say("")
    columns = (
        Column("JOB", folds=True),
        Column("AFTER", folds=True),
        Column("RUNS", folds=True),
        Column("NOTE", folds=True),
    )
    finally_jobs = {job.job_name for job in document.finally_jobs or ()}
    rows = [_row(job, is_finally=job.job_name in finally_jobs) for job in document.jobs]
    print_table(session.console, columns, rows)


def _row(job: "Job", *, is_finally: bool) -> tuple[str, str, str, str]:
    from chalicelib.cli.tables import one_line

    overrides = job.container_overrides
    command = job.command or (overrides.command if overrides else None)
    if command is None:
        runs = job.job_definition or "-"
    else:
        runs = command if isinstance(command, str) else " ".join(map(str, command))
    after = ", ".join(job.job_dependencies) or ("all others" if is_finally else "-")
    notes = [
        "finally" if is_finally else "",
        job.trigger_rule or "",
        "hold" if job.hold else "",
        f"array of {job.array_properties.size}" if job.array_properties else "",
        one_line(job.description or ""),
    ]
    return job.job_name, after, one_line(runs), ", ".join(note for note in notes if note)
