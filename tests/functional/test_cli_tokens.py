"""Tokens from the terminal: given, listed, revoked; and their secrets, which get nowhere else."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from chalicelib.api.authorizing import authorize
from chalicelib.aws.dynamo_tokens import DynamoTokens
from chalicelib.cli.exits import Exit
from chalicelib.core.access import Principal, Role
from chalicelib.core.granting import TokenWish
from chalicelib.core.tokens import Token, parse_token
from chalicelib.errors import ConflictError, InvalidInputError
from chalicelib.local.clock import SystemClock
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import AccessPorts, TokenStore
from chalicelib.services import tokens
from tests.aws import tables
from tests.functional.aws_desk import STAGE, AwsDesk, desk_on_aws
from tests.functional.recorded import Desk
from tests.unit.gateway import STAGE as API

STRANGE = ("", "abs_", "abs_x_y_z")


class Typing(Protocol):
    """A desk of either edition."""

    def type(self, *words: str) -> tuple[int, str, str]: ...


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


@pytest.fixture
def aws_desk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[AwsDesk]:
    with desk_on_aws(capsys, monkeypatch) as opened:
        yield opened


@pytest.fixture(params=["local", "aws"])
def typing(request: pytest.FixtureRequest) -> Typing:
    """Both editions in turn."""
    found: Typing = request.getfixturevalue("desk" if request.param == "local" else "aws_desk")
    return found


def created(desk: Typing, *words: str) -> Token:
    code, out, err = desk.type("token", "create", *words)
    assert code == 0, err
    made = parse_token(out.removesuffix("\n"))
    assert made is not None
    return made


def listed(desk: Typing) -> list[dict[str, object]]:
    code, out, err = desk.type("token", "list", "--json")
    assert (code, err) == (0, "")
    found: list[dict[str, object]] = json.loads(out)
    return found


def test_the_token_alone_is_on_the_standard_output_and_how_to_use_it_beside_it(
    typing: Typing,
) -> None:
    code, out, err = typing.type("token", "create", "ann", "--role", "operator", "--scope", "etl-")
    made = parse_token(out.removesuffix("\n"))
    assert code == 0
    assert made is not None
    assert f"Token {made.id} of ann: operator, etl-…, until 20" in err
    assert 'curl -H "Authorization: Bearer $TOKEN" URL/schedules' in err
    assert f"batch-scheduler token revoke {made.id}" in err
    assert made.secret not in err


def test_a_token_is_given_for_30_days_to_whom_and_by_whom_is_on_record(typing: Typing) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    made = created(typing, "ann", "--role", "author")
    (token,) = listed(typing)
    assert token["createdBy"]
    assert (token["tokenId"], token["name"], token["role"]) == (made.id, "ann", "author")
    assert (token["scopes"], token["standing"]) == ([""], "active")
    ends = datetime.fromisoformat(str(token["expiresAt"]))
    assert timedelta(days=30) <= ends - before < timedelta(days=30, minutes=5)


def test_a_token_is_revoked_by_the_beginning_of_its_id(typing: Typing) -> None:
    made = created(typing, "ann", "--role", "viewer")
    code, out, err = typing.type("token", "revoke", made.id[:6])
    assert (code, out, err) == (0, f"{made.id} of ann is revoked.\n", "")
    (token,) = listed(typing)
    assert token["standing"] == "revoked"
    assert token["revokedBy"] == token["createdBy"]


def test_a_third_active_one_is_refused_with_what_to_type(typing: Typing) -> None:
    first, _ = (created(typing, "ann", "--role", "viewer", "--days", "1") for _ in range(2))
    code, out, err = typing.type("token", "create", "ann", "--role", "viewer")
    assert (code, out) == (Exit.REFUSED, "")
    assert err.startswith("'ann' has 2 active tokens already: ")
    assert "Revoke the one that is not needed any more" in err
    created(typing, "bob", "--role", "viewer")
    assert typing.type("token", "revoke", first.id)[0] == 0
    created(typing, "ann", "--role", "viewer")


def test_what_can_not_be_given_is_said_at_the_options(typing: Typing) -> None:
    words = ("token", "create", "a b", "--role", "viewer", "--days", "91", "--scope", "*")
    code, out, err = typing.type(*words)
    assert (code, out) == (Exit.INVALID, "")
    places = [line.partition(":")[0] for line in err.splitlines()]
    assert places == ["3 things are wrong", "NAME", "--days", "--scope"]
    code, out, err = typing.type("token", "create", "ann", "--role", "root")
    allowed = "viewer, operator, author, admin"
    assert (code, err) == (Exit.INVALID, f"--role: there is no role 'root'; allowed: {allowed}\n")
    code, out, err = typing.type("token", "create", "ann", "--role", "viewer", "--scope", "")
    assert (code, out) == (Exit.INVALID, "")
    assert err.startswith("--scope: is empty; allowed: how the ids of schedules begin")
    assert listed(typing) == []


def test_what_is_not_there_can_not_be_revoked(typing: Typing) -> None:
    code, out, err = typing.type("token", "revoke", "nosuch")
    assert (code, out) == (Exit.NOT_FOUND, "")
    assert err.startswith("There is no token 'nosuch'. The tokens there are: batch-scheduler")


def test_people_read_a_table_and_what_to_type_when_it_is_empty(desk: Desk) -> None:
    empty = "No tokens yet. Give one: batch-scheduler token create NAME --role ROLE\n"
    assert desk.read("token", "list") == empty
    made = created(desk, "ann", "--role", "viewer", "--scope", "etl-", "--scope", "load")
    head, row = desk.read("token", "list").splitlines()
    assert head.split() == [
        "TOKEN", "NAME", "ROLE", "SCOPES", "STANDING", "UNTIL", "LAST", "USED", "BY",
    ]  # fmt: skip
    assert row.startswith(f"{made.id}  ann   viewer  etl-…, load…  active    20")


@pytest.mark.parametrize("before", [("--json", "token", "list"), ("token", "--json", "list")])
def test_shared_options_may_stand_before_either_word(desk: Desk, before: tuple[str, ...]) -> None:
    created(desk, "ann", "--role", "viewer")
    assert len(json.loads(desk.read(*before))) == 1


def test_the_state_directory_may_be_said_before_either_word(desk: Desk, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    words = ("create", "ann", "--role", "viewer")
    assert desk.type("--state", other, "token", *words)[0] == 0
    code, _, err = desk.type("token", f"--state={other}", *words)
    assert code == 0
    assert f"batch-scheduler token revoke --state {other}" in err or f"--state {other}" in err
    assert listed(desk) == []
    assert len(json.loads(desk.read("token", "list", "--json", "--state", other))) == 2


def test_the_word_alone_shows_its_verbs(desk: Desk) -> None:
    code, out, err = desk.type("token")
    assert code == Exit.INVALID
    assert "revoke" in out + err


def test_in_json_the_token_is_a_member_of_what_is_told_of_it(desk: Desk) -> None:
    code, out, err = desk.type("token", "create", "ann", "--role", "viewer", "--json")
    told = json.loads(out)
    made = parse_token(told.pop("token"))
    assert (code, err) == (0, "")
    assert made is not None
    assert [told] == listed(desk)


def test_on_a_stage_commands_to_paste_say_which(aws_desk: AwsDesk) -> None:
    _, _, err = aws_desk.type("token", "create", "ann", "--role", "viewer")
    assert " ".join(STAGE) in err.splitlines()[-1]


# No secret gets anywhere


def told_everywhere(store: TokenStore, desk: Typing, made: Token) -> list[str]:
    """What comes out of everything that is done with a token."""
    ports = AccessPorts(tokens=store, clock=SystemClock())
    root = Principal(actor="root", role=Role.ADMIN)
    told = [repr(made), repr(ports), repr(store.list_tokens())]
    for words in (
        ("list",),
        ("list", "--json"),
        ("revoke", made.secret),
        ("revoke", f"x{made.text}"),
    ):
        _, out, err = desk.type("token", *words)
        told += [out, err]
    answer = authorize(ports, f"Bearer {made.text}", f"{API}/GET/runs")
    told.append(json.dumps(answer))
    principal = tokens.authenticate(store, made.text, ports.clock())
    assert isinstance(principal, Principal)
    tokens.note_use(store, principal, ports.clock())
    told.append(repr(principal))
    for text in (*STRANGE, made.secret, made.text[:-1], f"{made.text}x"):
        with pytest.raises(Exception, match="Unauthorized") as caught:
            authorize(ports, f"Bearer {text}", f"{API}/GET/runs")
        told.append(repr(caught.value))
    told.append(refused(store, TokenWish(name="ann", role=Role.VIEWER), root, made))
    told.append(repr(tokens.revoke(store, made.text, root, ports.clock())))
    return told


def refused(store: TokenStore, wish: TokenWish, by: Principal, made: Token) -> str:
    """What is said of a second token with the same chance, and so the same id."""
    chance = made_from(made)
    with pytest.raises(ConflictError) as caught:
        tokens.create(store, wish, by, SystemClock()(), chance)
    return repr(caught.value)


def made_from(made: Token) -> bytes:
    """The random bytes that a token was made of."""
    id_digits, secret_digits = (
        "0123456789abcdefghijklmnopqrstuvwxyz",
        ("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    )
    return number(made.id, id_digits).to_bytes(6) + number(made.secret, secret_digits).to_bytes(32)


def number(text: str, digits: str) -> int:
    value = 0
    for each in text:
        value = value * len(digits) + digits.index(each)
    return value


def test_no_secret_is_in_a_log_a_repr_an_error_a_list_or_the_database(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = created(desk, "ann", "--role", "admin")
    with desk.store() as store:
        told = told_everywhere(store.tokens, desk, made)
        kept = [path.read_bytes() for path in desk.directory.iterdir() if path.is_file()]
    check_hidden(made, [*told, *logged(caplog)])
    assert not any(made.secret.encode() in content for content in kept)
    assert any(made.digest.encode() in content for content in kept)


def test_no_secret_is_in_a_log_a_repr_an_error_a_list_or_the_table(
    aws_desk: AwsDesk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = created(aws_desk, "ann", "--role", "admin")
    store = DynamoTokens(aws_desk.clients, tables.TABLES)
    told = told_everywhere(store, aws_desk, made)
    logs = logged(caplog)
    assert any(made.digest in line for line in logs), "botocore's own log is looked at too"
    check_hidden(made, [*told, *logs])
    items = str(aws_desk.clients["dynamodb"].scan(TableName=tables.TABLES.tokens)["Items"])
    assert made.secret not in items
    assert made.digest in items


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records]


def check_hidden(made: Token, told: list[str]) -> None:
    assert told
    for text in told:
        assert made.secret not in text
        assert made.secret[8:] not in text
        assert made.secret[:-8] not in text


def test_a_sqlite_file_from_before_has_no_tokens_and_takes_some(desk: Desk) -> None:
    with desk.store() as store:
        assert isinstance(store, SqliteStore)
    assert listed(desk) == []
    created(desk, "ann", "--role", "viewer")
    assert len(listed(desk)) == 1


def test_a_name_that_is_a_whole_token_is_refused_without_its_secret(desk: Desk) -> None:
    made = created(desk, "ann", "--role", "viewer")
    for words in ((made.text, "--role", "viewer"), ("bob", "--role", made.text)):
        code, out, err = desk.type("token", "create", *words)
        assert (code, out) == (Exit.INVALID, "")
        check_hidden(made, [err])
    with pytest.raises(InvalidInputError) as caught:
        tokens.create(
            SqliteStore.open(desk.directory).tokens,
            TokenWish(name="bob", role=Role.VIEWER, scopes=(made.text,)),
            Principal(actor="root", role=Role.ADMIN),
            SystemClock()(),
            bytes(38),
        )
    check_hidden(made, [repr(caught.value)])
