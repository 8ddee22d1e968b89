"""Finished runs as lines of JSON, one each for the run, its jobs and its events."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.core.run import RunHeader
from chalicelib.ports import DrivingPorts
from chalicelib.services.shapes import event_shape, job_shape, run_shape


def archive(ports: DrivingPorts, header: RunHeader) -> str:
    """Write the whole run to the archive, and give the address; again writes the same."""
    return ports.archive.write(header, lines(ports, header))


def lines(ports: DrivingPorts, header: RunHeader) -> Iterator[str]:
    """The run, its jobs in the document's order, its events, oldest first."""
    yield _line("run", header, run_shape(header))
    for record in ports.runs.find_jobs(header.run_id):
        yield _line("job", header, job_shape(record.spec, record.state))
    for event in ports.runs.events(header.run_id):
        yield _line("event", header, event_shape(event))


def _line(kind: str, header: RunHeader, shape: dict[str, Any]) -> str:
    return json.dumps({"kind": kind, "runId": header.run_id, **shape}, ensure_ascii=False)
