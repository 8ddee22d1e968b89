"""A whole run as one JSON object, in the form that documents of runs always had, or archived."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from chalicelib.cli.commands import command
from chalicelib.cli.session import Session, json_text
from chalicelib.core.run import RunHeader
from chalicelib.errors import ConflictError, InvalidInputError
from chalicelib.ports import JobRecord
from chalicelib.services.shapes import event_shape, job_shape, run_shape


def archive_run(session: Session, header: RunHeader) -> bool:
    """Write the run to the archive of the edition and say where; False if it has none.

    Raises ConflictError, with what can be typed instead, for a run that has not ended.
    """
    try:
        address = session.edition.archive(header)
    except ConflictError as error:
        now = command(session, ("export", header.run_id, "-o", "-"))
        raise ConflictError(f"{error} As it is now: {now}", status=error.status) from error
    if address:
        shape = run_shape(replace(header, archive=address))
        session.answer(shape, lambda: session.say(f"{header.run_id}: archived in {address}"))
    return bool(address)


def export_run(session: Session, header: RunHeader, output: Path | None) -> None:
    """Write the run. Raises InvalidInputError when the file can't be written."""
    if output is None or str(output) == "-":
        _write(session, header, sys.stdout)
        return
    if not output.name:
        raise InvalidInputError.at(str(output), "can't be written: it is a directory")
    # Written beside it first: a full disk must not leave half an export under the name asked for.
    draft = output.with_name(f".{output.name}.part")
    try:
        # A lone surrogate, left by a byte that was no UTF-8, becomes the escape that JSON has.
        with draft.open("w", encoding="utf-8", errors="backslashreplace") as file:
            _write(session, header, file)
        draft.replace(output)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        reason = f"can't be written: {error.strerror or error}"
        raise InvalidInputError.at(str(output), reason) from error
    session.warn([f"Wrote {output}"])


def _write(session: Session, header: RunHeader, file: TextIO) -> None:
    """One item at a time: the text of 10,000 jobs is never held as a whole."""
    runs = session.edition.ports.runs
    records = runs.find_jobs(header.run_id)  # before anything is written: they may have expired
    file.write("{\n")
    for key, value in run_shape(header).items():
        file.write(f"  {json_text(key, file)}: {json_text(value, file)},\n")
    _write_list(file, "jobList", map(_job, records))
    file.write(",\n")
    _write_list(file, "events", (event_shape(event) for event in runs.events(header.run_id)))
    file.write("\n}\n")


def _write_list(file: TextIO, key: str, items: Iterator[Any]) -> None:
    file.write(f"  {json_text(key, file)}: [")
    for index, item in enumerate(items):
        file.write(("," if index else "") + "\n    " + json_text(item, file))
    file.write("\n  ]")


def _job(record: JobRecord) -> dict[str, Any]:
    """The job as its document had it, with where it stands."""
    spec = record.spec
    return {
        **job_shape(spec, record.state),
        "triggerRule": spec.trigger_rule.value,
        "finally": spec.is_finally,
        "hold": spec.hold,
        "description": spec.description or None,
        **{key: value for key, value in spec.request.items() if key != "jobName"},
    }
