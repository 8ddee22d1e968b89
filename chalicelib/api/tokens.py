"""Tokens: giving them, listing them, revoking them."""

from http import HTTPStatus

from chalicelib.api.answering import Answer
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import Nothing, TokenBody
from chalicelib.core.granting import ALL, TokenWish, read_role
from chalicelib.core.tokens import RANDOM_BYTES
from chalicelib.errors import InvalidInputError
from chalicelib.services import tokens as granting
from chalicelib.services.shapes import token_shape

tokens = Resource(__name__)


@tokens.handles("list_tokens")
def list_tokens(desk: Desk) -> Answer:
    """Those within the asker's own role and scopes, without their secrets."""
    desk.query(Nothing)
    found = granting.list_(desk.served.access.tokens, desk.principal)
    return Answer(body={"tokens": [token_shape(each, desk.now) for each in found]})


@tokens.handles("create_token")
def create_token(desk: Desk) -> Answer:
    """Give a token; its secret is told this once."""
    if "idempotency-key" in desk.request.headers:
        # To tell it again it would have to be kept.
        raise InvalidInputError.at("Idempotency-Key", "is not taken: the answer is told once only")
    asked, store = desk.body(TokenBody), desk.served.access.tokens
    wish = TokenWish(
        name=asked.name,
        role=read_role(asked.role, "$.role"),
        scopes=ALL if asked.scopes is None else tuple(asked.scopes),
        days=asked.days,
    )
    chance = desk.served.chance(RANDOM_BYTES)
    made = granting.create(store, wish, desk.principal, desk.now, chance)
    body = {**token_shape(made.record, desk.now), "token": made.text}
    return Answer(body=body, status=HTTPStatus.CREATED)


@tokens.handles("revoke_token")
def revoke_token(desk: Desk) -> Answer:
    """Revoke a token for good."""
    desk.query(Nothing)
    store = desk.served.access.tokens
    record = granting.revoke(store, desk.path["token_id"], desk.principal, desk.now)
    return Answer(body=token_shape(record, desk.now))
