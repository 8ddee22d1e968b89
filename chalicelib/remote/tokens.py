"""The verbs over tokens, by routes of a server."""

from typing import Any
from urllib.parse import quote

from chalicelib.core.access import Principal, Role
from chalicelib.core.granting import ALL, TokenRecord, TokenWish, check_wish
from chalicelib.core.tokens import named_id
from chalicelib.remote.decoding import token_of
from chalicelib.remote.wire import Wire
from chalicelib.services.tokens import CreatedToken
from chalicelib.store_words import no_token

# What a wish may be at all; whether this person may have it granted is for the server to say.
_ANYBODY = Principal(actor="", role=Role.ADMIN)


class RemoteTokenVerbs:
    """verbs.asked.TokenVerbs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, wish: TokenWish) -> CreatedToken:
        check_wish(wish, _ANYBODY)
        wanted = {
            "name": wish.name,
            "role": wish.role.word,
            "days": wish.days,
            **({} if wish.scopes == ALL else {"scopes": list(wish.scopes)}),
        }
        return self._wire.post_once("/tokens", wanted).read(_created)

    def list_(self) -> list[TokenRecord]:
        reply = self._wire.get("/tokens")
        return reply.read(lambda shape: [token_of(each) for each in shape["tokens"]])

    def revoke(self, text: str) -> TokenRecord:
        """Only the id is sent, whatever was typed: no secret is ever part of an address."""
        named = named_id(text)
        if not (named.isascii() and named.isalnum()):
            raise no_token(named)
        return self._wire.delete(f"/tokens/{quote(named, safe='')}", again=True).read(token_of)


def _created(shape: Any) -> CreatedToken:
    return CreatedToken(token_of(shape), str(shape["token"]))
