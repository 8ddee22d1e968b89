"""The clients of AWS's services: each made at first use, with time-outs, and retries where safe."""

from typing import Any, Protocol

import boto3
from botocore.config import Config

from chalicelib.aws.translation import translated

_CONNECT_TIMEOUT = 5  # s
_READ_TIMEOUT = 20  # s; less than the least time-out of our Lambda functions
_TRIES = 3  # of one call, the first included; whoever called tries again later

_RETRIED = Config(
    connect_timeout=_CONNECT_TIMEOUT,
    read_timeout=_READ_TIMEOUT,
    retries={"mode": "standard", "total_max_attempts": _TRIES},
)
# SubmitJob has no client token (API_SubmitJob): a second send may be a second job.
_NEVER_RETRIED = Config(
    connect_timeout=_CONNECT_TIMEOUT,
    read_timeout=_READ_TIMEOUT,
    retries={"mode": "standard", "total_max_attempts": 1},
)


class ClientFactory(Protocol):
    """What makes botocore's clients: a boto3 session, or the strict fake of the tests."""

    def client(self, service_name: str, *, config: Config) -> Any:
        """A client of the service."""


def session_of(region: str, profile: str) -> ClientFactory:
    """A session of boto3; what is empty is left to its ordinary chain. Raises BackendError."""
    with translated("AWS", "profile"):
        session: ClientFactory = boto3.Session(
            region_name=region or None, profile_name=profile or None
        )
    return session


class Clients:
    """One client a service, for all adapters of a process."""

    def __init__(self, factory: ClientFactory) -> None:
        self._factory = factory
        self._made: dict[tuple[str, Config], Any] = {}

    def __getitem__(self, service: str) -> Any:
        """The client of a service in botocore's spelling: `dynamodb`, `stepfunctions`, `s3`."""
        return self._client(service, _RETRIED)

    @property
    def submitting(self) -> Any:
        """Batch's client that sends every request once: for SubmitJob, and nothing else."""
        return self._client("batch", _NEVER_RETRIED)

    def _client(self, service: str, config: Config) -> Any:
        key = (service, config)
        if key not in self._made:
            self._made[key] = self._factory.client(service, config=config)
        return self._made[key]
