"""Ended runs as lines of JSON: one for the run, one for each job and each event; then they expire.

What is archived is the run at one revision, and sealing asks for the same one: a run that moves
meanwhile is not sealed, and is archived anew at its next end.
"""

import json
from collections.abc import Iterator, Mapping

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import DrivingPorts
from chalicelib.errors import ConflictError
from chalicelib.services.shapes import event_shape, job_shape, run_shape

# Where the archive is, and how long the details stay, is no part of what is archived; nor is how
# far jobs are.
_LEFT_OUT = ("archive", "detailsUntil", "progress")


def put_away(ports: DrivingPorts, header: RunHeader) -> str:
    """Archive an ended run, and only then let its details expire; again changes nothing.

    Raises ConflictError if the run moves meanwhile.
    """
    address = archive(ports, header)
    seal(ports, header, address)
    return address


def seal(ports: DrivingPorts, header: RunHeader, address: str) -> None:
    """Let the details of a run expire that is archived there; `reconcile` looks at it no more.

    Raises ConflictError if the run moves meanwhile.
    """
    expires_at = None if ports.keep is None else ports.clock() + ports.keep
    ports.retention.seal(header, address, expires_at)


def archive(ports: DrivingPorts, header: RunHeader) -> str:
    """Write the whole run to the archive unless it is there, and give the address.

    Raises ConflictError for a run that has not ended, or moves meanwhile.
    """
    if header.status is RunStatus.RUNNING:
        raise ConflictError(
            f"Run {header.run_id} is {header.status}: it is archived when it has ended.",
            status=header.status,
            event="archive",
        )
    return header.archive or ports.archive.write(header, lambda: lines(ports, header))


def lines(ports: DrivingPorts, header: RunHeader) -> Iterator[str]:
    """The run, its jobs in the document's order, its events, oldest first.

    Raises ConflictError if it has moved since the header was read.
    """
    if ports.runs.get_header(header.run_id).revision != header.revision:
        raise ConflictError(f"Run {header.run_id} has moved on.", event="archive")
    yield _line("run", header, run_shape(header))
    for record in ports.runs.find_jobs(header.run_id):
        yield _line("job", header, job_shape(record.spec, record.state))
    for event in ports.runs.events(header.run_id):
        yield _line("event", header, event_shape(event))


def _line(kind: str, header: RunHeader, shape: Mapping[str, object]) -> str:
    kept = {key: value for key, value in shape.items() if key not in _LEFT_OUT}
    return json.dumps({"kind": kind, "runId": header.run_id, **kept}, ensure_ascii=False)
