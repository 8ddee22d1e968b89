"""Reading runs from DynamoDB: whole, as a turn needs them, or just some jobs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chalicelib.aws.board import Board
from chalicelib.aws.documents import Documents
from chalicelib.aws.dynamo_calls import DynamoCalls, Question
from chalicelib.aws.dynamo_headers import StoredHeader
from chalicelib.aws.dynamo_items import (
    FIRST_JOB,
    RUN_ITEM,
    events_of,
    from_json,
    page_names,
    state_of,
)
from chalicelib.aws.dynamo_memory import Memory, Remembered, board_of
from chalicelib.aws.dynamo_moves import READ
from chalicelib.aws.names import Tables
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.core.records import Record, decode_spec
from chalicelib.core.run import Event, JobState, Run, initial_state
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import BackendError
from chalicelib.ports import JobRecord

_OPEN = "open"  # the index of jobs that something has happened to and that are not final
_MANY = 300  # jobs from which on all of a run are read rather than each by its name
_HISTORY = ("run", "jobName", "events", "last", "pages")


class Reading:
    """What is read is remembered, so that what follows from it can be written without a look."""

    def __init__(self, calls: DynamoCalls, tables: Tables, documents: Documents) -> None:
        self._calls = calls
        self._jobs = tables.jobs
        self._documents = documents
        self.memory = Memory()

    def load_run(self, stored: StoredHeader) -> Run:
        """Every job's item is read, and believed, whoever wrote it."""
        if stored.old is not None:
            return Run(*stored.old)
        specs, items = self.specs(stored.specs_key), self._all(stored.header.run_id)
        states = {spec.name: _state(stored, spec, items.get(spec.name)) for spec in specs}
        last = max((item.get("last", 0) for item in items.values()), default=0)
        self._remember(stored, specs, board_of(specs, states), last)
        return Run(stored.header, specs, states)

    def load_for_turn(self, stored: StoredHeader) -> Run:
        """Only the items of jobs are read that the board can't tell of."""
        if stored.old is not None:
            return Run(*stored.old)
        specs = self.specs(stored.specs_key)
        items = self._moving(stored, specs)
        states = {
            spec.name: _state_on_board(stored, spec, position, items.get(spec.name))
            for position, spec in enumerate(specs)
        }
        last = max((item.get("last", 0) for item in items.values()), default=0)
        self._remember(stored, specs, board_of(specs, states), last)
        return Run(stored.header, specs, states)

    def find_jobs(
        self,
        stored: StoredHeader,
        statuses: Iterable[JobStatus] | None,
        limit: int | None,
        after: int,
    ) -> list[JobRecord]:
        """Jobs by what board and index say of them; then each is read."""
        if stored.old is not None:
            chosen = _chosen(stored.old[1], stored.old[2], statuses)
            return [record for record in chosen if record.position > after][:limit]
        if statuses is None:
            specs = self.specs(stored.specs_key)[after + 1 :]
            return self.get_jobs(stored, [spec.name for spec in specs][:limit])
        wanted = frozenset(statuses)
        states = list(self.load_for_turn(stored).states.items())[after + 1 :]
        names = [name for name, state in states if state.status in wanted]
        found = self.get_jobs(stored, names[:limit])
        return [record for record in found if record.state.status in wanted]

    def get_jobs(self, stored: StoredHeader, names: Iterable[str]) -> list[JobRecord]:
        wanted = frozenset(names)
        if stored.old is not None:
            _, specs, states = stored.old
            return [each for each in _chosen(specs, states, None) if each.spec.name in wanted]
        run_id = stored.header.run_id
        specs = self.specs(stored.specs_key)
        items = self._all(run_id) if len(wanted) > _MANY else self._named(run_id, wanted)
        return [
            JobRecord(spec=spec, state=state_of(items[spec.name]), position=position)
            for position, spec in enumerate(specs)
            if spec.name in wanted and spec.name in items
        ]

    def events(self, run_id: str, job: str | None, after: int) -> list[Event]:
        items = self._history(run_id, after) if job is None else self._history_of(run_id, job)
        # A page may be turned while we read: then an event is in two places.
        found = {event: None for item in items for event in events_of(item)}
        later = (event for event in found if event.sequence > after)
        return sorted(later, key=lambda event: (event.sequence, event.job))

    def specs(self, key: str) -> list[JobSpec]:
        text = self.memory.specs(key)
        if text is None:
            text = self._documents.get(key)
            self.memory.keep_specs(key, text)
        return [decode_spec(record) for record in from_json(text)]

    def remember(self, stored: StoredHeader) -> Remembered:
        """Remember a run that only its header was read of."""
        return self._remember(stored, self.specs(stored.specs_key), stored.board.copy(), 0)

    def _remember(
        self, stored: StoredHeader, specs: Sequence[JobSpec], board: Board, last: int
    ) -> Remembered:
        known = self.memory.newest(stored.header.run_id)
        remembered = Remembered(
            revision=stored.header.revision,
            specs_key=stored.specs_key,
            sequence=max(stored.sequence, last, known.sequence if known else 0),
            board=board,
            flushed=stored.board,
            positions={spec.name: position for position, spec in enumerate(specs)},
            firsts=[initial_state(spec).status for spec in specs],
            sealed=stored.sealed,
        )
        return self.memory.keep(stored.header.run_id, remembered)

    def _moving(self, stored: StoredHeader, specs: Sequence[JobSpec]) -> dict[str, Record]:
        """The items of the jobs that are neither final nor untouched, by name."""
        run_id = stored.header.run_id
        question = Question(
            table=self._jobs, index=_OPEN, condition="#run = :run", values={":run": run_id}
        )
        items = {item["jobName"]: item for item in self._calls.query(question)}
        behind = [
            spec.name
            for position, spec in enumerate(specs)
            if spec.name not in items and stored.board.is_open(position)
        ]
        return items | self._named(run_id, behind)

    def _all(self, run_id: str) -> dict[str, Record]:
        question = Question(
            table=self._jobs,
            condition="#run = :run AND #jobName >= :first",
            values={":run": run_id, ":first": FIRST_JOB},
            fields=READ,
        )
        return {item["jobName"]: item for item in self._calls.query(question)}

    def _named(self, run_id: str, names: Iterable[str]) -> dict[str, Record]:
        keys = [{"run": run_id, "jobName": name} for name in names if name >= FIRST_JOB]
        found = self._calls.get_many(self._jobs, keys, READ)
        return {item["jobName"]: item for item in found}

    def _history(self, run_id: str, after: int) -> Iterator[Record]:
        """Jobs first, their earlier pages after them: a page that is turned meanwhile is read."""
        yield from self._calls.query(
            Question(
                table=self._jobs,
                condition="#run = :run",
                values={":run": run_id, ":after": after},
                filter="#last > :after",
                fields=("run", "jobName", "events"),
                newest_first=True,
            )
        )

    def _history_of(self, run_id: str, job: str) -> Iterator[Record]:
        name = job or RUN_ITEM
        item = self._calls.get(self._jobs, {"run": run_id, "jobName": name}, _HISTORY)
        if item is None:
            return
        yield item
        pages = page_names(name, item.get("pages", 0))
        keys = [{"run": run_id, "jobName": page} for page in pages]
        yield from self._calls.get_many(self._jobs, keys, _HISTORY)


def _state(stored: StoredHeader, spec: JobSpec, item: Record | None) -> JobState:
    if item is None:
        run_id = stored.header.run_id
        reason = f"the item of job {spec.name!r} of run {run_id!r} is missing"
        raise BackendError("DynamoDB", "Query", reason, retryable=False)
    return state_of(item)


def _state_on_board(
    stored: StoredHeader, spec: JobSpec, position: int, item: Record | None
) -> JobState:
    status = stored.board.status(position)
    if item is not None:
        return state_of(item)
    if status is None:
        return initial_state(spec)
    if status in FINAL:
        return JobState(status=status)
    return _state(stored, spec, None)


def _chosen(
    specs: Sequence[JobSpec],
    states: Mapping[str, JobState],
    statuses: Iterable[JobStatus] | None,
) -> list[JobRecord]:
    wanted = frozenset(JobStatus if statuses is None else statuses)
    return [
        JobRecord(spec=spec, state=states[spec.name], position=position)
        for position, spec in enumerate(specs)
        if states[spec.name].status in wanted
    ]
