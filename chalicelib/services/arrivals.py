"""What AWS tells of by events. Each is a hint: lost, doubled or late, it changes nothing."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from chalicelib.ports import DrivingPorts, StoredSchedule
from chalicelib.services import driving, uploading

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
