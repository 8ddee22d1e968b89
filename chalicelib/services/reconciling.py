"""What is made good every few minutes: runs without a driver, and ended runs without an archive.

Whatever was lost on the way, an event, a wake, a function in the middle of its work, is found here
by what is stored, run by run: one that can't be helped now keeps none from help. A line of the log
that begins with `FOUND` tells of work that should not have been there; an alarm counts such lines.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from hashlib import sha256

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import DrivingPorts
from chalicelib.errors import BackendError, ConflictError, SchedulerError
from chalicelib.services import announcing, archiving, delivering, driving, listening
from chalicelib.services.steps import Remaining

logger = logging.getLogger(__name__)

FOUND = "reconcile found"  # cloudformation/template.yaml: ReconcileFoundMetric
# `notify` archives a run at its end, and is given that long to do so.
_TO_ARCHIVE = timedelta(minutes=15)
# Beyond the fence, within which a driver that is awake has looked for a reservation often enough.
_OVERDUE = timedelta(minutes=10)
# An end that is older is no news: runs of the first version may have ended years ago.
_NEWS = timedelta(days=1)
_LEAVE = 60_000  # ms before the function's end in which nothing new is begun

Look = Callable[[DrivingPorts, RunHeader], str]


def reconcile(ports: DrivingPorts, remaining: Remaining) -> int:
    """Make good what was lost, for as long as there is time; how many runs needed it."""
    found = _each(ports, _unfinished(ports), _look_after_in_time, remaining)
    ended = ports.retention.unsealed(ports.clock() - _TO_ARCHIVE)
    found += _each(ports, ended, _put_away, remaining)
    _deliver(ports, remaining)
    return found


def _deliver(ports: DrivingPorts, remaining: Remaining) -> None:
    """Deliver what is due; what can't be is no run in need of help, and is tried again."""
    couriers = delivering.couriers_of(ports)
    try:
        delivering.deliver_due(couriers, lambda: remaining() < _LEAVE)
    except SchedulerError as error:
        logger.warning("can't deliver notices now: %s", error)


def look_after_drivers(ports: DrivingPorts, remaining: Remaining) -> int:
    """See that every unfinished run has a driver that is awake, at once; how many had not."""
    return _each(ports, _unfinished(ports), _look_after, remaining)


def _unfinished(ports: DrivingPorts) -> list[RunHeader]:
    unfinished = ports.runs.find_headers(status=RunStatus.RUNNING, limit=driving.MANY)
    now = str(ports.clock())
    # In another order each time: what the time is too short for comes first some other time.
    unfinished.sort(key=lambda header: sha256((now + header.run_id).encode()).digest())
    return unfinished


def _each(
    ports: DrivingPorts, headers: Iterable[RunHeader], look: Look, remaining: Remaining
) -> int:
    found = 0
    for header in headers:
        if remaining() < _LEAVE:
            logger.warning("reconcile had no time for all; the next one goes on")
            break
        try:
            what = look(ports, header)
        except ConflictError as error:
            logger.info("%s moves by itself: %s", header.run_id, error)
            continue
        except SchedulerError as error:
            what = _trouble(header, error)
        if what:
            found += 1
            about = {"action": "reconcile", "run_id": header.run_id}
            logger.warning("%s %s %s", FOUND, header.run_id, what, extra=about)
    return found


def _trouble(header: RunHeader, error: SchedulerError) -> str:
    """What was found when it can't be made good; nothing if it only can't be seen for a moment."""
    if isinstance(error, BackendError) and error.retryable:
        logger.warning("can't look at %s now: %s", header.run_id, error)
        return ""
    return f"and can't look after it: {error}"


def _look_after_in_time(ports: DrivingPorts, header: RunHeader) -> str:
    if driving.is_paused(ports, header):
        logger.info("%s gets no driver yet: several have failed", header.run_id)
        return ""
    return _look_after(ports, header)


def _look_after(ports: DrivingPorts, header: RunHeader) -> str:
    return driving.look_after(ports, header) or _wake_if_overdue(ports, header)


def _wake_if_overdue(ports: DrivingPorts, header: RunHeader) -> str:
    """Wake a driver that sleeps over a reservation whose fence has passed."""
    if not header.counts.get(JobStatus.RESERVED):
        return ""
    records = ports.runs.find_jobs(header.run_id, statuses=[JobStatus.RESERVED])
    fence = timedelta(seconds=ports.queue.limits.fence) + _OVERDUE
    now = ports.clock()
    late = [
        record.spec.name
        for record in records
        if record.state.reserved_at is not None and record.state.reserved_at + fence < now
    ]
    if not late:
        return ""
    driving.wake(ports.marks, ports.executions, header.run_id)
    return f"with {late[0]} RESERVED past the fence, and woke its driver"


def _put_away(ports: DrivingPorts, header: RunHeader) -> str:
    """Archive the run, and tell of its end: who was to do both may have been stopped before."""
    try:
        address = archiving.archive(ports, header)
        if not _is_told(ports, header):
            return f"ended, archived it in {address}, and can't tell of its end now"
        archiving.seal(ports, header, address)
    except BackendError as error:
        return f"ended and not archived, and can't archive it: {error}"
    return f"ended and not archived, and archived it in {address}"


def _is_told(ports: DrivingPorts, header: RunHeader) -> bool:
    """Tell people, and what waits for it, of the end while that is news; False if it can't be."""
    if header.ended_at is None or ports.clock() - header.ended_at >= _NEWS:
        return True
    is_told = True
    for tell in (listening.run_ended, announcing.tell_end):
        try:
            tell(ports, header)
        except SchedulerError as error:
            logger.warning("can't tell of the end of %s: %s", header.run_id, error)
            is_told = False
    return is_told
