"""The reading ports, by routes of a server."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from chalicelib.core.claims import AttemptKey, Claim
from chalicelib.core.fields import SCHEDULE_ID
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import Event, RunHeader
from chalicelib.ports import JobRecord, StoredSchedule
from chalicelib.remote.decoding import claim_of, event_of, header_of, record_of, schedule_of
from chalicelib.remote.wire import Query, Wire
from chalicelib.store_words import no_run, no_schedule

T = TypeVar("T")

_PAGE = 1000  # the most that a page has
_WHOLE_PAGE = 200  # jobs, each of which may bring 30 KB of a request: a function answers with 6 MB
_LONGEST = 256  # characters of a name that a query may have
_NAMES = 4000  # characters of names in one query: heads of requests are limited
_ALL = 2**31 - 1


def run_path(run_id: str) -> str:
    """The address of a run. Raises NotFoundError for what can be no id."""
    schedule_id, slash, start = run_id.partition("/")
    if not (schedule_id and slash and start) or "/" in start or not run_id.isprintable():
        raise no_run(run_id)
    return f"/runs/{quote(schedule_id, safe='')}/{quote(start, safe=':')}"


def schedule_path(schedule_id: str, version: int | None = None) -> str:
    """The address of a schedule. Raises NotFoundError for what can be no id."""
    if not re.fullmatch(SCHEDULE_ID, schedule_id):
        raise no_schedule(schedule_id, version)
    return f"/schedules/{quote(schedule_id, safe='')}"


class RemoteRuns:
    """reading_ports.RunReader."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get_header(self, run_id: str) -> RunHeader:
        found = self._wire.get(run_path(run_id)).read(_header_if_made)
        if found is None:
            raise no_run(run_id)
        return found

    def find_headers(
        self,
        *,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        prefix: str = "",
        limit: int = 50,
    ) -> list[RunHeader]:
        if max(len(schedule_id or ""), len(prefix)) > _LONGEST:
            return []  # no id is so long
        query = [("scheduleId", schedule_id), ("status", status), ("prefix", prefix)]
        given = [(name, str(value)) for name, value in query if value]
        return pages(self._wire, "/runs", given, Wanted("runs", limit, header_of))

    def find_jobs(
        self,
        run_id: str,
        *,
        statuses: Iterable[JobStatus] | None = None,
        limit: int | None = None,
    ) -> list[JobRecord]:
        wanted = None if statuses is None else list(statuses)
        if wanted == []:
            return []
        query = [("status", status.value) for status in wanted or ()]
        return self._jobs(run_id, query, _ALL if limit is None else limit)

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        wanted = set(names)
        found = [
            record
            for part in _parts(sorted(name for name in wanted if len(name) <= _LONGEST))
            for record in self._jobs(run_id, [("job", name) for name in part], _ALL)
        ]
        # A name may look like a pattern, and then the server finds more.
        kept = {record.position: record for record in found if record.spec.name in wanted}
        return [kept[position] for position in sorted(kept)]

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        which = [] if job is None else [("job", job)] if job else [("own", "true")]
        found: list[Event] = []
        while True:
            query = [*which, ("after", str(after)), ("limit", str(_PAGE))]
            reply = self._wire.get(f"{run_path(run_id)}/events", query)
            some, more = reply.read(_events_of)
            found += some
            if not more or not some:
                return found
            after = some[-1].sequence

    def _jobs(self, run_id: str, query: Query, limit: int) -> list[JobRecord]:
        path, whole = f"{run_path(run_id)}/jobs", [*query, ("whole", "true")]
        return pages(self._wire, path, whole, Wanted("jobs", limit, record_of, _WHOLE_PAGE))


class RemoteClaims:
    """claim_ports.Claims, as far as a server tells of them: of the attempts that run now."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        by_run: dict[str, dict[tuple[str, int], AttemptKey]] = {}
        for key in attempts:
            by_run.setdefault(key.run_id, {})[key.job, key.attempt] = key
        found = {}
        for run_id, keys in by_run.items():
            for name, attempt, claim in self._claims(run_id, {job for job, _ in keys}):
                if (name, attempt) in keys:
                    found[keys[name, attempt]] = claim
        return found

    def _claims(self, run_id: str, names: Iterable[str]) -> Iterator[tuple[str, int, Claim]]:
        path, wanted = f"{run_path(run_id)}/jobs", Wanted("jobs", _ALL, _claim_of)
        for part in _parts(sorted(names)):
            yield from pages(self._wire, path, [("job", name) for name in part], wanted)


class RemoteSchedules:
    """reading_ports.ScheduleReader."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get_schedule(self, schedule_id: str, version: int | None = None) -> StoredSchedule:
        path = schedule_path(schedule_id, version)
        if version is not None and version < 1:
            raise no_schedule(schedule_id, version)
        query = [] if version is None else [("version", str(version))]
        return self._wire.get(path, query).read(schedule_of)

    def list_schedules(self) -> list[StoredSchedule]:
        return pages(self._wire, "/schedules", [], Wanted("schedules", _ALL, schedule_of))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list: its key on each page, how many of it at most, and what an item is."""

    key: str
    limit: int
    decode: Callable[[Any], Any]
    page: int = _PAGE


def pages(wire: Wire, path: str, query: Query, wanted: Wanted) -> list[Any]:
    """The first items of a list that comes by pages."""
    found: list[Any] = []
    cursor = ""
    while len(found) < wanted.limit:
        size = min(wanted.page, wanted.limit - len(found))
        behind = [("cursor", cursor)] if cursor else []
        reply = wire.get(path, [*query, ("limit", str(size)), *behind])
        some, following = reply.read(
            lambda shape: (
                [wanted.decode(each) for each in shape[wanted.key]],
                shape["nextCursor"],
            )
        )
        found += some
        if not following:
            break
        cursor = str(following)
    return found[: wanted.limit]


def _claim_of(shape: Any) -> tuple[str, int, Claim]:
    return str(shape["jobName"]), int(shape["attempt"]), claim_of(shape)


def _parts(names: Sequence[str]) -> Iterator[list[str]]:
    """The names in parts that each fit into one query."""
    part: list[str] = []
    length = 0
    for name in names:
        size = len(quote(name)) + len("&job=")
        if part and length + size > _NAMES:
            yield part
            part, length = [], 0
        part.append(name)
        length += size
    if part:
        yield part


def _header_if_made(shape: Any) -> RunHeader | None:
    """None for a start that waits: it is no run yet."""
    return None if "waits" in shape else header_of(shape)


def _events_of(shape: Any) -> tuple[list[Event], bool]:
    return [event_of(each) for each in shape["events"]], bool(shape["more"])
