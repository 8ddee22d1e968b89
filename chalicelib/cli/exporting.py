"""A whole run as one JSON object, in the form that documents of runs always had."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from chalicelib.cli.session import Session, json_text
from chalicelib.core.run import RunHeader
from chalicelib.core.schedule import OnFailure
from chalicelib.errors import InvalidInputError
from chalicelib.ports import JobRecord
from chalicelib.services.shapes import event_shape, job_shape, run_shape


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
    file.write("{\n")
    for key, value in _head(header).items():
        file.write(f"  {json_text(key, file)}: {json_text(value, file)},\n")
    jobs = (_job(record) for record in runs.find_jobs(header.run_id))
    _write_list(file, "jobList", jobs)
    file.write(",\n")
    _write_list(file, "events", (event_shape(event) for event in runs.events(header.run_id)))
    file.write("\n}\n")


def _write_list(file: TextIO, key: str, items: Iterator[Any]) -> None:
    file.write(f"  {json_text(key, file)}: [")
    for index, item in enumerate(items):
        file.write(("," if index else "") + "\n    " + json_text(item, file))
    file.write("\n  ]")


def _head(header: RunHeader) -> dict[str, Any]:
    policy = header.policy
    return {
        **run_shape(header),
        "scheduleDigest": header.schedule_digest,
        "wait_time": policy.wait_time,
        "onFailure": OnFailure(policy.on_failure).value,
        "maxConcurrency": policy.max_concurrency,
        "workingDirectory": header.working_directory or None,
    }


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
