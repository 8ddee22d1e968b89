"""Claims as files of one machine, as `batch-job` leaves them: one JSON object an attempt.

Jobs write what they like there, so nothing is waited for and nothing is read to an end it has not.
"""

import json
import os
import stat
from collections.abc import Iterable, Mapping
from errno import EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENXIO, EPERM
from pathlib import Path
from urllib.parse import quote

from chalicelib.core.claims import AttemptKey, Claim, parse_claim
from chalicelib.errors import BackendError
from chalicelib.local.host_protocol import CLAIMS_DIRECTORY

_LARGEST = 1024 * 1024  # bytes; what may be told fits in a third
_NONE = frozenset({ENOENT, ENOTDIR, ENAMETOOLONG})
_STRANGE = frozenset({EACCES, EPERM, ELOOP, ENXIO})  # what no claim of `batch-job` is
# A pipe in a claim's place would be waited for, a link would lead anywhere.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryClaims:
    """claim_ports.Claims."""

    def __init__(self, state_dir: Path) -> None:
        self._root = str(state_dir / CLAIMS_DIRECTORY)

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        """The claims that there are. Where nothing is ever told, that costs one look at a name."""
        if not os.path.lexists(self._root):
            return {}
        found = {}
        for key in attempts:
            claim = self._read(key)
            if claim is not None:
                found[key] = claim
        return found

    def _read(self, key: AttemptKey) -> Claim | None:
        path = f"{self._root}/{key.run_id}/{quote(key.job, safe='')}.{key.attempt}.json"
        try:
            return _claim_of(_content(path))
        except OSError as error:
            if error.errno in _NONE:
                return None
            told = f"it is no claim: {error.strerror}"
            if error.errno in _STRANGE:
                return Claim(amiss=told)
            reason = f"{path}: {error.strerror or error}"
            raise BackendError("claims", "read", reason, retryable=True) from error


def _content(path: str) -> bytes | None:
    """What the file has; None for what is none, or has too much."""
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = os.read(descriptor, _LARGEST + 1)
    finally:
        os.close(descriptor)
    return content if len(content) <= _LARGEST else None


def _claim_of(content: bytes | None) -> Claim:
    if content is None:
        return parse_claim(None)
    try:
        return parse_claim(json.loads(content))
    except (ValueError, RecursionError):
        return parse_claim(None)
