"""What a rule makes of an event, what is sent of it, and how a flood becomes one letter."""

import json
import unicodedata
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.notice_rules import Format, Means, NoticeRule, Occasion, Receiver
from chalicelib.core.notices import (
    FLOOD,
    MAX_FOLD,
    MAX_MESSAGE,
    MAX_SUBJECT,
    MAX_TRIES,
    Letter,
    News,
    Posted,
    Words,
    decode_letter,
    encode_letter,
    fold,
    letters,
    message_of,
    next_try,
    payload,
    slack_payload,
    sort_out,
    subject_of,
)
from tests.unit.runs import NOW, after

LOG, HOOK = Receiver(means=Means.LOG), Receiver(
    means=Means.WEBHOOK, address="https://hooks.example.com/t0ken"
)  # fmt: skip
TEXTS = st.text(max_size=400) | st.text("\n\t\r\x00\x1b\u202e\u2028ab ", max_size=400)


def news(kind: Occasion = Occasion.FAILED, id: str = "etl/1/failed", **members: object) -> News:
    words = Words(subject="etl: run FAILED", lines=("It failed.",), commands=(("Why:", "explain"),))
    given = {"id": id, "kind": kind, "schedule_id": "etl", "run_id": "etl/1", "words": words}
    return News(**{**given, "at": NOW, **members})  # type: ignore[arg-type]


def rule(*on: Occasion, to: Receiver = LOG) -> NoticeRule:
    return NoticeRule(on=on, receiver=to)


def letter(number: int = 0, *, to: Receiver = LOG, at: float = 0.0, count: int = 1) -> Letter:
    [made] = letters([rule(Occasion.FAILED, to=to)], [news(id=f"n{number}", at=after(at))])
    return replace(made, count=count)


def posted(*numbers: int, to: Receiver = LOG) -> list[Posted]:
    return [Posted(letter=letter(each, to=to, at=each), next_at=NOW) for each in numbers]


def ids(some: tuple[Posted, ...]) -> list[str]:
    return [each.letter.id for each in some]


# Rules and letters


def test_a_rule_is_told_of_what_it_names_and_of_nothing_else() -> None:
    assert letters([rule(Occasion.STUCK)], [news()]) == []
    [made] = letters([rule(Occasion.STUCK, Occasion.FAILED, to=HOOK)], [news()])
    assert (made.id, made.kind, made.schedule_id, made.run_id) == (
        "etl/1/failed", Occasion.FAILED, "etl", "etl/1",
    )  # fmt: skip
    assert made.subject == "etl: run FAILED"
    assert made.message == "It failed.\n\nWhy: explain"
    assert (made.commands, made.at, made.receiver, made.count) == (("explain",), NOW, HOOK, 1)


def test_of_one_event_in_several_words_a_rule_takes_the_first_that_it_wants() -> None:
    both = [news(Occasion.RECOVERED, "r"), news(Occasion.SUCCEEDED, "s")]
    told = [
        [made.id for made in letters([rule(*on)], both)]
        for on in ((Occasion.SUCCEEDED, Occasion.RECOVERED), (Occasion.SUCCEEDED,), ())
    ]
    assert told == [["r"], ["s"], []]


def test_one_receiver_of_two_rules_is_told_once() -> None:
    both = [rule(Occasion.FAILED), rule(Occasion.FAILED, Occasion.STUCK), rule(Occasion.FAILED,
                                                                              to=HOOK)]  # fmt: skip
    assert [made.receiver for made in letters(both, [news()])] == [LOG, HOOK]


def test_words_without_commands_end_with_their_lines() -> None:
    assert Words(subject="s", lines=("a", "b")).message == "a\nb"


def test_commands_stand_below_each_other() -> None:
    words = Words(subject="s", lines=("a",), commands=(("Why:", "x"), ("And then:", "y")))
    assert words.message == "a\n\nWhy:      x\nAnd then: y"


def test_a_letter_is_known_by_its_notice_and_its_receiver_whatever_it_says() -> None:
    first = letter(1)
    assert first.key == replace(letter(1, at=60.0), subject="other", count=3).key
    assert len({first.key, letter(2).key, letter(1, to=HOOK).key}) == 3
    assert first.key.startswith(first.group)
    assert first.group == letter(2).group
    others = [replace(first, schedule_id="x"), replace(first, kind=Occasion.STUCK), letter(to=HOOK)]
    assert first.group not in [each.group for each in others]


@given(TEXTS)
def test_a_subject_is_one_short_printable_line(text: str) -> None:
    subject = subject_of(text)
    assert len(subject) <= MAX_SUBJECT
    assert subject.isprintable()
    assert subject == subject.strip()
    assert not any(unicodedata.category(each).startswith("C") for each in subject)
    assert subject_of(subject) == subject


def test_a_long_subject_says_that_it_is_cut() -> None:
    assert subject_of("x" * 99) == "x" * 99
    assert subject_of("x" * 100) == "x" * 98 + "…"
    assert subject_of(" a\r\nb\t\x1b[31mc ") == "a b [31mc"


@given(TEXTS)
def test_a_message_has_no_control_characters_but_ends_of_lines(text: str) -> None:
    message = message_of(text)
    assert len(message) <= MAX_MESSAGE
    assert all(line.isprintable() for line in message.split("\n"))
    assert message_of(message) == message


def test_a_long_message_says_that_it_is_cut() -> None:
    message = message_of("x" * (MAX_MESSAGE + 1))
    assert len(message) == MAX_MESSAGE
    assert message.endswith("x\n[cut]")
    assert message_of("x" * MAX_MESSAGE) == "x" * MAX_MESSAGE


# What is stored and sent


@given(
    st.builds(
        Letter,
        id=st.text(max_size=9),
        kind=st.sampled_from(Occasion),
        schedule_id=st.text(max_size=9),
        run_id=st.text(max_size=9),
        subject=TEXTS,
        message=TEXTS,
        commands=st.lists(st.text(max_size=9), max_size=3).map(tuple),
        at=st.integers(0, 10**9).map(after),
        receiver=st.sampled_from([LOG, HOOK, replace(HOOK, format=Format.SLACK)]),
        count=st.integers(1, 99),
    )
)
def test_a_letter_comes_back_from_its_record_as_it_was(made: Letter) -> None:
    assert decode_letter(json.loads(json.dumps(encode_letter(made)))) == made


def test_a_webhook_is_sent_all_of_a_notice_and_nothing_of_its_receiver() -> None:
    [made] = letters([rule(Occasion.FAILED, to=HOOK)], [news()])
    assert payload(made) == {
        "id": "etl/1/failed",
        "kind": "failed",
        "schedule": "etl",
        "run": "etl/1",
        "subject": "etl: run FAILED",
        "message": "It failed.\n\nWhy: explain",
        "commands": ["explain"],
        "at": "2026-11-23T12:00:00.000000Z",
        "count": 1,
    }
    assert payload(replace(made, run_id=""))["run"] is None
    assert "t0ken" not in repr(made)


def test_slack_is_sent_one_text_in_which_nothing_is_markup() -> None:
    made = replace(letter(), subject="a & b", message="<!channel> &amp;")
    assert slack_payload(made) == {"text": "*a &amp; b*\n&lt;!channel&gt; &amp;amp;"}


# Trying again


def test_tries_come_ever_later_and_end_after_about_a_day() -> None:
    moments = [NOW]
    for tries in range(1, MAX_TRIES):
        following = next_try(tries, moments[-1])
        assert following is not None
        moments.append(following)
    assert next_try(MAX_TRIES, NOW) is None
    delays = [later - earlier for earlier, later in pairwise(moments)]
    assert delays[:3] == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    assert delays == sorted(delays)
    assert max(delays) == timedelta(hours=2)
    assert timedelta(hours=20) < moments[-1] - NOW < timedelta(hours=28)


# Floods


def test_a_few_go_alone_the_oldest_first() -> None:
    found = sort_out(posted(*reversed(range(FLOOD))), {})
    assert ids(found.alone) == [f"n{number}" for number in range(FLOOD)]
    assert found.folds == ()


def test_more_become_one() -> None:
    found = sort_out(posted(*range(FLOOD + 1)), {})
    assert found.alone == ()
    assert [len(members) for members in found.folds] == [FLOOD + 1]


def test_what_comes_while_many_were_told_waits_until_it_is_few_or_becomes_one() -> None:
    group = letter().group
    some, many = posted(1, 2), posted(*range(FLOOD + 1))
    assert len(sort_out(some, {group: FLOOD - 2}).alone) == 2
    assert sort_out(some, {group: FLOOD - 1}) == sort_out([], {})
    assert sort_out(many, {group: FLOOD}) == sort_out([], {})
    assert len(sort_out(many, {group: FLOOD - 1}).folds) == 1


def test_receivers_do_not_share_a_flood() -> None:
    found = sort_out([*posted(*range(FLOOD)), *posted(*range(FLOOD), to=HOOK)], {})
    assert len(found.alone) == 2 * FLOOD


def test_no_more_are_folded_than_a_store_writes_at_once() -> None:
    [members] = sort_out(posted(*range(MAX_FOLD + 7)), {}).folds
    assert ids(members) == [f"n{number}" for number in range(MAX_FOLD)]


LETTERS = st.lists(
    st.builds(
        letter,
        st.integers(0, 30),
        to=st.sampled_from([LOG, HOOK]),
        at=st.integers(0, 99).map(float),
        count=st.integers(1, 5),
    ),
    max_size=30,
    unique_by=lambda made: made.key,
)


@given(LETTERS, st.integers(0, FLOOD + 1), st.randoms())
def test_nothing_is_lost_or_doubled_by_sorting_whatever_the_order(
    some: list[Letter], told: int, chance: object
) -> None:
    due = [Posted(letter=each, next_at=NOW) for each in some]
    flow = {LOG.digest: 0, **{each.group: told for each in some}}
    found = sort_out(due, flow)
    again = list(due)
    chance.shuffle(again)  # type: ignore[attr-defined]
    assert sort_out(again, flow) == found
    going = [*found.alone, *(each for members in found.folds for each in members)]
    assert len({each.letter.key for each in going}) == len(going)
    assert {each.letter.key for each in going} <= {each.key for each in some}
    for group in {each.group for each in some}:
        members = [each for each in some if each.group == group]
        taken = [each for each in going if each.letter.group == group]
        assert len(taken) in (0, len(members))
        assert len(taken) == len(members) or told > 0
        one_by_one = [each for each in found.alone if each.letter.group == group]
        assert len(one_by_one) + told <= FLOOD or not one_by_one


@given(LETTERS.filter(bool))
def test_folding_loses_no_count_and_names_the_same_letters_alike(some: list[Letter]) -> None:
    group = some[0].group
    members = [each for each in some if each.group == group]
    folded = fold(members)
    assert folded.count == sum(each.count for each in members)
    assert fold(members[::-1]) == folded
    assert folded.group == group
    assert folded.at == max(each.at for each in members)
    other = fold([*members, letter(31, to=members[0].receiver, at=100.0)])
    assert other.id != folded.id
    assert fold([folded, letter(31, to=members[0].receiver)]).count == folded.count + 1


def test_a_folded_letter_tells_how_many_it_stands_for_and_shows_the_newest() -> None:
    some = [letter(number, at=number) for number in range(12)]
    folded = fold([replace(each, message=f"of {each.id}") for each in some])
    assert folded.subject == "etl: failed 12 times"
    lines = folded.message.splitlines()
    assert lines[0] == (
        "12 notices of failed in etl,"
        " from 2026-11-23T12:00:00.000000Z to 2026-11-23T12:00:11.000000Z:"
    )
    assert lines[1] == "- etl: run FAILED (etl/1)"
    assert lines[11:] == ["- and 2 more", "", "The newest of them says:", "", "of n11"]
    assert folded.run_id == ""
    assert folded.commands == ("explain",)


@pytest.mark.parametrize("run_id", ["", "etl/1"])
def test_a_folded_letter_names_the_runs_there_are(run_id: str) -> None:
    folded = fold([replace(letter(), run_id=run_id)])
    assert ("(etl/1)" in folded.message) == bool(run_id)
    assert "more" not in folded.message
