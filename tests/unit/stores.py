"""Ports in memory for the tests of services, and runs put on record there."""

from datetime import timedelta
from typing import Any

from chalicelib.claim_ports import Claims, NoClaims
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import JobState, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.driving_ports import DrivingPorts
from chalicelib.local.memory_driving import (
    MemoryArchive,
    MemoryExecutions,
    MemoryMarks,
    MemoryNotices,
    MemoryUploads,
)
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.ports import Ports
from chalicelib.services.driving import ExecutionDrivers
from tests.unit.runs import NOW, run_of


def world(queue: Any = None, store: Any = None, claims: Claims | None = None) -> Ports:
    """Ports in memory; their clock stands at NOW."""
    clock = VirtualClock(NOW)
    kept = store or MemoryStore()
    triggers = MemoryTriggers()
    return Ports(
        schedules=kept,
        runs=kept,
        queue=queue or MemoryQueue(clock),
        clock=clock,
        triggers=triggers,
        calendars=triggers,
        claims=claims or NoClaims(),
    )


def driving_world(queue: Any = None, keep: timedelta | None = timedelta(days=90)) -> DrivingPorts:
    """Ports in memory, with what the handlers of app.py touch besides."""
    clock = VirtualClock(NOW)
    store = MemoryStore(clock=clock)
    marks, executions = MemoryMarks(), MemoryExecutions()
    triggers = MemoryTriggers()
    return DrivingPorts(
        schedules=store,
        runs=store,
        queue=queue or MemoryQueue(clock),
        clock=clock,
        triggers=triggers,
        calendars=triggers,
        drivers=ExecutionDrivers(marks, executions),
        marks=marks,
        executions=executions,
        notices=MemoryNotices(),
        archive=MemoryArchive(),
        uploads=MemoryUploads(),
        retention=store,
        keep=keep,
    )


def record_run(
    ports: Ports, *specs: JobSpec, run: RunHeader | None = None, **states: JobStatus | JobState
) -> None:
    """Put a run on record; see `tests.unit.runs.run_of`."""
    made = run_of(*specs, run=run, **states)
    ports.runs.create_run(made.header, specs, made.states)
