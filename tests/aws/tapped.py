"""Clients whose every call can be followed by a crash, or preceded by somebody else's act."""

from collections.abc import Callable
from typing import Any

from botocore.config import Config

from chalicelib.aws.clients import ClientFactory
from tests.simulation.faults import Tap


class TappedFactory:
    """Makes clients whose calls go through the tap, as `service.operation`."""

    def __init__(self, factory: ClientFactory, tap: Tap) -> None:
        self._factory = factory
        self._tap = tap

    def client(self, service_name: str, *, config: Config) -> Any:
        return _TappedClient(self._factory.client(service_name, config=config), self._tap)


class _TappedClient:
    def __init__(self, client: Any, tap: Tap) -> None:
        self._client = client
        self._tap = tap

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client, name)
        if name == "get_paginator":
            return member

        def call(**request: Any) -> Any:
            return self._tap.call(name, lambda: member(**request))

        return call


def calls_of(tap: Tap, act: Callable[[], object]) -> range:
    """The indexes of the calls that `act` makes."""
    first = len(tap.calls)
    act()
    return range(first, len(tap.calls))
