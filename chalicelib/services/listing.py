"""Lists page by page, of what somebody may see."""

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Generic, TypeVar

from chalicelib.core.access import Principal
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.core.selecting import is_glob, match
from chalicelib.ports import JobRecord, Ports, RunKey, StoredSchedule

_LOOKS = (
    20  # pages of a store looked through for one of ours: the rest of somebody else's comes next
)
_AT_LEAST = 100  # of a page of a store of which not everything is to be seen

_MOST_TOLD = 512 * 1024  # bytes of what the jobs of one page told: a function answers with 6 MB

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Page(Generic[T, K]):
    """A page, which may be short, and the key to go on behind; None when there is no more."""

    items: list[T]
    after: K | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are wanted."""

    schedule_id: str = ""
    status: RunStatus | None = None
    prefix: str = ""  # the beginning of their ids


def list_runs(
    ports: Ports, who: Principal, wanted: RunFilter, limit: int, before: RunKey | None
) -> Page[RunHeader, RunKey]:
    """The runs that somebody sees, the newest first."""
    if wanted.schedule_id and not who.sees(wanted.schedule_id):
        return Page([], None)
    own = "" if wanted.schedule_id else _prefix(who)
    prefix = own if own.startswith(wanted.prefix) else wanted.prefix

    def read(size: int, key: RunKey | None) -> Sequence[RunHeader]:
        return ports.runs.find_headers(
            schedule_id=wanted.schedule_id or None,
            status=wanted.status,
            prefix=prefix,
            limit=size,
            before=key,
        )

    return _page(
        read,
        lambda header: who.sees(header.schedule_id),
        lambda header: (header.started_at, header.run_id),
        (limit, before),
    )


def list_schedules(
    ports: Ports, who: Principal, prefix: str, limit: int, after: str
) -> Page[StoredSchedule, str]:
    """The schedules that somebody sees, in the order of their ids."""
    own = _prefix(who)
    prefix = own if own.startswith(prefix) else prefix

    def read(size: int, key: str | None) -> Sequence[StoredSchedule]:
        return ports.schedules.list_schedules(prefix=prefix, after=key or "", limit=size)

    return _page(
        read,
        lambda schedule: who.sees(schedule.schedule_id),
        lambda schedule: schedule.schedule_id,
        (limit, after or None),
    )


def list_jobs(
    ports: Ports, run_id: str, which: tuple[Sequence[str], Sequence[JobStatus]], limit: int,
    after: int | None,
) -> Page[JobRecord, int]:  # fmt: skip
    """The jobs of a run that match any of the patterns and have one of the statuses.

    In the document's order; no patterns mean every job, no statuses any status.
    """
    patterns, statuses = which
    behind = -1 if after is None else after
    if patterns and not any(map(is_glob, patterns)):
        found = ports.runs.get_jobs(run_id, patterns)
        kept = [
            record
            for record in found
            if record.position > behind and (not statuses or record.state.status in statuses)
        ]
        return _cut(kept, limit)
    # A pattern is looked for in all of them.
    most = None if patterns else limit + 1
    found = ports.runs.find_jobs(run_id, statuses=statuses or None, limit=most, after=behind)
    if patterns:
        names = {record.spec.name for record in found}
        # A name may look like a glob: then it names itself too.
        meant = names.intersection(patterns).union(*(match(each, names) for each in patterns))
        found = [record for record in found if record.spec.name in meant]
    return _cut(found, limit)


def _cut(records: list[JobRecord], limit: int) -> Page[JobRecord, int]:
    page = records[:limit]
    told = list(accumulate(record.state.told.size if record.state.told else 0 for record in page))
    if told and told[-1] > _MOST_TOLD:
        page = page[: max(1, bisect(told, _MOST_TOLD))]
    return Page(page, page[-1].position if len(records) > len(page) else None)


def _prefix(who: Principal) -> str:
    """What all ids that somebody sees begin with, as far as a store can go by it."""
    return who.scopes[0] if len(who.scopes) == 1 else ""


def _page(
    read: Callable[[int, K | None], Sequence[T]],
    sees: Callable[[T], bool],
    key_of: Callable[[T], K],
    where: tuple[int, K | None],
) -> Page[T, K]:
    limit, key = where
    seen: list[T] = []
    for look in range(_LOOKS):
        size = limit + 1 if look == 0 else max(limit + 1, _AT_LEAST)
        some = read(size, key)
        seen += islice(filter(sees, some), limit + 1 - len(seen))
        if len(seen) > limit:
            return Page(seen[:limit], key_of(seen[limit - 1]))
        if len(some) < size:
            return Page(seen, None)
        key = key_of(some[-1])
    return Page(seen, key)
