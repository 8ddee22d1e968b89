"""The token of whoever runs the server: made by it, kept in a file that only he can read."""

import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from chalicelib.config import TOKEN_FILE
from chalicelib.core.access import Principal, Role
from chalicelib.core.granting import DEFAULT_DAYS, TokenWish, check_wish
from chalicelib.core.tokens import RANDOM_BYTES, Token, parse_token
from chalicelib.errors import InvalidInputError
from chalicelib.local.state_directory import told_in_words
from chalicelib.ports import AccessPorts
from chalicelib.services import tokens

_RENEWED_BEFORE = timedelta(days=7)  # of its end
_OF_OTHERS = 0o077  # rights of everybody but the owner
_SERVER = Principal(actor="batch-scheduler serve", role=Role.ADMIN)


class OwnToken:
    """The file of a state directory, and the token in it."""

    def __init__(self, directory: Path, user: str, chance: Callable[[int], bytes]) -> None:
        self.path = directory / TOKEN_FILE
        self.is_new = False  # whether the last `ensure` made it
        self._name = _name_of(user)
        self._chance = chance

    def ensure(self, access: AccessPorts) -> str:
        """The token, a new one unless the file's is good for a while yet.

        The one before stays valid to its end, others that were made here before do not. Raises
        BackendError, and ConflictError when the user has given himself all there may be.
        """
        now = access.clock()
        kept = self._read()
        self.is_new = False
        if kept and self._lasts(access, kept, now):
            return kept
        self._revoke_lost(access, parse_token(kept), now)
        wish = TokenWish(name=self._name, role=Role.ADMIN, days=DEFAULT_DAYS)
        made = tokens.create(access.tokens, wish, _SERVER, now, self._chance(RANDOM_BYTES))
        self._write(made.text)
        self.is_new = True
        return made.text

    def _read(self) -> str:
        """What the file has; nothing when others could have read it too."""
        with told_in_words(self.path, "read"):
            if not self.path.exists() or self.path.stat().st_mode & _OF_OTHERS:
                return ""
            return self.path.read_text("ascii", "replace").strip()

    def _lasts(self, access: AccessPorts, text: str, now: datetime) -> bool:
        found = tokens.authenticate(access.tokens, text, now + _RENEWED_BEFORE)
        return isinstance(found, Principal) and found.role is Role.ADMIN and found.sees("")

    def _revoke_lost(self, access: AccessPorts, kept: Token | None, now: datetime) -> None:
        """Revoke what was in files that are gone: nobody is to find it somewhere."""
        for record in access.tokens.list_tokens():
            is_ours = record.created_by == _SERVER.actor and record.name == self._name
            if is_ours and record.revoked_at is None and not (kept and kept.id == record.id):
                access.tokens.revoke_token(record.id, now, _SERVER.actor)

    def _write(self, text: str) -> None:
        """Put a whole file in the place of the old one, for its owner only from its first byte."""
        new = self.path.with_name(f"{TOKEN_FILE}.new")
        with told_in_words(self.path, "write"):
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text + "\n")
            new.replace(self.path)


def _name_of(user: str) -> str:
    """The user's name as tokens may have it; another for one that histories have for others."""
    name = re.sub(r"[^A-Za-z0-9._@-]", "-", user).lstrip("._@-")[:64]
    try:
        check_wish(TokenWish(name=name, role=Role.ADMIN), _SERVER)
    except InvalidInputError:
        return "owner"
    return name
