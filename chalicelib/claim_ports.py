"""What reading claims asks of the world, as Protocols; see chalicelib.ports."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from chalicelib.core.claims import AttemptKey, Claim


class Claims(Protocol):
    """Where `batch-job` keeps what attempts of jobs tell. It is never written here."""

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        """The claims that there are, as they are now; what a job put there breaks nothing.

        Those of an array job's children are not read. Raises BackendError when nobody can say.
        """


class NoClaims:
    """Claims where none are kept."""

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        """There are none."""
        del attempts
        return {}
