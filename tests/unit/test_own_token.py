"""The token of whoever runs the local server: when it is made anew, and what becomes of others."""

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from chalicelib.core.access import Principal, Role
from chalicelib.core.granting import TokenWish
from chalicelib.core.tokens import RANDOM_BYTES
from chalicelib.errors import BackendError, ConflictError
from chalicelib.local.memory_tokens import MemoryTokens
from chalicelib.ports import AccessPorts
from chalicelib.services import tokens
from chalicelib.serving.own_token import OwnToken

BEGIN = datetime(2026, 11, 28, 12, tzinfo=UTC)
_numbers = count(1)


def chance(length: int) -> bytes:
    return next(_numbers).to_bytes(length, "little")


class Keeper:
    """A directory, its tokens, and a clock that is set."""

    def __init__(self, directory: Path, user: str = "ann") -> None:
        self.now = BEGIN
        self.access = AccessPorts(tokens=MemoryTokens(), clock=lambda: self.now)
        self.own = OwnToken(directory, user, chance)

    def ensure(self, after: timedelta = timedelta()) -> str:
        self.now = BEGIN + after
        return self.own.ensure(self.access)

    def who(self, text: str) -> Principal | None:
        found = tokens.authenticate(self.access.tokens, text, self.now)
        return found if isinstance(found, Principal) else None


def test_it_is_an_admins_and_in_a_file_of_his_own(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    found = keeper.who(keeper.ensure())
    assert found is not None
    assert (found.actor, found.role, found.sees("any")) == ("ann", Role.ADMIN, True)
    assert [path.name for path in tmp_path.iterdir()] == ["api-token"]
    assert keeper.own.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("days", "stays"), [(0, True), (22.9, True), (23, False), (40, False)])
def test_it_stays_until_a_week_before_its_end(tmp_path: Path, days: float, *, stays: bool) -> None:
    keeper = Keeper(tmp_path)
    first = keeper.ensure()
    assert (keeper.ensure(timedelta(days=days)) == first) is stays


def test_the_one_before_is_good_to_its_end(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    first = keeper.ensure()
    second = keeper.ensure(timedelta(days=25))
    assert (keeper.who(first) is not None, keeper.who(second) is not None) == (True, True)
    keeper.now = BEGIN + timedelta(days=30)
    assert keeper.who(first) is None


def test_it_can_be_renewed_for_years(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    found = {keeper.ensure(timedelta(days=day)) for day in range(0, 800, 5)}
    assert 20 < len(found) < 40


@pytest.mark.parametrize("left", ["", "nonsense", "abs_0123456789_x_y", "ünlesbar"])
def test_a_file_without_a_token_gets_one_and_what_was_lost_is_revoked(
    tmp_path: Path, left: str
) -> None:
    keeper = Keeper(tmp_path)
    for _ in range(5):
        lost = keeper.ensure()
        keeper.own.path.write_text(left, encoding="utf-8")
        assert keeper.who(keeper.ensure()) is not None
        assert keeper.who(lost) is None


def test_one_that_was_revoked_is_replaced(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    first = keeper.ensure()
    found = keeper.who(first)
    assert found is not None
    keeper.access.tokens.revoke_token(found.token_id, BEGIN, "ann")
    assert keeper.ensure() != first


def test_tokens_that_people_gave_themselves_are_left_alone(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    ann = Principal(actor="ann", role=Role.ADMIN)
    wish = TokenWish(name="ann", role=Role.VIEWER)
    given = tokens.create(keeper.access.tokens, wish, ann, BEGIN, chance(RANDOM_BYTES)).text
    keeper.ensure()
    keeper.own.path.unlink()
    keeper.ensure()
    assert keeper.who(given) is not None


def test_who_has_given_himself_all_there_may_be_is_told_what_to_revoke(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    ann = Principal(actor="ann", role=Role.ADMIN)
    for _ in range(2):
        wish = TokenWish(name="ann", role=Role.VIEWER)
        tokens.create(keeper.access.tokens, wish, ann, BEGIN, chance(RANDOM_BYTES))
    with pytest.raises(ConflictError, match="batch-scheduler token revoke"):
        keeper.ensure()


@pytest.mark.parametrize("user", ["uid 1000", "-", "ö", "a" * 80, "DOMAIN\\ann", "engine", "Table"])
def test_users_of_any_name_get_one(tmp_path: Path, user: str) -> None:
    keeper = Keeper(tmp_path, user)
    assert keeper.who(keeper.ensure()) is not None


def test_a_file_that_can_not_be_is_told(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.own.path.mkdir(mode=0o700)
    with pytest.raises(BackendError, match="api-token"):
        keeper.ensure()
