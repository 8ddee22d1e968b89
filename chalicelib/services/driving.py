"""Who drives a run: taking it, handing it on, and making good the loss of a driver.

The header names the one execution that may act. It is changed only on the condition that the run
stood still, so an old driver and a new one never both act: the old one's next write conflicts.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.messages import CONTINUE
from chalicelib.core.naming import execution_name, start_text
from chalicelib.core.run import DRIVER_FAILED, ENGINE, Event, RunHeader
from chalicelib.driving_ports import DrivingPorts, Executions, WakeMarks
from chalicelib.errors import BackendError, ConflictError
from chalicelib.ports import RunChange

logger = logging.getLogger(__name__)

MANY = 10_000  # unfinished runs looked through at once
_BEGINNING = timedelta(minutes=1)  # of a run: its execution may not be there, or not be seen yet
_PAUSE = timedelta(minutes=5)  # doubled with each driver that failed right after another
_LONGEST_PAUSE = timedelta(hours=1)
_DOUBLINGS = 4  # after which more failures in a row change nothing
# Failures further apart are none in a row: a driver lived for an hour, whatever the pause before.
_APART = timedelta(hours=2)
_DRIVE = "DRIVE"
_ENDED_FROM_OUTSIDE = frozenset({"ABORTED", "TIMED_OUT"})


def claim(ports: DrivingPorts, header: RunHeader, execution: str) -> RunHeader | None:
    """Make `execution` the driver of a run that has none; None when it is not to drive it."""
    if header.status is not RunStatus.RUNNING:
        return None
    if header.driver == execution:
        return header
    if header.driver:
        return None
    return _drive_by(ports, header, execution, header.handovers)


def hand_over(ports: DrivingPorts, header: RunHeader) -> None:
    """Let a fresh execution drive on, before the history of this one is full.

    Raises ConflictError when the run moved meanwhile; then this driver is still the one.
    """
    handovers = header.handovers + 1
    name = execution_name(header.run_id, header.generation, handovers)
    start(ports.executions, _drive_by(ports, header, name, handovers))


def take_up(ports: DrivingPorts, header: RunHeader, why: str) -> None:
    """Give a run whose driver is gone to a fresh execution.

    Raises ConflictError when the run moved meanwhile: then somebody else has seen to it.
    """
    handovers = header.handovers + 1
    name = execution_name(header.run_id, header.generation, handovers)
    start(ports.executions, _drive_by(ports, header, name, handovers, why))


class ExecutionDrivers:
    """ports.Drivers: the executions of the state machine, woken or started."""

    def __init__(self, marks: WakeMarks, executions: Executions) -> None:
        self._marks = marks
        self._executions = executions

    def nudge(self, header: RunHeader) -> None:
        """Wake the run's driver, or start it.

        A failure is only logged: the act that moved the run is done, and the driver's poll of
        last resort, or `reconcile`, finds what it missed.
        """
        if header.status is not RunStatus.RUNNING:
            return
        try:
            if header.driver:
                wake(self._marks, self._executions, header.run_id)
            else:
                start(self._executions, header)
        except BackendError as error:
            logger.warning("can't nudge the driver of %s: %s", header.run_id, error)


def start(executions: Executions, header: RunHeader) -> None:
    """Start the execution that the header names, or would name first; again is no harm."""
    payload = {
        "scheduleId": header.schedule_id,
        "startDateTime": start_text(header.started_at),
        "scheduleStatus": CONTINUE,
    }
    executions.start(driver_of(header), payload)


def wake(marks: WakeMarks, executions: Executions, run_id: str) -> None:
    """Wake the driver of a run if it waits, else let it not begin to wait."""
    token = marks.mark(run_id)
    if token:
        executions.wake(token)


def give_up(ports: DrivingPorts, header: RunHeader, reason: str) -> RunHeader:
    """Leave a run without a driver, saying why in its history; `reconcile` finds it another.

    Not at once: what made this one fail would most likely make the next one fail as well.
    """
    after = replace(header, driver="", handovers=header.handovers + 1, revision=header.revision + 1)
    change = _change(ports, header, DRIVER_FAILED, reason)
    ports.runs.record(header, [], after=after, run_changes=[change])
    return after


def execution_ended(ports: DrivingPorts, execution: str, status: str) -> int:
    """Take up what an execution that was ended from outside has left; the number of runs.

    What failed by itself is left to `reconcile`: taken up at once it might fail without end.
    """
    if status not in _ENDED_FROM_OUTSIDE:
        return 0
    unfinished = ports.runs.find_headers(status=RunStatus.RUNNING, limit=MANY)
    left = [header for header in unfinished if driver_of(header) == execution]
    return sum(_taken_up(ports, header, status) for header in left)


def _taken_up(ports: DrivingPorts, header: RunHeader, status: str) -> bool:
    try:
        take_up(ports, header, f"execution {driver_of(header)} is {status}")
    except ConflictError:
        return False  # an operator or another of us was quicker; the next look sees to the rest
    return True


def look_after(ports: DrivingPorts, header: RunHeader) -> str:
    """Give a run that no execution drives a driver; what was found, empty for a run that is well.

    Raises ConflictError when somebody else is seeing to it.
    """
    driver = driver_of(header)
    is_running = ports.executions.is_running(driver)
    is_new = not header.handovers and ports.clock() - header.began_at < _BEGINNING
    if is_running or (is_running is None and is_new):
        return ""
    if is_running is None:
        # Named, and never started: whoever named it was cut off before.
        start(ports.executions, header)
        return f"without its execution {driver}, which was started"
    take_up(ports, header, f"execution {driver} is no longer running")
    return f"left by its execution {driver}, and gave it to another"


def is_paused(ports: DrivingPorts, header: RunHeader) -> bool:
    """Say whether it is too early for another driver, after so many have failed in a row.

    What made all of them fail would most likely make the next one fail, and people are told each
    time. What a person does starts one at once, and begins the count anew.
    """
    if header.driver or not header.handovers:
        return False
    failures = _failures_in_a_row(ports.runs.events(header.run_id, job=""))
    if not failures:
        return False
    pauses = (1 << min(len(failures) - 1, _DOUBLINGS)) - 1
    return ports.clock() < failures[0] + min(_PAUSE * pauses, _LONGEST_PAUSE)


def _failures_in_a_row(events: Sequence[Event]) -> list[datetime]:
    """When the last drivers failed, the newest first."""
    failures: list[datetime] = []
    for event in takewhile(lambda event: event.act in (_DRIVE, DRIVER_FAILED), reversed(events)):
        if event.act == DRIVER_FAILED:
            if failures and failures[-1] - event.at > _APART:
                break
            failures.append(event.at)
    return failures


def driver_of(header: RunHeader) -> str:
    """The execution that drives the run, or that is to take it first."""
    return header.driver or execution_name(header.run_id, header.generation, header.handovers)


def _drive_by(
    ports: DrivingPorts, header: RunHeader, name: str, handovers: int, why: str = ""
) -> RunHeader:
    after = replace(header, driver=name, handovers=handovers, revision=header.revision + 1)
    reason = f"driven by execution {name}" + (f": {why}" if why else "")
    change = _change(ports, header, _DRIVE, reason)
    ports.runs.record(header, [], after=after, run_changes=[change])
    return after


def _change(ports: DrivingPorts, header: RunHeader, act: str, reason: str) -> RunChange:
    status = header.status
    return RunChange(
        act=act, before=status, after=status, at=ports.clock(), actor=ENGINE, reason=reason
    )
