"""How letters leave the outbox: once if all goes well, later if not, and a flood as one."""

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.notice_rules import Means, Occasion, Receiver
from chalicelib.core.notices import FLOOD, MAX_TRIES, Letter, fold
from chalicelib.errors import BackendError
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.notice_ports import NoOutbox, NoWebhooks
from chalicelib.services.delivering import Couriers, deliver_due, deliver_own
from tests.unit.runs import NOW
from tests.unit.stage import MoodyNotices

TOKEN = "T0CANARY9"  # noqa: S105 - what must never be seen
HOOK = Receiver(means=Means.WEBHOOK, address=f"https://hooks.example.com/{TOKEN}")
TOPIC = "arn:aws:sns:eu-central-1:123456789012:nights"


def in_time() -> bool:
    return False


@dataclass
class MoodyWebhooks:
    """Webhooks that answer as they like."""

    answers: list[str] = field(default_factory=list)  # good, busy or gone; good once used up
    posted: list[Letter] = field(default_factory=list)

    def post(self, letter: Letter) -> None:
        answer = self.answers.pop(0) if self.answers else "good"
        if answer != "good":
            raise BackendError("webhook", "post", f"it is {answer}", retryable=answer == "busy")
        self.posted.append(letter)


@dataclass
class Desk:
    """An outbox, and what empties it."""

    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    webhooks: MoodyWebhooks = field(default_factory=MoodyWebhooks)
    topics: MoodyNotices = field(default_factory=MoodyNotices)

    @property
    def couriers(self) -> Couriers:
        return Couriers(
            outbox=self.outbox, clock=self.clock, webhooks=self.webhooks, topics=self.topics
        )

    def add(self, number: int = 0, receiver: Receiver = HOOK, later: float = 0.0) -> Letter:
        letter = Letter(
            id=f"n{number}",
            kind=Occasion.FAILED,
            schedule_id="etl",
            run_id="etl/1",
            subject="etl: run FAILED",
            message="It failed.",
            commands=("explain",),
            at=self.clock(),
            receiver=receiver,
        )
        assert self.outbox.add(letter, self.clock() + timedelta(seconds=later))
        return letter

    def deliver(self) -> int:
        return deliver_due(self.couriers, in_time)

    @property
    def posted(self) -> list[str]:
        return [letter.id for letter in self.webhooks.posted]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_is_due_is_delivered_once(desk: Desk) -> None:
    letter = desk.add()
    desk.add(1, later=1.0)
    assert desk.deliver() == 1
    assert desk.webhooks.posted == [letter]
    assert desk.deliver() == 0
    assert desk.outbox.left() == 1


def test_nothing_to_deliver_is_nothing_done(desk: Desk) -> None:
    assert desk.deliver() == 0


def test_a_topic_is_told_in_its_own_words(desk: Desk) -> None:
    desk.add(receiver=Receiver(means=Means.TOPIC, address=TOPIC))
    desk.deliver()
    [notice] = desk.topics.published
    assert (notice.id, notice.subject, notice.message, notice.topic) == (
        "n0", "etl: run FAILED", "It failed.", TOPIC,
    )  # fmt: skip


def test_the_log_is_told_in_a_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.add(receiver=Receiver(means=Means.LOG))
    with caplog.at_level(logging.WARNING):
        assert desk.deliver() == 1
    assert caplog.messages == ["notice failed: etl: run FAILED"]


def test_f37_who_can_t_be_told_now_is_told_later_and_ever_later(desk: Desk) -> None:
    desk.webhooks.answers = ["busy", "busy"]
    desk.add()
    moments = []
    for seconds in range(0, 200, 10):
        desk.clock.at = NOW + timedelta(seconds=seconds)
        if desk.deliver():
            moments.append(seconds)
    assert moments == [90]
    assert desk.posted == ["n0"]


def test_f37_who_can_t_be_told_for_a_day_is_given_up(desk: Desk) -> None:
    desk.webhooks.answers = ["busy"] * 99
    desk.add()
    for _ in range(48 * 60):
        desk.deliver()
        desk.clock.advance(60.0)
    assert 99 - len(desk.webhooks.answers) == MAX_TRIES
    assert desk.outbox.left() == 0
    assert desk.posted == []


def test_who_refuses_for_good_is_given_up_at_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.webhooks.answers = ["gone"]
    desk.add()
    assert desk.deliver() == 0
    assert desk.outbox.left() == 0
    assert caplog.messages == [
        "the webhook at hooks.example.com: n0 can't be told, and is given up: it is gone"
    ]


def test_one_who_can_t_be_told_is_asked_once_and_keeps_no_other_from_being_told(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    other = Receiver(means=Means.WEBHOOK, address="https://chat.example.com/in")
    desk.webhooks.answers = ["busy"]
    for number in range(3):
        desk.add(number)
    desk.clock.advance(1.0)
    desk.add(3, receiver=other)
    assert desk.deliver() == 1
    assert desk.posted == ["n3"]
    assert desk.outbox.left() == 3
    assert len(caplog.messages) == 1
    assert TOKEN not in caplog.text
    desk.clock.advance(30.0)
    assert desk.deliver() == 3
    assert sorted(desk.posted) == ["n0", "n1", "n2", "n3"]


def test_the_log_is_told_before_who_may_keep_others_waiting(desk: Desk) -> None:
    told: list[str] = []
    desk.webhooks.answers = ["busy"]
    desk.add(1)
    desk.clock.advance(1.0)
    desk.add(2, receiver=Receiver(means=Means.LOG))
    couriers = replace(desk.couriers, log=lambda letter: told.append(letter.id))
    deliver_due(couriers, lambda: bool(told))
    assert told == ["n2"]
    assert desk.webhooks.answers == ["busy"]


def test_a_letter_that_is_tried_again_lets_new_ones_go_first(desk: Desk) -> None:
    desk.webhooks.answers = ["busy"]
    desk.add(1)
    desk.deliver()
    desk.clock.advance(30.0)
    desk.add(2)
    assert desk.deliver() == 2
    assert desk.posted == ["n2", "n1"]


def test_f38_what_was_delivered_and_not_written_down_goes_out_again_with_its_id(
    desk: Desk,
) -> None:
    desk.add()

    class Forgetful(MemoryOutbox):
        def done(self, key: str, at: object) -> None:
            raise BackendError("database", "write", "crash", retryable=True)

    forgetful = Forgetful()
    [posted] = desk.outbox.pending(NOW, 1)
    forgetful.add(posted.letter, NOW)
    couriers = replace(desk.couriers, outbox=forgetful)
    for _ in range(2):
        with pytest.raises(BackendError):
            deliver_due(couriers, in_time)
    assert desk.posted == ["n0", "n0"]


def test_who_runs_out_of_time_leaves_the_rest_as_it_is(desk: Desk) -> None:
    desk.add()
    assert deliver_due(desk.couriers, lambda: True) == 0
    assert desk.outbox.left() == 1
    assert desk.deliver() == 1


# Floods


def test_a_flood_goes_out_as_one_letter_that_counts_it(desk: Desk) -> None:
    for number in range(FLOOD + 2):
        desk.add(number)
    assert desk.deliver() == 1
    [folded] = desk.webhooks.posted
    assert folded.count == FLOOD + 2
    assert desk.outbox.left() == 0


def test_f38_a_flood_that_could_not_be_told_goes_out_again_with_its_id(desk: Desk) -> None:
    desk.webhooks.answers = ["busy"]
    for number in range(FLOOD + 2):
        desk.add(number)
    desk.deliver()
    assert desk.outbox.left() == 1
    [posted] = desk.outbox.pending(NOW + timedelta(hours=1), 9)
    desk.clock.advance(3600.0)
    assert desk.deliver() == 1
    assert desk.webhooks.posted == [posted.letter]


def test_a_flood_of_which_somebody_takes_one_just_now_waits_for_the_next_look(
    desk: Desk,
) -> None:
    class Crowded(MemoryOutbox):
        def fold(self, members: object, folded: Letter, at: object) -> None:
            first = self.pending(NOW, 1)[0].letter
            self.done(first.key, NOW)
            super().fold([first], folded, NOW)

    crowded = Crowded()
    for number in range(FLOOD + 1):
        letter = desk.add(number)
        crowded.add(letter, NOW)
    couriers = replace(desk.couriers, outbox=crowded)
    assert deliver_due(couriers, in_time) == 0
    assert crowded.left() == FLOOD
    assert deliver_due(couriers, in_time) == 0  # one was told: the five would be six
    desk.clock.advance(301.0)
    assert deliver_due(couriers, in_time) == FLOOD


@given(st.lists(st.integers(0, 90), min_size=1, max_size=60))
def test_whatever_comes_when_all_of_it_is_told_and_never_much_at_once(gaps: list[int]) -> None:
    desk, told_at = Desk(), list[float]()
    for number, gap in enumerate(gaps):
        desk.clock.advance(gap)
        desk.add(number)
        told_at += [desk.clock().timestamp()] * desk.deliver()
    for _ in range(200):
        desk.clock.advance(60.0)
        told_at += [desk.clock().timestamp()] * desk.deliver()
    assert sum(letter.count for letter in desk.webhooks.posted) == len(gaps)
    assert len({letter.id for letter in desk.webhooks.posted}) == len(desk.webhooks.posted)
    for first in told_at:
        assert sum(first <= moment < first + 300 for moment in told_at) <= FLOOD


# Who posts and delivers at once


def test_one_s_own_letters_go_out_before_their_time(desk: Desk) -> None:
    own = desk.add(later=120.0)
    desk.add(1, later=120.0)
    assert deliver_own(desk.couriers, [own], in_time) == 1
    assert desk.posted == ["n0"]
    assert desk.outbox.left() == 1


def test_one_s_own_letters_are_none_of_a_flood_until_there_are_too_many(desk: Desk) -> None:
    for number in range(FLOOD):
        assert deliver_own(desk.couriers, [desk.add(number, later=120.0)], in_time) == 1
    assert deliver_own(desk.couriers, [desk.add(FLOOD, later=120.0)], in_time) == 0


def test_one_s_own_letters_are_left_to_others_in_a_flood(desk: Desk) -> None:
    letters = [desk.add(number, later=120.0) for number in range(FLOOD + 1)]
    for letter in letters:
        assert deliver_own(desk.couriers, [letter], in_time) == 0
    desk.clock.advance(120.0)
    assert desk.deliver() == 1
    assert desk.webhooks.posted[0].count == FLOOD + 1


def test_where_there_are_no_topics_and_no_webhooks_nobody_is_told(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    couriers = Couriers(outbox=desk.outbox, clock=desk.clock, webhooks=NoWebhooks())
    desk.add()
    desk.add(1, Receiver(means=Means.TOPIC, address=TOPIC))
    assert deliver_due(couriers, in_time) == 0
    assert desk.outbox.left() == 0
    given_up = "can't be told, and is given up"
    assert caplog.messages == [
        f"the webhook at hooks.example.com: n0 {given_up}: there are no webhooks here",
        f"the topic {TOPIC}: n1 {given_up}: {TOPIC} is told on AWS only",
    ]


def test_who_has_no_outbox_tells_nobody(desk: Desk) -> None:
    nowhere, letter = NoOutbox(), desk.add()
    assert not nowhere.add(letter, NOW)
    assert deliver_due(replace(desk.couriers, outbox=nowhere), in_time) == 0
    assert deliver_own(replace(desk.couriers, outbox=nowhere), [letter], in_time) == 1
    nowhere.failed(letter.key, 1, NOW, None, "gone")
    nowhere.fold([letter], fold([letter]), NOW)
    assert nowhere.left() == 0
