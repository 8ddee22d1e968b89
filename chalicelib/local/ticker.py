"""What starts runs on time on one machine: a companion of the engine that stays."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from chalicelib.local.files import LocalFiles
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import Ports
from chalicelib.services import listening, triggers
from chalicelib.services.posting import Poster
from chalicelib.services.ticking import tick

_LONGEST = timedelta(seconds=2)  # of one step: whoever ends us waits for its end
_AT_ONCE = 1  # of the ends that nobody has heard of: whether there are any


class Ticker:
    """local.standing.Companion: hears of ends and files, and ticks.

    With a connection of its own, for it works in a thread of its own; the engine's lease does not
    matter to it, for ticks may meet.
    """

    def __init__(
        self, ports: Ports, store: SqliteStore, files: LocalFiles, close: Callable[[], None]
    ) -> None:
        """`close` is called at the end, after the last step."""
        self._ports = ports
        self._store = store
        self._files = files
        self._poster = Poster(ports, store, lambda: None, partial(listening.run_ended, ports))
        self._close = close
        self._has_looked = False

    def step(self, now: datetime) -> None:
        """Do what is due. Raises SchedulerError for what the next step may do better."""
        if not self._has_looked:
            triggers.follow_all(self._ports)
            self._has_looked = True
        if self._store.untold(_AT_ONCE):
            self._poster.tell_ends()
        listening.files_arrived(self._ports, self._files)
        until = now + _LONGEST
        tick(self._ports, lambda: self._ports.clock() > until)

    def close(self) -> None:
        self._close()
