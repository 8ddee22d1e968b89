"""What every outbox promises: a letter is kept until it is delivered, and its name for longer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.core.notice_rules import Means, Receiver
from chalicelib.core.notices import MAX_FOLD, Letter, Posted, fold
from chalicelib.errors import ConflictError
from chalicelib.notice_ports import Flow, Outbox
from tests.contract.outboxes import KINDS, LOG, letter, opened_outbox
from tests.contract.store_contents import START

NOW = START + timedelta(hours=1)
LATER = NOW + timedelta(minutes=1)
LONG_AGO = START - timedelta(days=1)
HOOK = Receiver(means=Means.WEBHOOK, address="https://hooks.example.com/x")


@pytest.fixture(params=KINDS)
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    with opened_outbox(request.param, tmp_path) as opened:
        yield opened


def due(outbox: Outbox, at: timedelta = timedelta(), limit: int = 99) -> list[str]:
    return [posted.letter.id for posted in outbox.pending(NOW + at, limit)]


def test_an_outbox_is_empty_at_first(outbox: Outbox) -> None:
    assert outbox.pending(NOW, 99) == []
    assert outbox.left() == 0
    assert outbox.flow(letter().group, LONG_AGO) == Flow()


def test_a_letter_is_due_from_its_time_on_as_it_was_posted(outbox: Outbox) -> None:
    posted = letter(receiver=replace(HOOK, secret="HOOK"))  # noqa: S106 - a name
    assert outbox.add(posted, LATER)
    assert outbox.pending(LATER - timedelta(microseconds=1), 99) == []
    assert outbox.pending(LATER, 99) == [Posted(letter=posted, next_at=LATER)]
    assert outbox.left() == 1


def test_f38_a_letter_that_is_there_is_not_added_again(outbox: Outbox) -> None:
    assert outbox.add(letter(), NOW)
    other = replace(letter(minutes=9), message="in other words")
    assert not outbox.add(other, LATER)
    assert outbox.pending(NOW, 99) == [Posted(letter=letter(), next_at=NOW)]


def test_the_same_notice_to_another_receiver_is_another_letter(outbox: Outbox) -> None:
    assert outbox.add(letter(), NOW)
    assert outbox.add(letter(receiver=HOOK), NOW)
    assert outbox.left() == 2


def test_the_oldest_events_come_first_and_no_more_than_asked_for(outbox: Outbox) -> None:
    for name, minutes in (("b", 2), ("c", 3), ("a", 1), ("d", 4)):
        outbox.add(letter(name, minutes=minutes), NOW)
    assert due(outbox) == ["a", "b", "c", "d"]
    assert due(outbox, limit=2) == ["a", "b"]


def test_what_is_delivered_is_due_no_more_and_is_not_added_again(outbox: Outbox) -> None:
    outbox.add(letter(), NOW)
    outbox.done(letter().key, NOW)
    assert due(outbox) == []
    assert outbox.left() == 0
    assert not outbox.add(letter(), NOW)
    assert due(outbox) == []


def test_what_was_tried_is_due_later_and_says_how_often_and_why(outbox: Outbox) -> None:
    outbox.add(letter(), NOW)
    outbox.failed(letter().key, 1, NOW, LATER, "it answered 503")
    assert due(outbox) == []
    assert outbox.pending(LATER, 99) == [
        Posted(letter=letter(), next_at=LATER, tries=1, error="it answered 503")
    ]


def test_what_is_given_up_is_due_no_more_and_is_not_added_again(outbox: Outbox) -> None:
    outbox.add(letter(), NOW)
    outbox.failed(letter().key, 19, NOW, None, "it answered 404")
    assert due(outbox, timedelta(days=2)) == []
    assert outbox.left() == 0
    assert not outbox.add(letter(), NOW)


def test_what_is_over_or_was_never_there_does_not_change(outbox: Outbox) -> None:
    outbox.add(letter(), NOW)
    outbox.done(letter().key, NOW)
    for key in (letter().key, letter("other").key):
        outbox.done(key, LATER)
        outbox.failed(key, 1, LATER, LATER, "x")
        outbox.failed(key, 1, LATER, None, "x")
    assert due(outbox, timedelta(days=1)) == []
    assert outbox.flow(letter().group, NOW) == Flow(made=0, told=1)


def test_the_flow_counts_what_was_made_and_what_was_delivered_since(outbox: Outbox) -> None:
    for name, minutes in (("a", 1), ("b", 10), ("c", 20), ("d", 30)):
        outbox.add(letter(name, minutes=minutes), NOW)
    outbox.add(letter("a", HOOK), NOW)
    outbox.done(letter("a").key, NOW)
    outbox.done(letter("b").key, LATER)
    outbox.failed(letter("c").key, 19, LATER, None, "gone")
    group = letter().group
    assert outbox.flow(group, LONG_AGO) == Flow(made=4, told=2)
    assert outbox.flow(group, letter("c", minutes=20).at) == Flow(made=2, told=2)
    assert outbox.flow(group, LATER) == Flow(made=0, told=1)


def folded(members: list[Letter]) -> Letter:
    return fold(members)


def test_a_fold_takes_the_place_of_its_members(outbox: Outbox) -> None:
    members = [letter(f"n{number}", minutes=number) for number in range(3)]
    for each in [*members, letter("other", minutes=9)]:
        outbox.add(each, NOW)
    outbox.fold(members, folded(members), LATER)
    assert due(outbox) == ["other"]
    assert outbox.pending(LATER, 99)[0] == Posted(letter=folded(members), next_at=LATER)
    assert outbox.left() == 2
    assert not outbox.add(members[0], NOW)
    assert outbox.flow(letter().group, LONG_AGO).told == 0


def test_as_many_may_be_folded_as_a_flood_may_have(outbox: Outbox) -> None:
    members = [letter(f"n{number}") for number in range(MAX_FOLD)]
    for each in members:
        outbox.add(each, NOW)
    outbox.fold(members, folded(members), NOW)
    assert [posted.letter.count for posted in outbox.pending(NOW, 999)] == [MAX_FOLD]


def test_of_a_fold_with_a_letter_that_is_over_nothing_is_done(outbox: Outbox) -> None:
    members = [letter(f"n{number}") for number in range(3)]
    for each in members:
        outbox.add(each, NOW)
    outbox.done(members[1].key, NOW)
    with pytest.raises(ConflictError, match="is not waiting any more"):
        outbox.fold(members, folded(members), NOW)
    assert sorted(due(outbox)) == ["n0", "n2"]


def test_letters_of_all_receivers_come_back(outbox: Outbox) -> None:
    receivers = [LOG, HOOK, Receiver(means=Means.TOPIC, address="arn:aws:sns:x:1:y")]
    for each in receivers:
        outbox.add(letter(receiver=each), NOW)
    found = {posted.letter.receiver for posted in outbox.pending(NOW, 99)}
    assert found == set(receivers)
