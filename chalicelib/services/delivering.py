"""Takes letters from the outbox to those they are for. It moves no run, and no run waits for it.

Delivered first and written down then: cut off between the two, the same letter goes out again, with
the same id.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.notice_rules import Means, Receiver
from chalicelib.core.notices import (
    FLOOD,
    WINDOW,
    Letter,
    Posted,
    fold,
    next_try,
    sort_out,
)
from chalicelib.driving_ports import DrivingPorts, Notice, Notices
from chalicelib.errors import BackendError, ConflictError
from chalicelib.notice_ports import Outbox, Webhooks
from chalicelib.ports import Clock

logger = logging.getLogger(__name__)

_AT_ONCE = 500  # letters that one look takes from the outbox

IsLate = Callable[[], bool]


class NoTopics:
    """ports.Notices on one machine: there is no SNS."""

    def publish(self, notice: Notice) -> None:
        """Refuse."""
        reason = f"{notice.topic} is told on AWS only"
        raise BackendError("notices", "publish", reason, retryable=False)


def log_line(letter: Letter) -> None:
    """Write a letter into the program's own log."""
    about = {"action": "notice", "run_id": letter.run_id}
    logger.warning("notice %s: %s", letter.kind, letter.subject, extra=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Couriers:
    """What letters are delivered with."""

    outbox: Outbox
    clock: Clock
    webhooks: Webhooks
    topics: Notices = field(default_factory=NoTopics)
    log: Callable[[Letter], None] = log_line


def couriers_of(ports: DrivingPorts) -> Couriers:
    return Couriers(
        outbox=ports.outbox, clock=ports.clock, webhooks=ports.webhooks, topics=ports.notices
    )


def deliver_due(couriers: Couriers, is_late: IsLate) -> int:
    """Deliver what is due, a flood as one letter; how many were delivered."""
    now, outbox = couriers.clock(), couriers.outbox
    due = outbox.pending(now, _AT_ONCE)
    if not due:
        return 0
    groups = {posted.letter.group for posted in due}
    told = {group: outbox.flow(group, now - WINDOW).told for group in groups}
    found = sort_out(due, told)
    going = list(found.alone)
    for members in found.folds:
        folded = _fold(outbox, [posted.letter for posted in members], now)
        going += [Posted(letter=folded, next_at=now)] if folded else []
    return _deliver(couriers, going, is_late)


def _fold(outbox: Outbox, members: Sequence[Letter], now: datetime) -> Letter | None:
    """The letter that stands for all; None when somebody else was about one of them just now."""
    folded = fold(members)
    try:
        outbox.fold(members, folded, now)
    except ConflictError:
        return None
    return folded


def deliver_own(couriers: Couriers, letters: Sequence[Letter], is_late: IsLate) -> int:
    """Deliver what was posted just now; what is one of a flood is left to `deliver_due`."""
    now = couriers.clock()
    going = [
        Posted(letter=letter, next_at=now)
        for letter in letters
        if couriers.outbox.flow(letter.group, now - WINDOW).made <= FLOOD
    ]
    return _deliver(couriers, going, is_late)


def _deliver(couriers: Couriers, going: Sequence[Posted], is_late: IsLate) -> int:
    """Deliver them: the log first, for it keeps nobody waiting, and retries last.

    Who can't be told now is asked once: whoever hangs would keep all others waiting with each of
    his letters.
    """
    delivered = 0
    silent: dict[Receiver, BackendError] = {}
    for posted in sorted(going, key=lambda each: (_can_hang(each.letter), each.tries)):
        if is_late():
            break
        receiver = posted.letter.receiver
        if receiver in silent:
            _put_off(couriers, posted, silent[receiver], is_tried=False)
            continue
        error = _try(couriers, posted)
        if error is None:
            delivered += 1
        elif error.retryable:
            silent[receiver] = error
    return delivered


def _can_hang(letter: Letter) -> bool:
    return letter.receiver.means is not Means.LOG


def _try(couriers: Couriers, posted: Posted) -> BackendError | None:
    """Deliver it, or put it off and say why."""
    letter = posted.letter
    try:
        _hand_over(couriers, letter)
    except BackendError as error:
        _put_off(couriers, posted, error, is_tried=True)
        return error
    couriers.outbox.done(letter.key, couriers.clock())
    return None


def _hand_over(couriers: Couriers, letter: Letter) -> None:
    match letter.receiver.means:
        case Means.WEBHOOK:
            couriers.webhooks.post(letter)
        case Means.TOPIC:
            couriers.topics.publish(
                Notice(
                    id=letter.id,
                    subject=letter.subject,
                    message=letter.message,
                    topic=letter.receiver.address,
                )
            )
        case _:
            couriers.log(letter)


def _put_off(couriers: Couriers, posted: Posted, error: BackendError, *, is_tried: bool) -> None:
    letter, now = posted.letter, couriers.clock()
    tries = posted.tries + is_tried
    next_at = next_try(max(tries, 1), now) if error.retryable else None
    couriers.outbox.failed(letter.key, tries, now, next_at, error.reason)
    if not is_tried:
        return
    what = "can't be told now" if next_at else "can't be told, and is given up"
    # Of the receiver only what may be shown, of the notice only its name.
    logger.warning("%s: %s %s: %s", letter.receiver.name, letter.id, what, error.reason)
