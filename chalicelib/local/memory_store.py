"""The store in memory: the same contract as SQLite's, for tests and simulations."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.records import decode_spec, encode_spec, event_of, is_event
from chalicelib.core.run import Change, Event, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.ports import Clock, Deletion, JobRecord, RunChange, RunKey, StoredSchedule
from chalicelib.store_words import (
    check_kept,
    counts_after,
    counts_of,
    event_of_run,
    fence_passed,
    job_moved,
    no_run,
    no_schedule,
    run_exists,
    run_goes_on,
    run_moved,
    schedule_moved,
    start_of,
    storable,
    untold_after,
    version_exists,
    without_seal,
)


@dataclass(slots=True)
class _StoredRun:
    header: RunHeader
    specs: dict[str, str]  # JSON, as other stores have it: nothing of a text is ever shared
    states: dict[str, JobState]
    events: list[Event] = field(default_factory=list)
    is_untold: bool = False


@dataclass(slots=True)
class _Contents:
    """What all views of one store share."""

    schedules: dict[str, dict[int, StoredSchedule]] = field(default_factory=dict)
    # By schedule, with the version that was the newest.
    deleted: dict[str, tuple[int, Deletion]] = field(default_factory=dict)
    runs: dict[str, _StoredRun] = field(default_factory=dict)
    epoch: int = 0
    writes: int = 0
    clock: Clock | None = None


class MemoryStore:
    """ports.ScheduleStore, RunStore, Retention and Untold; what goes in and out is never shared."""

    def __init__(
        self,
        contents: _Contents | None = None,
        fence: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`clock` says when details have expired; without one they never do."""
        self._contents = contents or _Contents(clock=clock)
        self._fence = fence
        self._own_writes = 0

    def fenced(self, epoch: int) -> "MemoryStore":
        """The same store for the holder of `epoch`: a write after a newer one began conflicts."""
        return MemoryStore(self._contents, epoch)

    def take_epoch(self, owner: str) -> int:
        """Begin a new epoch; `owner` is for people only, and here there are none."""
        del owner
        self._contents.epoch += 1
        self._count_write()
        return self._contents.epoch

    def data_version(self) -> int:
        """Another number than before when anyone but this view has written in between."""
        return self._contents.writes - self._own_writes

    def close(self) -> None:
        """Nothing to close: the contents live as long as anyone uses them."""

    def put_schedule(self, schedule: StoredSchedule) -> None:
        """Store a new version. Raises ConflictError if it exists."""
        self._check_fence("put schedule")
        versions = self._contents.schedules.setdefault(schedule.schedule_id, {})
        if schedule.version in versions:
            raise version_exists(schedule)
        versions[schedule.version] = schedule
        self._count_write()

    def get_schedule(self, schedule_id: str, version: int | None = None) -> StoredSchedule:
        """One version, the newest for None. Raises NotFoundError."""
        versions = self._contents.schedules.get(schedule_id, {})
        wanted = self._newest(schedule_id) if version is None else version
        if wanted not in versions:
            raise no_schedule(schedule_id, version)
        return versions[wanted]

    def list_schedules(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[StoredSchedule]:
        """The newest version of each schedule, ordered by id, `document` left empty."""
        newest = ((name, self._newest(name)) for name in sorted(self._contents.schedules))
        found = [
            replace(self._contents.schedules[name][version], document="")
            for name, version in newest
            if version is not None and name.startswith(prefix) and name > after
        ]
        return found[:limit]

    def list_versions(
        self, schedule_id: str, *, before: int | None = None, limit: int | None = None
    ) -> list[StoredSchedule]:
        """Every version there ever was, the newest first, `document` left empty."""
        versions = sorted(self._contents.schedules.get(schedule_id, {}).items(), reverse=True)
        found = [
            replace(schedule, document="")
            for version, schedule in versions
            if before is None or version < before
        ]
        return found[:limit]

    def delete_schedule(self, schedule: StoredSchedule, deletion: Deletion) -> None:
        """Take a schedule out of use. Raises ConflictError unless that version is the newest."""
        self._check_fence("delete schedule")
        if self._newest(schedule.schedule_id) != schedule.version:
            raise schedule_moved(schedule)
        self._contents.deleted[schedule.schedule_id] = (schedule.version, deletion)
        self._count_write()

    def get_deletion(self, schedule_id: str) -> Deletion | None:
        """None for a schedule that is in use, or never was."""
        if self._newest(schedule_id) is not None or schedule_id not in self._contents.deleted:
            return None
        return self._contents.deleted[schedule_id][1]

    def _newest(self, schedule_id: str) -> int | None:
        """The number of the version in use."""
        newest = max(self._contents.schedules.get(schedule_id, {}), default=None)
        deleted = self._contents.deleted.get(schedule_id)
        return None if deleted and newest == deleted[0] else newest

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        """Store a new run with all its jobs and the event of its start, whole or not at all.

        Raises ConflictError if the run exists.
        """
        self._check_fence("create run")
        if header.run_id in self._contents.runs:
            raise run_exists(header)
        self._contents.runs[header.run_id] = _StoredRun(
            header=_own(without_seal(header), counts_of(states.values())),
            specs={spec.name: json.dumps(encode_spec(spec)) for spec in specs},
            states={spec.name: _storable_state(states[spec.name]) for spec in specs},
            events=[event_of_run(start_of(header), 1)],
        )
        self._count_write()

    def get_header(self, run_id: str) -> RunHeader:
        """Raises NotFoundError."""
        header = self._stored(run_id).header
        return _own(header, header.counts)

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
        found = [
            run.header
            for run in self._contents.runs.values()
            if (schedule_id is None or run.header.schedule_id == schedule_id)
            and (status is None or run.header.status is status)
            and run.header.run_id.startswith(prefix)
            and (before is None or _key_of(run.header) < before)
        ]
        found.sort(key=_key_of, reverse=True)
        return [_own(header, header.counts) for header in found[:limit]]

    def load_run(self, run_id: str) -> Run:
        """The whole run. Raises NotFoundError."""
        stored = self._stored(run_id)
        self._check_kept(stored)
        specs = [_spec(record) for record in stored.specs.values()]
        return Run(self.get_header(run_id), specs, stored.states)

    def load_for_turn(self, run_id: str) -> Run:
        """The whole run here too: it costs little to read. Raises NotFoundError."""
        return self.load_run(run_id)

    def close_turn(self, run: Run) -> None:
        """Nothing is left to write: every record has moved the counts.

        Raises ConflictError unless the stored header has the revision of the run's.
        """
        self.record(run.header, [])

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
        wanted = frozenset(JobStatus if statuses is None else statuses)
        stored = self._details(run_id)
        states = stored.states.items() if stored else ()
        names = [
            name
            for position, (name, state) in enumerate(states)
            if state.status in wanted and position > after
        ]
        return self.get_jobs(run_id, names[:limit])

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        """The named jobs that exist, in the document's order."""
        wanted = frozenset(names)
        stored = self._details(run_id)
        if stored is None:
            return []
        return [
            JobRecord(spec=_spec(stored.specs[name]), state=state, position=position)
            for position, (name, state) in enumerate(stored.states.items())
            if name in wanted
        ]

    def record(
        self,
        before: RunHeader,
        changes: Sequence[Change],
        *,
        after: RunHeader | None = None,
        run_changes: Sequence[RunChange] = (),
    ) -> None:
        """Write changes of jobs, their events, the header and the run's own events at once.

        Raises ConflictError, and writes nothing, unless the stored header has the revision of
        `before` and every job the version of its change's `before`.
        """
        self._check_fence("record")
        stored = self._at(before)
        self._check_kept(stored)
        moved = _moved_states(stored, changes)
        counts = counts_after(stored.header.counts, changes)
        if after is not None:
            is_untold = untold_after(stored.header.status, after)
            stored.is_untold = stored.is_untold if is_untold is None else is_untold
        stored.header = _own(stored.header if after is None else without_seal(after), counts)
        stored.states.update(moved)
        for change in changes:
            if is_event(change):
                stored.events.append(_storable_event(event_of(change, len(stored.events) + 1)))
        for own in run_changes:
            stored.events.append(_storable_event(event_of_run(own, len(stored.events) + 1)))
        self._count_write()

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        """Events with a sequence above `after`, oldest first, of one job unless None."""
        stored = self._details(run_id)
        events = stored.events[max(after, 0) :] if stored else []
        return [event for event in events if job is None or event.job == job]

    def unsealed(self, before: datetime) -> Iterator[RunHeader]:
        """Runs that ended before that time and are not sealed, the earliest end first."""
        headers = [run.header for run in self._contents.runs.values()]
        for header in sorted(headers, key=_end_of):
            has_ended = header.status is not RunStatus.RUNNING and _end_of(header) < before
            if has_ended and not header.archive:
                yield _own(header, header.counts)

    def seal(self, header: RunHeader, archive: str, expires_at: datetime | None) -> None:
        """Write where the ended run is archived, and let its details expire then."""
        if self._stored(header.run_id).header.archive:
            return
        stored = self._at(header)
        if header.status is RunStatus.RUNNING:
            raise run_goes_on(header)
        sealed = replace(header, archive=archive, expires_at=expires_at)
        stored.header = _own(replace(sealed, revision=header.revision + 1), stored.header.counts)
        self._count_write()

    def untold(self, limit: int) -> list[RunHeader]:
        """Ended runs whose end was not told yet, and that somebody wants to be told of."""
        found = [run.header for run in self._contents.runs.values() if run.is_untold]
        return [_own(header, header.counts) for header in found[:limit]]

    def told(self, header: RunHeader) -> None:
        """The end of the run was put into the outbox; nothing if it has moved since."""
        self._check_fence("told")
        stored = self._stored(header.run_id)
        if stored.header.revision == header.revision:
            stored.is_untold = False
            self._count_write()

    def _at(self, header: RunHeader) -> _StoredRun:
        """The run, if it has not moved since the header was read."""
        stored = self._stored(header.run_id)
        if stored.header.revision != header.revision:
            raise run_moved(header, stored.header.revision, stored.header.status)
        return stored

    def _details(self, run_id: str) -> _StoredRun | None:
        """None for a run that there is not."""
        stored = self._contents.runs.get(run_id)
        if stored is not None:
            self._check_kept(stored)
        return stored

    def _check_kept(self, stored: _StoredRun) -> None:
        if self._contents.clock is not None:
            check_kept(stored.header, self._contents.clock())

    def _stored(self, run_id: str) -> _StoredRun:
        if run_id not in self._contents.runs:
            raise no_run(run_id)
        return self._contents.runs[run_id]

    def _check_fence(self, operation: str) -> None:
        if self._fence is not None and self._fence != self._contents.epoch:
            raise fence_passed(self._contents.epoch, self._fence, operation)

    def _count_write(self) -> None:
        self._own_writes += 1
        self._contents.writes += 1


def _own(header: RunHeader, counts: Mapping[str, int]) -> RunHeader:
    """A copy that shares nothing that can be changed."""
    return replace(header, parameters=dict(header.parameters), counts=dict(counts))


def _key_of(header: RunHeader) -> RunKey:
    return header.started_at, header.run_id


def _end_of(header: RunHeader) -> datetime:
    return header.ended_at or header.started_at


def _spec(text: str) -> JobSpec:
    return decode_spec(json.loads(text))


def _moved_states(stored: _StoredRun, changes: Sequence[Change]) -> dict[str, JobState]:
    moved: dict[str, JobState] = {}
    for change in changes:
        now = moved.get(change.job) or stored.states.get(change.job)
        if now is None or now.version != change.before.version:
            raise job_moved(stored.header.run_id)
        moved[change.job] = _storable_state(change.after)
    return moved


def _storable_state(state: JobState) -> JobState:
    reason = storable(state.reason)
    return state if reason is state.reason else replace(state, reason=reason)


def _storable_event(event: Event) -> Event:
    return replace(event, actor=storable(event.actor), reason=storable(event.reason))
