"""What the claim of an attempt tells of its remote work, and how it gets there.

`remote` is empty, then has STARTING while a start is being made, then what the kind finds its work
again by. Who finds STARTING does not know whether the work began.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from fetch_and_run.claim_form import MAX_VALUE
from fetch_and_run.claims import Claims
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import Identity
from fetch_and_run.pausing import Pauses
from fetch_and_run.telling import claim
from fetch_and_run.work import AgainError, Remote
from fetch_and_run.world import World

STARTING = "startAskedAt"  # a member of `remote`: when a start was asked for last, ISO 8601
WORK = "work"  # a member of `remote`: the digest of what was asked, for it is adopted only as that
STEP = "step"  # a member of `remote`: which of several works it is of, from 0; absent for the first

_DELAYS = (5, 15, 60, 120)  # s between tries to tell outputs: work is done that nobody may lose


class RemoteRecord:
    """The claim, as one process that follows remote work keeps it. Without a scheduler: nothing."""

    def __init__(self, world: World, pauses: Pauses) -> None:
        self._world = world
        self._pauses = pauses
        self._untold: Remote | None = None
        self.began = world.now()  # when the attempt was claimed first

    def take(self) -> Remote:
        """Claim the attempt; its `remote`. Raises JobError (LOST_CLAIM, NO_CLAIMS)."""
        claimed = claim(self._world)
        if claimed is None:
            return {}
        self.began = claimed.claimed_at
        return dict(claimed.remote)

    def tell_first(self, remote: Remote) -> None:
        """Replace `remote` before anything depends on it. Raises JobError as `take` does."""
        self._untold = None
        self._tell(lambda claims, who: claims.tell_remote(who, remote))

    def tell(self, remote: Remote) -> None:
        """Replace `remote` of what has begun, now or when `catch_up` can.

        After a signal that is later: to cancel comes first, and claims may be out of reach.
        """
        self._untold = remote
        if self._pauses.signal is None:
            self.catch_up()

    def catch_up(self) -> None:
        """Tell what `tell` could not."""
        remote = self._untold
        if remote is None:
            return
        if self._is_told(lambda claims, who: claims.tell_remote(who, remote)):
            self._untold = None

    def tell_link(self, link: str) -> None:
        """Add the link to the logs, or leave it: the log has it, too."""
        if 0 < len(link) <= MAX_VALUE and self._pauses.signal is None:
            self._is_told(lambda claims, who: claims.tell_links(who, {"logs": link}))

    def tell_outputs(self, outputs: Mapping[str, str]) -> None:
        """Add outputs. Raises JobError (FAILED) when they can't be: downstream jobs need them."""
        if not outputs:
            return None
        for delay in (*_DELAYS, None):
            try:
                return self._tell(lambda claims, who: claims.tell_outputs(who, outputs))
            except JobError as error:
                in_vain = error.code is not Exit.NO_CLAIMS or self._pauses.signal
                if delay is None or in_vain:
                    reason = f"the work has succeeded, but its outputs are not told: {error.reason}"
                    raise JobError(Exit.FAILED, reason) from error
            self._pauses.pause(delay)
        return None

    def _tell(self, act: Callable[[Claims, Identity], None]) -> None:
        if self._world.claims is not None and self._world.who is not None:
            act(self._world.claims, self._world.who)

    def _is_told(self, act: Callable[[Claims, Identity], None]) -> bool:
        try:
            self._tell(act)
        except JobError as error:
            print(f"batch-job: not on record: {error.reason}", file=self._world.err, flush=True)
            return False
        return True


def claimed_at(world: World, otherwise: datetime) -> datetime:
    """When the attempt was claimed: none of its works is older. Raises AgainError."""
    if world.claims is None or world.who is None:
        return otherwise
    try:
        return world.claims.take(world.who, world.now()).claimed_at
    except JobError as error:
        raise AgainError(error.reason) from error
