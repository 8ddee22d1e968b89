"""The world of a command that is run in this process."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime

from fetch_and_run.claims import Claims
from fetch_and_run.identity import Identity
from fetch_and_run.world import World

NOW = datetime(2026, 11, 30, 5, tzinfo=UTC)


def world_of(
    environment: Mapping[str, str], who: Identity | None = None, claims: Claims | None = None
) -> World:
    """One where no time passes, and what is printed is kept."""
    return World(
        now=lambda: NOW,
        sleep=lambda _: None,
        chance=lambda: 0.5,
        environment=environment,
        who=who,
        claims=claims,
        out=io.StringIO(),
        err=io.StringIO(),
    )


def printed(stream: object) -> str:
    """What a stream of such a world got."""
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()
