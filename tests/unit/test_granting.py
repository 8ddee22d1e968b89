"""Who may give whom which token, and what it is worth afterwards."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access import Principal, Role
from chalicelib.core.fields import SCHEDULE_ID
from chalicelib.core.granting import (
    MAX_DAYS,
    USE_NOTED,
    Refusal,
    Standing,
    TokenRecord,
    TokenWish,
    check_room,
    check_wish,
    grant,
    reaches,
    read_role,
    recognise,
)
from chalicelib.core.tokens import RANDOM_BYTES, make_token
from chalicelib.errors import ConflictError, InvalidInputError
from tests.unit.runs import NOW

ROOT = Principal(actor="root", role=Role.ADMIN)
ETL = Principal(actor="bob", role=Role.ADMIN, scopes=("etl-", "load"))
WISH = TokenWish(name="ann", role=Role.OPERATOR, scopes=("etl-night",))
TOKEN = make_token(bytes(range(RANDOM_BYTES)))
RECORD = grant(WISH, TOKEN, ROOT, NOW)
MOMENT = timedelta(microseconds=1)

SCOPES = st.lists(st.sampled_from(["", "e", "etl-", "etl-a", "load"]), min_size=1, max_size=3)
IDS = st.sampled_from(["e", "etl", "etl-", "etl-a", "etl-ab", "load", "loads", "x"])


def problems(wish: TokenWish, by: Principal = ROOT) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        check_wish(wish, by)
    return str(caught.value).splitlines()


def active(token_id: str, **members: object) -> TokenRecord:
    return replace(RECORD, id=token_id, **members)  # type: ignore[arg-type] # of any member


# Wishes


def test_a_token_lasts_30_days_for_every_schedule_unless_said_otherwise() -> None:
    wish = TokenWish(name="ann", role=Role.VIEWER)
    assert (wish.days, wish.scopes) == (30, ("",))


@pytest.mark.parametrize("days", [1, MAX_DAYS])
@pytest.mark.parametrize("name", ["a", "ann", "ci.deploy@example-1.org", "x" * 64])
def test_an_ordinary_wish_is_granted(name: str, days: int) -> None:
    check_wish(replace(WISH, name=name, days=days), ROOT)


@pytest.mark.parametrize("name", ["", "-ann", "ann bob", "änn", "ann\n", "x" * 65])
def test_a_name_is_plain(name: str) -> None:
    assert problems(replace(WISH, name=name))[0].startswith("$.name: is no name of a token")


@pytest.mark.parametrize("name", ["engine", "table", "Engine"])
def test_nobody_passes_for_the_engine_in_histories(name: str) -> None:
    expected = f"$.name: histories call others so; found {name!r}; allowed: another name"
    assert problems(replace(WISH, name=name)) == [expected]


@pytest.mark.parametrize("days", [-1, 0, 91, 100_000])
def test_a_token_lasts_a_day_at_least_and_90_at_most(days: int) -> None:
    expected = f"$.days: a token can't last that long; found {days}; allowed: 1 to 90"
    assert problems(replace(WISH, days=days)) == [expected]


def test_no_scopes_at_all_are_not_all_schedules_but_a_mistake() -> None:
    assert problems(replace(WISH, scopes=()))[0].startswith("$.scopes: that many scopes")
    assert problems(replace(WISH, scopes=("a",) * 21))[0].startswith("$.scopes: that many scopes")


@pytest.mark.parametrize("scope", ["*", "etl/", "-etl", "etl*", "e t", "etl\n", "x" * 129])
def test_a_scope_is_how_a_schedules_id_may_begin(scope: str) -> None:
    (problem,) = problems(replace(WISH, scopes=("", scope)))
    assert problem.startswith("$.scopes[1]: no schedule's id begins so")


@given(st.from_regex(SCHEDULE_ID, fullmatch=True), st.data())
def test_every_beginning_of_every_id_may_be_a_scope(schedule_id: str, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(schedule_id)))
    scope = schedule_id.rstrip("\n")[:length]
    check_wish(replace(WISH, scopes=(scope,)), ROOT)
    assert re.match(SCHEDULE_ID, schedule_id)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wish = TokenWish(name="", role=Role.ADMIN, scopes=("*", "billing"), days=0)
    by = replace(ETL, role=Role.AUTHOR)
    assert [each.partition(":")[0] for each in problems(wish, by)] == [
        "$.name",
        "$.days",
        "$.scopes[0]",
        "$.role",
        "$.scopes[0]",
        "$.scopes[1]",
    ]


def test_a_token_that_is_pasted_in_the_wrong_place_is_not_stored_nor_told() -> None:
    cut = f"'abs_{TOKEN.id}_…'"
    by_place = problems(replace(WISH, name=TOKEN.text, scopes=(TOKEN.text,)))
    assert [each.partition("; ")[2].partition(";")[0] for each in by_place] == [f"found {cut}"] * 2
    with pytest.raises(InvalidInputError, match="there is no role 'abs_") as caught:
        read_role(TOKEN.text, "$.role")
    assert TOKEN.secret not in str(caught.value)


def test_a_role_is_read_as_it_is_written() -> None:
    assert [read_role(role.word, "$.role") for role in Role] == list(Role)
    with pytest.raises(InvalidInputError) as caught:
        read_role("Admin", "$.role")
    allowed = "viewer, operator, author, admin"
    assert str(caught.value) == f"$.role: there is no role 'Admin'; allowed: {allowed}"


# Nobody gives more than he has


@pytest.mark.parametrize("scope", ["", "e", "etl", "billing"])
def test_who_is_limited_to_some_schedules_gives_no_token_for_others(scope: str) -> None:
    expected = f"$.scopes[0]: is not within your own; found {scope!r}; allowed: etl-…, load…"
    assert problems(replace(WISH, scopes=(scope,)), ETL) == [expected]


def test_who_sees_nothing_gives_nothing() -> None:
    (problem,) = problems(WISH, replace(ETL, scopes=()))
    assert problem.endswith("allowed: nothing")


def test_nobody_gives_a_role_above_his_own() -> None:
    by = replace(ROOT, role=Role.OPERATOR)
    expected = "$.role: is more than your own; found author; allowed: viewer, operator"
    assert problems(replace(WISH, role=Role.AUTHOR), by) == [expected]
    check_wish(replace(WISH, role=Role.OPERATOR), by)


@given(st.sampled_from(Role), st.sampled_from(Role), SCOPES, SCOPES, IDS)
def test_no_token_reaches_what_its_giver_does_not(
    own: Role, wished: Role, mine: list[str], theirs: list[str], schedule_id: str
) -> None:
    by = Principal(actor="bob", role=own, scopes=tuple(mine))
    wish = TokenWish(name="ann", role=wished, scopes=tuple(theirs))
    try:
        check_wish(wish, by)
    except InvalidInputError:
        return
    made = recognise(TOKEN, grant(wish, TOKEN, by, NOW), NOW)
    assert isinstance(made, Principal)
    assert made.role <= by.role
    assert by.sees(schedule_id) or not made.sees(schedule_id)


# Two of one name


def test_a_name_may_have_two_active_tokens_to_change_from_one_to_the_other() -> None:
    check_room(WISH, [], ROOT, NOW)
    check_room(WISH, [active("a")], ROOT, NOW)


def test_a_third_is_refused_with_what_to_revoke() -> None:
    others = [active("b", created_at=NOW + MOMENT), active("a")]
    with pytest.raises(ConflictError) as caught:
        check_room(WISH, others, ROOT, NOW)
    assert str(caught.value) == (
        "'ann' has 2 active tokens already: a and b. Revoke the one that is not needed any more, "
        "the oldest by batch-scheduler token revoke a"
    )


def test_ended_tokens_and_those_of_others_take_no_room() -> None:
    others = [
        active("a"),
        active("b", revoked_at=NOW),
        active("c", expires_at=NOW),
        active("d", name="bob"),
    ]
    check_room(WISH, others, ROOT, NOW)


@pytest.mark.parametrize("standing", [{}, {"revoked_at": NOW}, {"expires_at": NOW}])
@pytest.mark.parametrize("more", [{"scopes": ("billing",)}, {"scopes": ("",)}])
def test_nobody_takes_a_name_that_stood_for_more_than_he_may_give(
    standing: dict[str, Any], more: dict[str, Any]
) -> None:
    taken = active("a", **standing, **more)
    check_room(WISH, [taken], ROOT, NOW)
    with pytest.raises(ConflictError) as caught:
        check_room(WISH, [active("c"), taken], ETL, NOW)
    assert str(caught.value) == (
        "'ann' names tokens outside your role or scopes; choose another name."
    )


def test_names_of_others_are_free_of_what_is_out_of_sight() -> None:
    check_room(WISH, [active("a", name="bob", scopes=("",))], ETL, NOW)


# What is stored, and what it is worth


def test_what_is_stored_says_who_gave_it_and_when_and_not_the_secret() -> None:
    expected = TokenRecord(
        id=TOKEN.id,
        digest=TOKEN.digest,
        name="ann",
        role=Role.OPERATOR,
        scopes=("etl-night",),
        created_at=NOW,
        created_by="root",
        expires_at=NOW + timedelta(days=30),
    )
    assert expected == RECORD
    assert TOKEN.secret not in repr(RECORD)
    assert TOKEN.digest not in repr(RECORD)


def test_a_token_is_active_until_the_moment_it_expires_or_is_revoked() -> None:
    ends = RECORD.expires_at
    assert RECORD.standing(ends - MOMENT) is Standing.ACTIVE
    assert RECORD.standing(ends) is Standing.EXPIRED
    revoked = replace(RECORD, revoked_at=NOW)
    assert revoked.standing(NOW) is Standing.REVOKED
    assert revoked.standing(ends) is Standing.REVOKED


def test_a_use_is_due_to_be_noted_once_an_hour() -> None:
    assert RECORD.is_use_due(NOW)
    used = replace(RECORD, last_used_at=NOW)
    assert not used.is_use_due(NOW)
    assert not used.is_use_due(NOW - timedelta(days=1))
    assert not used.is_use_due(NOW + USE_NOTED - MOMENT)
    assert used.is_use_due(NOW + USE_NOTED)


def test_others_tokens_are_there_for_those_who_reach_as_far() -> None:
    assert reaches(ROOT, RECORD)
    assert reaches(ETL, RECORD)
    assert not reaches(replace(ETL, scopes=("load",)), RECORD)
    assert not reaches(ETL, replace(RECORD, scopes=("etl-night", "")))
    assert not reaches(replace(ETL, role=Role.VIEWER), RECORD)


def test_who_comes_with_a_token_is_whom_it_was_given() -> None:
    assert recognise(TOKEN, RECORD, NOW) == Principal(
        actor="ann",
        role=Role.OPERATOR,
        scopes=("etl-night",),
        token_id=TOKEN.id,
        is_use_due=True,
    )


def test_a_wrong_secret_is_told_nothing_about_the_token() -> None:
    other = make_token(bytes(range(6)) + bytes(32))
    assert other.id == TOKEN.id
    for record in (None, RECORD, replace(RECORD, revoked_at=NOW), replace(RECORD, expires_at=NOW)):
        assert recognise(other, record, NOW) is Refusal.UNKNOWN
    assert recognise(TOKEN, None, NOW) is Refusal.UNKNOWN


def test_a_token_that_has_ended_recognises_nobody() -> None:
    assert recognise(TOKEN, RECORD, RECORD.expires_at) is Refusal.EXPIRED
    assert recognise(TOKEN, replace(RECORD, revoked_at=NOW), NOW) is Refusal.REVOKED
