"""The states of a run that Step Functions drives: one function a state, and what travels between.

Every step may be repeated, cut off anywhere, or come twice at once: it starts from what is stored.
One execution drives a run, the one that the header names; a step of any other does nothing.
"""

import json
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.core.lifecycle import Act, RunStatus
from chalicelib.core.messages import StartMessage
from chalicelib.core.naming import run_id
from chalicelib.core.operating import Order, words
from chalicelib.core.run import Run, RunHeader
from chalicelib.driving_ports import DrivingPorts
from chalicelib.errors import BackendError, ConflictError, InvalidInputError, SchedulerError
from chalicelib.services import (
    announcing,
    archiving,
    dispatch,
    driving,
    listening,
    operations,
    posting,
    runs,
)
from chalicelib.services.turn import AT_ONCE, Driven, advance, poll

logger = logging.getLogger(__name__)

_TRIES = 3  # of one step, when an operator or another driver moves the run meanwhile
_LEAVE = 60_000  # ms before its end in which a function begins nothing new
_LOOK_AGAIN = 30  # s until a reservation without an answer is looked for again
_LONGEST_REASON = 1024  # characters of an error that the history keeps
_IDLE = 3600  # s to wait where only an operator, who wakes us, can move anything
_SETTLE = 5  # s from the first event to the turn that answers it and all that came with it
_LONGEST_SETTLE = 60  # s
_LIVE_A_SECOND = 20  # live jobs that make it a second longer: a turn asks about each of them

Remaining = Callable[[], int]  # the milliseconds that the function may still take


def _as_ever() -> int:
    """The milliseconds of a function that is given none: all that a function has."""
    return 300_000


class Next(StrEnum):
    """Where the state machine goes from a step."""

    SUBMIT = "submit"
    WAIT = "wait"
    RECORD = "record"
    NOTIFY = "notify"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What travels from state to state: the run's key and a few numbers, whatever its size."""

    run_id: str
    driver: str  # the execution that this leg belongs to
    generation: int = 1
    status: RunStatus = RunStatus.RUNNING
    turn: int = 0
    wait: int = 60  # s until the poll of last resort
    settle: int = _SETTLE  # s from a wake to the poll
    told: bool = False  # of the first failure
    stuck: bool = False  # told that jobs are
    next: Next = Next.SUBMIT

    def to_json(self) -> dict[str, Any]:
        # Not asdict, which copies each value with all that it may hold: ours hold nothing.
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of_json(cls, members: Mapping[str, Any]) -> "Leg":
        """Read what a step of this or another version wrote. Raises InvalidInputError."""
        known = {each.name: members[each.name] for each in fields(cls) if each.name in members}
        try:
            status, following = RunStatus(known["status"]), Next(known["next"])
            return cls(**{**known, "status": status, "next": following})
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError.at("$", f"this is no leg of a run: {error!r}") from error


def get_schedule(
    ports: DrivingPorts, message: StartMessage, execution: str, started_at: datetime
) -> Leg:
    """Make or find the run that a message means, and take it.

    Raises NotFoundError, InvalidInputError, and ConflictError for a restart of nothing.
    """
    header = _meant(ports, message, execution, started_at)
    leg = Leg(run_id=header.run_id, driver=execution, generation=header.generation)
    claimed = driving.claim(ports, header, execution)
    if claimed is None:
        logger.info("%s is not ours to drive", header.run_id, extra={"driver": header.driver})
        ports.drivers.nudge(header)
        return replace(leg, status=header.status, next=Next.END)
    return replace(leg, wait=claimed.policy.wait_time)


def _meant(
    ports: DrivingPorts, message: StartMessage, execution: str, started_at: datetime
) -> RunHeader:
    actor = f"execution {execution}"
    if message.started_at is None:
        stored = ports.schedules.get_schedule(message.schedule_id)
        request = runs.StartRequest(
            actor=actor,
            parameters=message.parameters,
            reason=message.reason,
            at=started_at,
            driver=execution,
        )
        return runs.start(ports, stored, request)
    header = ports.runs.get_header(run_id(message.schedule_id, message.started_at))
    order = Order(act=Act.RESTART, actor=actor, reason=message.reason, at=ports.clock())
    # A first step that comes twice may come when the run that it restarted has ended again.
    has_restarted = header.driver == execution or header.reason == words(order, Act.RESTART)
    if has_restarted or not message.restart:
        return header
    return operations.restart(ports, header.run_id, order, driver=execution).header


def submit_jobs(ports: DrivingPorts, leg: Leg, remaining: Remaining) -> Leg:
    """Hand over every job that can go now; `submit` again when the time was too short."""
    is_late = _lateness(remaining)

    def act(driven: Driven, leg: Leg) -> Leg:
        dispatch.recover(ports, driven.run, is_late)
        done = advance(ports, driven, is_late)
        header = driven.run.header
        leg = replace(leg, stuck=leg.stuck or _tell_stuck(ports, driven.run))
        if header.status is not RunStatus.RUNNING:
            return replace(leg, status=header.status, next=Next.NOTIFY)
        if not done:
            return replace(leg, next=Next.SUBMIT)
        wait = _seconds_to_wait(driven, ports.clock())
        settle = seconds_to_settle(len(driven.run.live), header.policy.wait_time)
        return replace(leg, wait=wait, settle=settle, next=Next.WAIT)

    return _on_run(ports, leg, act)


def wait_for_change(ports: DrivingPorts, leg: Leg, token: str) -> None:
    """Keep the token that wakes the state machine; wake it now if the run has moved meanwhile."""
    if not ports.marks.arm(leg.run_id, token):
        ports.executions.wake(token)


def poll_jobs(ports: DrivingPorts, leg: Leg, remaining: Remaining) -> Leg:
    """Ask the queue about every live job there is time for, and fold in what it says."""

    def act(driven: Driven, leg: Leg) -> Leg:
        poll(ports, driven, _in_turn(driven.run, leg.turn), _lateness(remaining))
        return replace(leg, next=Next.RECORD)

    return _on_run(ports, leg, act)


def record_history(ports: DrivingPorts, leg: Leg, remaining: Remaining = _as_ever) -> Leg:
    """Close the turn: write what it left open, tell of a first failure, hand over in time."""

    def act(driven: Driven, leg: Leg) -> Leg:
        run = driven.run
        ports.runs.close_turn(run)
        told = leg.told or _tell_first_failure(ports, run, _lateness(remaining))
        following = replace(leg, turn=leg.turn + 1, told=told, next=Next.SUBMIT)
        if following.turn < ports.executions.max_turns:
            return following
        driving.hand_over(ports, run.header)
        return replace(following, next=Next.END)

    return _on_run(ports, leg, act)


def notify(
    ports: DrivingPorts,
    leg: Leg,
    error: Mapping[str, Any] | None = None,
    remaining: Remaining = _as_ever,
) -> Leg:
    """Tell of the end of the run, and archive it; with an `error`, tell of the end of its driver.

    First of all those schedules hear of the end that wait for it. The second leaves the run to
    another driver, which `reconcile` finds.
    """
    header, is_late = ports.runs.get_header(leg.run_id), _lateness(remaining)
    if error is not None:
        _give_up(ports, header, leg.driver, error, is_late)
    elif header.status is not RunStatus.RUNNING and header.generation == leg.generation:
        is_heard = _is_heard(ports, header)
        try:
            announcing.tell_end(ports, header, is_late)
        except BackendError:
            # No reason to lose the history. Unsealed: `reconcile` tells people if nobody else does.
            _or_later(archiving.archive, ports, header)
            raise
        # Unsealed, `reconcile` lets it be heard of.
        _or_later(archiving.put_away if is_heard else archiving.archive, ports, header)
    # A restart meanwhile does not change how this leg's generation ended.
    status = header.status if header.generation == leg.generation else leg.status
    return replace(leg, status=status, next=Next.END)


def _give_up(
    ports: DrivingPorts,
    header: RunHeader,
    driver: str,
    error: Mapping[str, Any],
    is_late: dispatch.IsLate,
) -> None:
    # Without any driver: an earlier try gave up, and perhaps could not tell.
    if header.status is not RunStatus.RUNNING or header.driver not in (driver, ""):
        return
    reason = f"{error.get('Error', 'an error')}: {_told_by(error)}"[:_LONGEST_REASON]
    if header.driver:
        header = driving.give_up(ports, header, reason)
    announcing.tell_driver_failed(ports, header, reason, is_late)


def _told_by(error: Mapping[str, Any]) -> str:
    """What a person can read of the cause.

    That of a function is JSON with its stack (lambda-dg: Python exceptions), which its log has too.
    """
    cause = str(error.get("Cause", ""))
    try:
        told = json.loads(cause)
    except ValueError:
        return cause
    return str(told["errorMessage"]) if isinstance(told, dict) and "errorMessage" in told else cause


def _is_heard(ports: DrivingPorts, header: RunHeader) -> bool:
    """Let what waits for the end decide on its starts; False if that has to be done again."""
    try:
        listening.run_ended(ports, header)
    except SchedulerError as error:
        logger.warning("not all that waits for %s has heard of its end: %s", header.run_id, error)
        return False
    return True


def _or_later(
    put: Callable[[DrivingPorts, RunHeader], str], ports: DrivingPorts, header: RunHeader
) -> None:
    """Archive the run, or leave that to `reconcile`: to fail here would tell people once more."""
    try:
        put(ports, header)
    except (BackendError, ConflictError) as error:
        logger.warning("can't archive %s now: %s", header.run_id, error)


def _tell_stuck(ports: DrivingPorts, run: Run) -> bool:
    """Post that jobs are stuck, for `reconcile` to deliver; the next turn tries again."""
    try:
        return posting.post_stuck(ports, run) is not None
    except BackendError as error:
        logger.warning("can't tell of stuck jobs in %s: %s", run.header.run_id, error)
        return False


def _tell_first_failure(ports: DrivingPorts, run: Run, is_late: dispatch.IsLate) -> bool:
    """The next turn tries again: people who can't be told are no reason to stop a run."""
    try:
        return announcing.tell_first_failure(ports, run, is_late)
    except BackendError as error:
        logger.warning("can't tell of a failure in %s: %s", run.header.run_id, error)
        return False


def _on_run(ports: DrivingPorts, leg: Leg, act: Callable[[Driven, Leg], Leg]) -> Leg:
    """Do one step of the leg's run, on what is true now, if it is ours."""
    run = ports.runs.load_for_turn(leg.run_id)
    for tries_left in reversed(range(_TRIES)):
        header = run.header
        if header.status is not RunStatus.RUNNING:
            over = Next.NOTIFY if header.generation == leg.generation else Next.END
            return replace(leg, status=header.status, next=over)
        if header.driver != leg.driver:
            _see_off(ports, header)
            return replace(leg, next=Next.END)
        try:
            return act(Driven(run), _known(leg, header))
        except ConflictError:
            if not tries_left:
                raise
        run = _looked_at_anew(ports, leg.run_id)
    raise AssertionError("the last try returns or raises")


def _looked_at_anew(ports: DrivingPorts, run_id: str) -> Run:
    """What a turn loads may have been behind: look at everything, and write down what is true."""
    run = ports.runs.load_run(run_id)
    with suppress(ConflictError):  # it moves on: our next write will conflict as well
        ports.runs.close_turn(run)
    return run


def _known(leg: Leg, header: RunHeader) -> Leg:
    """The leg as the run is now: what failed before a restart says nothing of what fails after."""
    return replace(
        leg,
        generation=header.generation,
        told=leg.told and leg.generation == header.generation,
        stuck=leg.stuck and leg.generation == header.generation,
        wait=header.policy.wait_time,
    )


def _see_off(ports: DrivingPorts, header: RunHeader) -> None:
    """Make sure that the execution which we may have handed the run to was started as well."""
    if header.handovers:
        driving.start(ports.executions, header)


def _in_turn(run: Run, turn: int) -> list[str]:
    """The live jobs, each turn from others on: there may not be time for all of them."""
    live = list(run.live)
    first = turn * AT_ONCE % len(live) if len(live) > AT_ONCE else 0
    return live[first:] + live[:first]


def _lateness(remaining: Remaining) -> dispatch.IsLate:
    return lambda: remaining() < _LEAVE


def _seconds_to_wait(driven: Driven, now: datetime) -> int:
    run = driven.run
    waits = [float(run.header.policy.wait_time)]
    if not (run.live or run.reserved or run.delayed):
        waits = [_IDLE]
    if run.reserved:
        waits.append(_LOOK_AGAIN)
    if driven.wake_at is not None:
        waits.append((driven.wake_at - now).total_seconds())
    return max(1, math.ceil(min(waits)))


def seconds_to_settle(live: int, wait_time: int) -> int:
    """From a wake to the poll: a turn costs what is live, so with more it answers more at once."""
    longest = min(_LONGEST_SETTLE, wait_time)
    return max(_SETTLE, min(live // _LIVE_A_SECOND, longest))
