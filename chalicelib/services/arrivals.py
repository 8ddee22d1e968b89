"""What AWS tells of by events. Each is a hint: lost, doubled or late, it changes nothing."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from chalicelib.core.naming import parse_start
from chalicelib.driving_ports import DrivingPorts
from chalicelib.ports import StoredSchedule
from chalicelib.services import driving, listening, uploading

logger = logging.getLogger(__name__)

# core.reserving gives both to every job. The example of an event in the Batch guide ("Batch Job
# State Change") has no tags but resourceArn, and it has the container with its environment; a tag
# may not hold every character that a run's id may.
_RUN_TAG = "batch-scheduler:run"
_RUN_VARIABLE = "BATCH_SCHEDULER_RUN"


def job_state_changed(ports: DrivingPorts, detail: Mapping[str, Any]) -> bool:
    """Wake the run of a job that moved or is stuck; False for a job that is not ours.

    `detail` is a JobDetail, of "Batch Job State Change" and of "Batch Job Queue Blocked" alike.
    """
    run_id = _run_in(detail.get("container")) or _member(detail.get("tags"), _RUN_TAG)
    if not isinstance(run_id, str) or not run_id:
        return False
    driving.wake(ports.marks, ports.executions, run_id)
    return True


def _run_in(container: Any) -> Any:
    """The run that the environment of a container names."""
    environment = _member(container, "environment")
    for variable in environment if isinstance(environment, list) else ():
        if _member(variable, "name") == _RUN_VARIABLE:
            return _member(variable, "value")
    return None


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def execution_ended(ports: DrivingPorts, detail: Mapping[str, Any]) -> int:
    """Take up what an aborted or timed-out execution left; how many runs.

    `detail` is that of "Step Functions Execution Status Change".
    """
    name, status = detail.get("name"), detail.get("status")
    if not isinstance(name, str) or not isinstance(status, str):
        return 0
    return driving.execution_ended(ports, name, status)


def schedule_uploaded(ports: DrivingPorts, detail: Mapping[str, Any]) -> StoredSchedule | None:
    """Store an uploaded schedule. `detail` is that of S3's "Object Created"."""
    file = detail.get("object")
    key = file.get("key") if isinstance(file, Mapping) else None
    if not isinstance(key, str) or not uploading.is_schedule(key):
        logger.info("not a schedule: %s", json.dumps(key))
        return None
    return uploading.take_upload(ports, key)


def object_arrived(ports: DrivingPorts, detail: Mapping[str, Any], time: str) -> int:
    """Decide on the runs that wait for an object; how many schedules listen to its bucket.

    `detail` is that of S3's "Object Created", `time` the event's. However often, late and in
    whatever order events come: each version of an object is one arrival.
    """
    file = detail.get("object")
    bucket, key = _member(detail.get("bucket"), "name"), _member(file, "key")
    if not isinstance(bucket, str) or not isinstance(key, str):
        logger.info("no object: %s", json.dumps(detail)[:200])
        return 0
    arrived = listening.ArrivedObject(bucket, key, _version(file), parse_start(time))
    return len(listening.object_arrived(ports, arrived))


def _version(file: Any) -> str:
    """What tells this arrival from others of the same key.

    Without versions, or while they are suspended, that is the sequencer, which every event of a key
    has (S3 guide, "EventBridge event message structure"), with the tag of the content.
    """
    version = _member(file, "version-id")
    if isinstance(version, str) and version not in ("", "null"):
        return version
    return f"{_member(file, 'etag')} {_member(file, 'sequencer')}"
