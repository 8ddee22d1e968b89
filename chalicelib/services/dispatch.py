"""Handing jobs over: reserve, submit once, record; and finding out what a lost reply meant."""

import logging
from collections.abc import Callable, Sequence

from chalicelib.core import reserving
from chalicelib.core.batch import Outcome
from chalicelib.core.planning import HandOver, Withdrawal
from chalicelib.core.run import Change, Intent, Run
from chalicelib.errors import BackendError
from chalicelib.ports import Ports
from chalicelib.services.filling import prepare

logger = logging.getLogger(__name__)

IsLate = Callable[[], bool]  # whether a driver's time is up: it begins nothing more


def in_no_hurry() -> bool:
    """Of a driver whose time is its own: it is never late."""
    return False


def commit(ports: Ports, run: Run, changes: Sequence[Change]) -> None:
    """Write changes, then make them true in memory. Raises ConflictError with neither done."""
    if changes:
        ports.runs.record(run.header, changes)
        run.apply(changes)


def hand_over(ports: Ports, run: Run, jobs: Sequence[HandOver]) -> tuple[str, ...]:
    """Submit the jobs, each at most once; give those that must wait for what others have told.

    A job whose reply was lost stays RESERVED until `recover` has looked for it. Raises
    ConflictError, and submits nothing, if an operator or another driver moved the run meanwhile.
    """
    prepared = prepare(ports, run, jobs)
    now, ready = ports.clock(), prepared.ready
    refused = [reserving.refuse(run, *why, now) for why in prepared.refused.items()]
    commit(ports, run, [*refused, *(reserving.reserve(run, job, now) for job in ready)])
    if not ready:
        return prepared.put_off
    outcomes = ports.queue.submit(
        [reserving.submission(run, job, prepared.requests.get(job.job)) for job in ready]
    )
    answered = zip(ready, outcomes, strict=True)
    changes = [_answer(ports, run, job.job, outcome) for job, outcome in answered]
    commit(ports, run, [change for change in changes if change is not None])
    return prepared.put_off


def _answer(ports: Ports, run: Run, job: str, outcome: Outcome) -> Change | None:
    change = reserving.answer(run, job, outcome, ports.clock())
    if change is None:
        logger.warning(
            "no answer to the submission of %s",
            job,
            extra={"action": "submit", "run_id": run.header.run_id, "outcome": str(outcome)},
        )
    return change


def recover(ports: Ports, run: Run, is_late: IsLate = in_no_hurry) -> None:
    """Look for every reservation whose answer is missing, and adopt what is found.

    What there is no time for is looked for first the next time.
    """
    changes: list[Change] = []
    for job in sorted(run.reserved, key=lambda name: run.states[name].lookups):
        if is_late():
            break
        found = ports.queue.find(run.states[job].queue_name, reserving.queue_of(run, job))
        changes.append(reserving.recover(run, job, found, ports.clock(), ports.queue.limits))
    commit(ports, run, changes)


def withdraw(
    ports: Ports,
    run: Run,
    withdrawals: Sequence[Withdrawal],
    asked: set[tuple[str, Intent]],
    is_late: IsLate = in_no_hurry,
) -> bool:
    """Ask the queue to end jobs, each job once per intent and driver.

    Asking again does no harm, so a driver that comes after a crash simply asks again. False when
    the queue could not be asked about all of them, or there was no time to.
    """
    all_asked = True
    for item in withdrawals:
        key = (item.job_id, run.states[item.job].intent)
        if key in asked:
            continue
        if is_late():
            return False
        try:
            if item.only_unstarted:
                ports.queue.cancel(item.job_id, item.reason)
            else:
                ports.queue.terminate(item.job_id, item.reason)
        except BackendError as error:
            logger.warning("can't end %s: %s", item.job, error, extra={"action": "withdraw"})
            all_asked = False
        else:
            asked.add(key)
    return all_asked
