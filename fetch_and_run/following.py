"""Following work of another service as if it were the job itself: begun once, seen to its end.

The claim tells where the attempt stands (`remote_record`), so that a container that AWS Batch
starts again for it goes on there.
"""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import timedelta

from fetch_and_run.beginning import Beginning, step_of
from fetch_and_run.cancelling import Cancelling
from fetch_and_run.course import Course, StoppedError, see
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.pausing import Pauses
from fetch_and_run.work import LINK, AgainError, Outcome, Patience, Remote, Step, Work
from fetch_and_run.world import World

_UNITS = {"s": 1, "m": 60, "h": 3600}
_WHILE_CANCELLING = 2.0  # s between looks


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what all kinds that are followed have in common."""
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="TIME",
        help="cancel it so long after the attempt was claimed (90, 90s, 15m, 2h), and exit 94",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be asked, as JSON; ask nothing"
    )


def begin_work(work: Work, arguments: Namespace, world: World) -> int:
    """Follow the work, or print what it would ask; the exit code."""
    return begin_steps([lambda _: work], arguments, world)


def begin_steps(steps: Sequence[Step], arguments: Namespace, world: World) -> int:
    """Follow one work after the other, or print what they would ask; the exit code."""
    if arguments.dry_run:
        for step in steps:
            print(json.dumps(step({}).describe(), indent=2), file=world.out, flush=True)
        return Exit.OK
    return follow_steps(steps, world, Patience(timeout=arguments.timeout))


def follow(work: Work, world: World, patience: Patience) -> int:
    """Begin the work unless the attempt has begun it, and see it to its end; the exit code.

    Raises JobError, as everything here does.
    """
    return follow_steps([lambda _: work], world, patience)


def follow_steps(steps: Sequence[Step], world: World, patience: Patience) -> int:
    """Follow one work after the other until one has not succeeded; the exit code.

    Each has a token of its own, and `remote` is of one at a time.
    """
    with Pauses(world) as pauses:
        try:
            return _gone_through(steps, Course(world, patience, pauses))
        except StoppedError as stopped:
            print(f"batch-job: {stopped}", file=world.err, flush=True)
            return 128 + (pauses.signal or 0)  # as shells tell that a signal ended a program


def _gone_through(steps: Sequence[Step], course: Course) -> int:
    remote = course.record.take()
    first = step_of(remote)
    if first >= len(steps):
        reason = f"this attempt has begun its step {first + 1}, and there are {len(steps)} now"
        raise JobError(Exit.UNKNOWN, f"{reason}: what it runs was changed in between; rerun it")
    code: int = Exit.OK
    for number in range(first, len(steps)):
        work = steps[number](remote)
        remote = Beginning(course, work, number).begun(remote)
        code = _seen_to_its_end(course, work, remote)
        if code != Exit.OK:
            break
    return code


def _seen_to_its_end(course: Course, work: Work, remote: Remote) -> int:
    delays = course.delays()
    while not course.pauses.signal and not course.is_timed_out():
        try:
            outcome = work.look(remote)
        except AgainError as error:
            course.warn(f"{work.what} can't be seen yet: {error}")
            outcome = None
        except JobError as error:
            reason = f"what becomes of {work.what} can't be seen: {error.reason}"
            raise JobError(
                Exit.UNKNOWN, f"{reason}{see(remote)}; then mark or rerun the job"
            ) from error
        if outcome is not None:
            return _ended(course, work, remote, outcome)
        course.record.catch_up()
        course.pauses.pause(course.until_time_out(next(delays)))
    return _cancelled(course, work, remote)


def _cancelled(course: Course, work: Work, remote: Remote) -> int:
    """Ask for the work's end and see what becomes of it, while there is time."""
    cancelling = Cancelling(work, remote)
    course.warn(f"{work.what}: cancelling it, for {_why(course)}")
    last = course.world.now() + timedelta(seconds=course.patience.cancelling)
    goes_on = cancelling.goes_on()
    course.record.catch_up()
    if cancelling.is_refused and not course.pauses.signal:
        last = course.world.now()  # its time is over, and nothing was asked for that may come yet
    while goes_on and course.world.now() < last and not course.grace_is_over():
        course.pauses.pause(_WHILE_CANCELLING)
        goes_on = cancelling.goes_on()
    outcome = cancelling.outcome
    if outcome is not None and outcome.succeeded:
        return _ended(course, work, remote, outcome)
    reason = f"{work.what} {cancelling.words}, for {_why(course)}"
    reason += see(remote, outcome.logs if outcome else "")
    if cancelling.is_in_vain:
        raise JobError(Exit.UNKNOWN, f"{reason}; see to it there, then mark or rerun the job")
    if course.pauses.signal:
        raise StoppedError(reason)
    raise JobError(Exit.TIMED_OUT, reason)


def _ended(course: Course, work: Work, remote: Remote, outcome: Outcome) -> int:
    if outcome.logs != remote.get(LINK, ""):
        course.record.tell_link(outcome.logs)
    reason = " ".join(outcome.reason.split())  # the last line is one, whatever the service says
    line = f"{work.what} {reason}{see(remote, outcome.logs)}"
    if not outcome.succeeded:
        print(f"batch-job: {line}", file=course.world.err, flush=True)
        return outcome.code
    course.record.tell_outputs(outcome.outputs)
    print(line, file=course.world.out, flush=True)
    return Exit.OK


def _why(course: Course) -> str:
    if course.pauses.signal:
        return f"{course.pauses.signal.name} came"
    return f"it took longer than --timeout, {course.patience.timeout or 0:g} s"


def _seconds(text: str) -> float:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not number.isdecimal() or int(number) == 0:
        raise ArgumentTypeError(f"{text!r} is no time: give whole seconds, or 90s, 15m, 2h")
    return float(int(number) * _UNITS[unit])
