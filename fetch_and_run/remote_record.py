"""What the claim of an attempt tells of its remote work, and how it gets there.

`remote` is empty, then has STARTING while a start is being made, then what the kind finds its work
again by. Who finds STARTING does not know whether the work began.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from fetch_and_run.claims import Claims
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import Identity
from fetch_and_run.pausing import Pauses
from fetch_and_run.work import Remote
from fetch_and_run.world import World

STARTING = "startAskedAt"  # a member of `remote`: when a start was asked for last, ISO 8601
STEP = "step"  # a member of `remote`: which of several works it is of, from 0; absent for the first

_DELAYS = (1.0, 2.0, 4.0, 8.0)  # s between tries of what must be on record before anything begins

T = TypeVar("T")


class RemoteRecord:
    """The claim, as one process that follows remote work keeps it. Without a scheduler: nothing."""

    def __init__(self, world: World, pauses: Pauses) -> None:
        self._world = world
        self._pauses = pauses
        self._untold: Remote | None = None
        self.began = world.now()  # when the attempt was claimed first

    def take(self) -> Remote:
        """Claim the attempt; its `remote`. Raises JobError (LOST_CLAIM, NO_CLAIMS)."""
        claimed = self._surely(lambda claims, who: claims.take(who, self._world.now()))
        if claimed is None:
            print(
                "batch-job: no scheduler has started this: nothing of it is on record",
                file=self._world.err,
                flush=True,
            )
            return {}
        self.began = claimed.claimed_at
        return dict(claimed.remote)

    def tell_first(self, remote: Remote) -> None:
        """Replace `remote` before anything depends on it. Raises JobError as `take` does."""
        self._surely(lambda claims, who: claims.tell_remote(who, remote))
        self._untold = None

    def tell(self, remote: Remote) -> None:
        """Replace `remote`, now or when `catch_up` can: what has begun goes on in any case."""
        self._untold = remote
        self.catch_up()

    def catch_up(self) -> None:
        """Try again what `tell` could not do."""
        remote = self._untold
        if remote is not None and self._perhaps(
            lambda claims, who: claims.tell_remote(who, remote)
        ):
            self._untold = None

    def tell_link(self, link: str) -> None:
        """Add the link to the logs, or leave it: it is said in the log, too."""
        if link:
            self._perhaps(lambda claims, who: claims.tell_links(who, {"logs": link}))

    def tell_outputs(self, outputs: Mapping[str, str]) -> None:
        """Add outputs. Raises JobError (FAILED) when they can't be: downstream jobs need them."""
        if not outputs:
            return
        try:
            self._surely(lambda claims, who: claims.tell_outputs(who, outputs))
        except JobError as error:
            reason = f"it has succeeded, and its outputs could not be told: {error.reason}"
            raise JobError(Exit.FAILED, reason) from error

    def _surely(self, act: Callable[[Claims, Identity], T]) -> T | None:
        claims, who = self._world.claims, self._world.who
        if claims is None or who is None:
            return None
        for delay in _DELAYS:
            try:
                return act(claims, who)
            except JobError as error:
                if error.code is not Exit.NO_CLAIMS or self._pauses.signal:
                    raise
            self._pauses.pause(delay)
        return act(claims, who)

    def _perhaps(self, act: Callable[[Claims, Identity], None]) -> bool:
        claims, who = self._world.claims, self._world.who
        if claims is None or who is None:
            return True
        try:
            act(claims, who)
        except JobError as error:
            print(f"batch-job: {error.reason}", file=self._world.err, flush=True)
            return False
        return True
