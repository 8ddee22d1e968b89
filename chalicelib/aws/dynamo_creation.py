"""Making a run: hidden until it is whole, and safe against a creator that comes late.

First a stub of the header claims the run, with a token made from its content; it is no run yet to
any reader. The jobs' items are written on the condition that the token still stands, and the header
last, in its place. Cut off anywhere it can be done again. Up to 98 jobs need no stub.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.aws.documents import Documents, digest_of, to_json
from chalicelib.aws.dynamo_calls import (
    MAX_ACTIONS,
    ConditionFailedError,
    DynamoCalls,
    Key,
    Write,
)
from chalicelib.aws.dynamo_headers import (
    ADOPTING,
    CREATING,
    StoredHeader,
    header_item,
    key_of,
)
from chalicelib.aws.dynamo_items import RUN_ITEM, event_text, header_values, state_values
from chalicelib.aws.dynamo_memory import board_of
from chalicelib.aws.dynamo_moves import job_item
from chalicelib.aws.names import Tables
from chalicelib.core.records import Record, encode_spec
from chalicelib.core.run import JobState, RunHeader, initial_state
from chalicelib.core.schedule import JobSpec
from chalicelib.store_words import counts_of, event_of_run, job_moved, run_exists, start_of

_FREE = f"attribute_not_exists(#scheduleId) OR attribute_exists(#{CREATING})"
_CLAIMED = f"#{CREATING} = :token"
_ADOPTED = f"#{ADOPTING} = :token"
_IS_OLD = "attribute_exists(#jobList)"
_OTHERS = 2  # writes besides those of jobs: the header and the run's own events


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run begins with."""

    header: RunHeader
    specs: Sequence[JobSpec]
    states: Mapping[str, JobState]

    @property
    def key(self) -> Key:
        return key_of(self.header.run_id)


class Creation:
    """Writes new runs, and takes over records of the first version."""

    def __init__(self, calls: DynamoCalls, tables: Tables, documents: Documents) -> None:
        self._calls = calls
        self._tables = tables
        self._documents = documents

    def create(self, new: NewRun) -> None:
        """Raises ConflictError if the run exists."""
        specs_key = self._put_specs(new)
        jobs = list(self._job_items(new))
        try:
            if len(jobs) <= MAX_ACTIONS - _OTHERS:
                header = self._header(new, specs_key, _FREE)
                self._calls.transact([header, self._own_events(new), *jobs])
                return
            token = _token(new, specs_key)
            self._calls.write(self._put(new.key, {CREATING: token}, _FREE))
            self._write_claimed(self._check(new.key, _CLAIMED, token), jobs)
            header = self._header(new, specs_key, _CLAIMED, token)
            self._calls.transact([header, self._own_events(new)])
        except ConditionFailedError as error:
            raise run_exists(new.header) from error

    def adopt(self, stored: StoredHeader) -> None:
        """Put a run in the place of the old record that holds it, which then is no more.

        Raises ConflictError if somebody else does so at this moment.
        """
        if stored.old is None:
            return
        new = NewRun(*stored.old)
        specs_key = self._put_specs(new)
        token = _token(new, specs_key)
        claim = Write(
            table=self._tables.history,
            key=stored.key,
            update=f"SET #{ADOPTING} = :token",
            condition=_IS_OLD,
            values={":token": token},
        )
        try:
            self._calls.write(claim)
            self._write_claimed(
                self._check(stored.key, _ADOPTED, token), list(self._job_items(new))
            )
            self._calls.transact([*self._replacing(stored.key, new, specs_key, token)])
        except ConditionFailedError as error:
            raise job_moved(new.header.run_id) from error

    def _replacing(self, old: Key, new: NewRun, specs_key: str, token: str) -> Iterator[Write]:
        """The run's item instead of the old one, at the key that its id says."""
        yield self._own_events(new)
        if old == new.key:
            yield self._header(new, specs_key, _ADOPTED, token)
            return
        yield self._header(new, specs_key, _FREE)
        yield replace(self._check(old, _ADOPTED, token), delete=True)

    def _put_specs(self, new: NewRun) -> str:
        text = to_json([encode_spec(spec) for spec in new.specs])
        specs_key = f"runs/{new.header.run_id}/jobs-{digest_of(text)}.json.gz"
        self._documents.put(specs_key, text)
        return specs_key

    def _job_items(self, new: NewRun) -> Iterator[Write]:
        for position, spec in enumerate(new.specs):
            state = new.states[spec.name]
            untouched = state == initial_state(spec)
            yield Write(
                table=self._tables.jobs,
                key={"run": new.header.run_id, "jobName": spec.name},
                item=job_item(position, state, untouched=untouched),
            )

    def _write_claimed(self, claim: Write, items: Sequence[Write]) -> None:
        for first in range(0, len(items), MAX_ACTIONS - 1):
            self._calls.transact([claim, *items[first : first + MAX_ACTIONS - 1]])

    def _header(self, new: NewRun, specs_key: str, condition: str, token: str = "") -> Write:
        board = board_of(new.specs, new.states)
        counts = counts_of(new.states.values())
        item = header_item(new.header, board, counts, 1, specs_key)
        return self._put(new.key, item, condition, token)

    def _own_events(self, new: NewRun) -> Write:
        start = event_of_run(start_of(new.header), 1)
        return Write(
            table=self._tables.jobs,
            key={"run": new.header.run_id, "jobName": RUN_ITEM},
            item={"events": [event_text(start)], "last": 1},
        )

    def _put(self, key: Key, item: Record, condition: str, token: str = "") -> Write:
        values = {":token": token} if token else {}
        return Write(
            table=self._tables.history, key=key, item=item, condition=condition, values=values
        )

    def _check(self, key: Key, condition: str, token: str) -> Write:
        values = {":token": token}
        return Write(table=self._tables.history, key=key, condition=condition, values=values)


def _token(new: NewRun, specs_key: str) -> str:
    """The same for the same content: then it does not matter who of two writes what."""
    header = header_values(new.header)
    return digest_of(to_json([specs_key, header, *map(state_values, new.states.values())]))
