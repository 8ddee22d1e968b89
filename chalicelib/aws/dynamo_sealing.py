"""Sealing: an ended and archived run is given the time at which DynamoDB may delete it (TTL).

The header is marked first, so that whoever moves the run again knows to take the times off its
other items before. Both directions can be cut off and done again.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from chalicelib.aws.dynamo_calls import (
    MAX_ACTIONS,
    ConditionFailedError,
    DynamoCalls,
    Key,
    Question,
    Write,
)
from chalicelib.aws.dynamo_headers import EXPIRES, SEALED, STANDS_STILL, key_of
from chalicelib.aws.names import Tables
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.store_words import job_moved

_BEGUN, _DONE, _UNDONE = "begun", "done", "undone"


class Sealing:
    """Puts times on all items of a run, and takes them off. Raises ConflictError if it moves."""

    def __init__(self, calls: DynamoCalls, tables: Tables) -> None:
        self._calls = calls
        self._tables = tables

    def seal(self, header: RunHeader, expires_at: datetime) -> None:
        """The run must have ended. Once more changes the time."""
        expires = int(expires_at.timestamp())
        mark = f"SET #{SEALED} = :mark, #{EXPIRES} = :expires"
        try:
            self._mark(header, mark, {":mark": _BEGUN, ":expires": expires})
            self._each(header, f"SET #{EXPIRES} = :expires", _BEGUN, {":expires": expires})
            self._mark(header, mark, {":mark": _DONE, ":expires": expires}, _BEGUN)
        except ConditionFailedError as error:
            raise job_moved(header.run_id) from error

    def unseal(self, header: RunHeader) -> None:
        """All but the header, which loses its time with the write that moves the run."""
        try:
            self._mark(header, f"SET #{SEALED} = :mark", {":mark": _UNDONE})
            self._each(header, f"REMOVE #{EXPIRES}", _UNDONE, {})
        except ConditionFailedError as error:
            raise job_moved(header.run_id) from error

    def _mark(
        self, header: RunHeader, update: str, values: dict[str, str | int], marked: str = ""
    ) -> None:
        own = {":revision": header.revision, ":running": str(RunStatus.RUNNING)}
        was = {":was": marked} if marked else {}
        self._calls.write(
            Write(
                table=self._tables.history,
                key=key_of(header.run_id),
                update=update,
                condition=f"{STANDS_STILL} AND #scheduleStatus <> :running"
                + (f" AND #{SEALED} = :was" if marked else ""),
                values={**values, **own, **was},
            )
        )

    def _each(
        self, header: RunHeader, update: str, marked: str, values: dict[str, str | int]
    ) -> None:
        guard = Write(
            table=self._tables.history,
            key=key_of(header.run_id),
            condition=f"{STANDS_STILL} AND #{SEALED} = :marked",
            values={":revision": header.revision, ":marked": marked},
        )
        keys = self._keys(header.run_id)
        while some := list(islice(keys, MAX_ACTIONS - 1)):
            writes = [
                Write(
                    table=self._tables.jobs,
                    key=key,
                    update=update,
                    condition="attribute_exists(#run)",
                    values=values,
                )
                for key in some
            ]
            self._calls.transact([guard, *writes])

    def _keys(self, run_id: str) -> Iterator[Key]:
        question = Question(
            table=self._tables.jobs,
            condition="#run = :run",
            values={":run": run_id},
            fields=("run", "jobName"),
        )
        yield from self._calls.query(question)
