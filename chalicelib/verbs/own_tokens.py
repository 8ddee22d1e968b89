"""The verbs over tokens, on a store in reach."""

from collections.abc import Callable

from chalicelib.core.access import Principal, Role
from chalicelib.core.granting import TokenRecord, TokenWish
from chalicelib.core.tokens import RANDOM_BYTES
from chalicelib.services import tokens
from chalicelib.services.served import Served
from chalicelib.services.tokens import CreatedToken


class OwnTokenVerbs:
    """verbs.asked.TokenVerbs."""

    def __init__(self, served: Served, actor: Callable[[], str]) -> None:
        self._served = served
        self._actor = actor

    def create(self, wish: TokenWish) -> CreatedToken:
        access, chance = self._served.access, self._served.chance(RANDOM_BYTES)
        return tokens.create(access.tokens, wish, self._owner(), access.clock(), chance)

    def list_(self) -> list[TokenRecord]:
        return tokens.list_(self._served.access.tokens, self._owner())

    def revoke(self, text: str) -> TokenRecord:
        access = self._served.access
        return tokens.revoke(access.tokens, text, self._owner(), access.clock())

    def _owner(self) -> Principal:
        """Who is typing: whoever has the state directory, or rights on the table, has it all."""
        return Principal(actor=self._actor(), role=Role.ADMIN)
