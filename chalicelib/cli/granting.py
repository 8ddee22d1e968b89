"""The verbs over tokens of the HTTP API: create, list, revoke."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from chalicelib.cli.commands import command
from chalicelib.cli.exits import Exit
from chalicelib.cli.session import LARGEST, Session
from chalicelib.errors import InvalidInputError

if TYPE_CHECKING:
    from chalicelib.core.granting import TokenRecord
    from chalicelib.services.tokens import CreatedToken

Name = Annotated[str, typer.Argument(help="Who it is for; two of one name may be active.")]
Role = Annotated[
    str,
    typer.Option(
        "--role", metavar="ROLE", help="What it may do: viewer, operator, author or admin."
    ),
]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="BEGINNING",
        help="Only schedules whose ids begin so; again for more [all].",
    ),
]
Days = Annotated[
    int, typer.Option("--days", metavar="DAYS", max=LARGEST, help="How long, at most 90 [30].")
]
Named = Annotated[str, typer.Argument(metavar="ID", help="Its id, or how that begins.")]

# Where the terminal says what a request has in its body.
_PLACES = {"$.name": "NAME", "$.role": "--role", "$.days": "--days", "$.scopes": "--scope"}


def create(session: Session, name: Name, role: Role, scope: Scopes = None, days: Days = 30) -> Exit:
    """Give a token of the HTTP API; it is printed this once and can't be shown again."""
    from chalicelib.core.granting import ALL, TokenWish, read_role
    from chalicelib.services.shapes import token_shape

    if "" in (scope or ()):
        allowed = "how the ids of schedules begin; without --scope it is for all of them"
        raise InvalidInputError.at("--scope", "is empty", allowed=allowed)
    try:
        wish = TokenWish(
            name=name, role=read_role(role, "--role"), scopes=tuple(scope or ALL), days=days
        )
        made = session.verbs.tokens.create(wish)
    except InvalidInputError as error:
        raise _in_options(error) from error
    shape = {**token_shape(made.record, session.now()), "token": made.text}
    session.answer(shape, lambda: _print_created(session, made))
    return Exit.DONE


def list_(session: Session) -> Exit:
    """List the tokens that there are, without their secrets."""
    from chalicelib.services.shapes import token_shape

    records, now = session.verbs.tokens.list_(), session.now()
    session.answer(
        [token_shape(record, now) for record in records], lambda: _print_list(session, records)
    )
    return Exit.DONE


def revoke(session: Session, token: Named) -> Exit:
    """Revoke a token for good."""
    from chalicelib.services.shapes import token_shape

    record = session.verbs.tokens.revoke(token)
    sentence = f"{record.id} of {record.name} is revoked."
    session.answer(token_shape(record, session.now()), lambda: session.say(sentence))
    return Exit.DONE


def _in_options(error: InvalidInputError) -> InvalidInputError:
    """The same problems at the options that they were typed with."""
    return InvalidInputError(
        [
            replace(each, path=_PLACES.get(each.path.partition("[")[0], each.path))
            for each in error.problems
        ]
    )


def _print_created(session: Session, made: "CreatedToken") -> None:
    """The token alone on the standard output; what to know of it beside that."""
    from chalicelib.cli.tables import moment_text

    sys.stdout.write(f"{made.text}\n")
    sys.stdout.flush()
    record = made.record
    about = f"{record.role.word}, {_scopes(record)}, until {moment_text(record.expires_at)}"
    session.warn(
        [
            f"Token {record.id} of {record.name}: {about}.",
            "It is shown this once. Each request bears it in a header:",
            '  curl -H "Authorization: Bearer $TOKEN" URL/schedules',
            f"To end it: {command(session, ('token', 'revoke', record.id))}",
        ]
    )


def _print_list(session: Session, records: "list[TokenRecord]") -> None:
    from chalicelib.cli.tables import Column, moment_text, one_line, print_table

    if not records:
        words = ("token", "create", "NAME", "--role", "ROLE")
        session.say(f"No tokens yet. Give one: {command(session, words)}")
        return
    columns = (
        Column("TOKEN"),
        Column("NAME", folds=True),
        Column("ROLE"),
        Column("SCOPES", folds=True),
        Column("STANDING"),
        Column("UNTIL"),
        Column("LAST USED"),
        Column("BY", folds=True),
    )
    now = session.now()
    rows = [
        (
            record.id,
            record.name,
            record.role.word,
            _scopes(record),
            record.standing(now).value,
            moment_text(record.revoked_at or record.expires_at),
            moment_text(record.last_used_at),
            one_line(record.revoked_by or record.created_by),
        )
        for record in records
    ]
    print_table(session.console, columns, rows)


def _scopes(record: "TokenRecord") -> str:
    return ", ".join(f"{scope}…" if scope else "all schedules" for scope in record.scopes)
