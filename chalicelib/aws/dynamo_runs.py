"""Runs, their jobs and their events, in DynamoDB (docs/decisions/0010).

A header is one item of the History table; each job is one item of the Jobs table, with its state
and its own events. The frozen specs are one document in S3. The header's board says where those
jobs stand that need not be read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from chalicelib.aws.clients import Clients
from chalicelib.aws.documents import Documents
from chalicelib.aws.dynamo_calls import DynamoCalls
from chalicelib.aws.dynamo_creation import Creation, NewRun
from chalicelib.aws.dynamo_finding import Finding
from chalicelib.aws.dynamo_headers import Headers, StoredHeader
from chalicelib.aws.dynamo_orders import Orders
from chalicelib.aws.dynamo_reading import Reading
from chalicelib.aws.dynamo_recording import Recording
from chalicelib.aws.dynamo_sealing import Sealing
from chalicelib.aws.names import Tables
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import Change, Event, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import NotFoundError
from chalicelib.ports import Clock, JobRecord, RunChange, RunKey


class DynamoRuns:
    """ports.RunStore and Retention on DynamoDB and S3; one is used by one thread at a time."""

    def __init__(
        self, clients: Clients, tables: Tables, documents: Documents, clock: Clock
    ) -> None:
        calls = DynamoCalls(clients)
        headers = Headers(calls, tables, clock)
        self._finding = Finding(calls, tables, headers)
        self._orders = Orders(calls, headers, documents, clock)
        self._creation = Creation(calls, tables, documents)
        self._headers = headers
        self._sealing = Sealing(calls, headers)
        self._reading = Reading(calls, tables, documents)
        self._recording = Recording(
            calls, tables, self._reading, self._orders, self._creation, self._sealing
        )

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        """Store a new run with all its jobs and the event of its start, whole or not at all.

        Raises ConflictError if the run exists.
        """
        self._creation.create(NewRun(header, specs, states))

    def get_header(self, run_id: str) -> RunHeader:
        """Raises NotFoundError."""
        return self._orders.settled(run_id).header

    def find_headers(
        self,
        *,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        prefix: str = "",
        limit: int = 50,
        before: RunKey | None = None,
    ) -> list[RunHeader]:
        """Newest first; `prefix` is the beginning of a run id."""
        if limit <= 0:
            return []
        of_prefix, slash, _ = prefix.partition("/")
        if schedule_id is None and slash:
            schedule_id = of_prefix
        if schedule_id is not None:
            found = self._finding.of_schedule(schedule_id, status, prefix, before)
        else:
            statuses = tuple(RunStatus) if status is None else (status,)
            found = self._finding.of_all(statuses, prefix, limit, before)
        return list(islice(found, limit))

    def load_run(self, run_id: str) -> Run:
        """The whole run, with what people wrote into items. Raises NotFoundError."""
        return self._reading.load_run(self._kept(run_id))

    def load_for_turn(self, run_id: str) -> Run:
        """The run, but of final jobs the status only. Raises NotFoundError."""
        return self._reading.load_for_turn(self._kept(run_id))

    def find_jobs(
        self,
        run_id: str,
        *,
        statuses: Iterable[JobStatus] | None = None,
        limit: int | None = None,
        after: int = -1,
    ) -> list[JobRecord]:
        """Jobs of a run in the document's order, of the given statuses only unless None.

        Only those behind the position `after`.
        """
        stored = self._details(run_id)
        return self._reading.find_jobs(stored, statuses, limit, after) if stored else []

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        """The named jobs that exist, in the document's order."""
        stored = self._details(run_id)
        return self._reading.get_jobs(stored, names) if stored else []

    def record(
        self,
        before: RunHeader,
        changes: Sequence[Change],
        *,
        after: RunHeader | None = None,
        run_changes: Sequence[RunChange] = (),
    ) -> None:
        """Write changes of jobs, their events, the header and the run's own events.

        With `after` all at once, else in transactions of 99 jobs, in order. Raises ConflictError
        unless the stored header has the revision of `before` and every job the version of its
        change's `before`.
        """
        self._recording.record(before, changes, after, run_changes)

    def close_turn(self, run: Run) -> None:
        """Bring board and counts of the header up to what `run` says. Raises ConflictError."""
        self._recording.close_turn(run)

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        """Events with a sequence above `after`, oldest first, of one job unless None."""
        stored = self._details(run_id)
        return self._reading.events(run_id, job, after) if stored else []

    def unsealed(self, before: datetime) -> Iterator[RunHeader]:
        """Runs that ended before that time and are not sealed, the earliest end first."""
        return self._finding.unsealed(before)

    def seal(self, header: RunHeader, archive: str, expires_at: datetime | None) -> None:
        """Write where the ended run is archived, and let its details expire then; never for None.

        Cut off it may be done again; what is sealed already stays as it is. Raises ConflictError
        if the run has moved since `header` was read, or has not ended.
        """
        self._sealing.seal(header, archive, expires_at)

    def _details(self, run_id: str) -> StoredHeader | None:
        """None for a run that there is not."""
        try:
            stored = self._orders.settled(run_id)
        except NotFoundError:
            return None
        self._headers.check_kept(stored.header)
        return stored

    def _kept(self, run_id: str) -> StoredHeader:
        stored = self._orders.settled(run_id)
        self._headers.check_kept(stored.header)
        return stored
