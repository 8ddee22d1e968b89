"""Whether jobs fit into what AWS Batch takes: told before a run starts, not when a job is sent."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.core.batch import MAX_PAYLOAD, QueueLimits
from chalicelib.core.naming import MAX_QUEUE_NAME
from chalicelib.core.reserving import identified, identity_of, tags_of
from chalicelib.core.schedule import JobSpec
from chalicelib.core.wording import json_path, quoted
from chalicelib.errors import Problem

_AMPLE = 6 * 1024  # bytes: more than a run adds to any job
_START = "2026-11-23T14:55:01.123456Z"
_MOST_ATTEMPTS = 10**6
_JOB_ID = "x" * 36  # a UUID, in Batch as here


def check_sizes(schedule_id: str, specs: Iterable[JobSpec]) -> Iterator[Problem]:
    """Every job that is too large for a SubmitJob, with all that a run adds to it.

    Placeholders that are not filled yet say nothing about a size: their jobs are passed over.
    """
    positions = {False: 0, True: 0}
    for spec in specs:
        position = positions[spec.is_finally]
        positions[spec.is_finally] += 1
        size = _size(schedule_id, spec)
        if size > MAX_PAYLOAD:
            part = "finally" if spec.is_finally else "jobList"
            yield Problem(
                json_path((part, position)),
                f"job {quoted(spec.name)} is too large to be submitted",
                f"{size:,} bytes with what a run adds",
                f"at most {MAX_PAYLOAD:,} bytes; give large inputs by a file",
            )


def is_too_large(schedule_id: str, spec: JobSpec) -> bool:
    """Say whether the job, with everything filled into it, is more than a SubmitJob may be."""
    return len(json.dumps(_largest(schedule_id, spec))) > MAX_PAYLOAD


def _size(schedule_id: str, spec: JobSpec) -> int:
    """Bytes of the job's SubmitJob as it is sent; 0 when it is not known or small by far."""
    text = json.dumps(spec.request)
    if len(text) + _AMPLE <= MAX_PAYLOAD or "${" in text:
        return 0
    return len(json.dumps(_largest(schedule_id, spec)))


def _largest(schedule_id: str, spec: JobSpec) -> Mapping[str, Any]:
    """The request that a run would send, everything that is not known yet at its longest."""
    identity = identity_of(f"{schedule_id}/{_START}", spec.name, _MOST_ATTEMPTS)
    upstream = min(len(spec.upstream), QueueLimits().max_dependencies)
    return {
        **identified(spec.request, identity),
        "jobName": "x" * MAX_QUEUE_NAME,
        "dependsOn": [{"jobId": _JOB_ID}] * upstream,
        "tags": {**spec.request.get("tags", {}), **tags_of(identity)},
    }
