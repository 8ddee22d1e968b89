"""Sealing: the items of an ended and archived run are given the time to be deleted at (TTL).

The header stays, and is marked first: it says where the archive is, and whoever moves the run again
knows to take the times off its items before. That mark moves the revision, so that nobody writes
who read the run without it. Both directions can be cut off and done again: until its last mark is
made, the run stays in the index of those to be sealed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from chalicelib.aws.dynamo_calls import (
    MAX_ACTIONS,
    ConditionFailedError,
    DynamoCalls,
    Key,
    Question,
    Write,
)
from chalicelib.aws.dynamo_headers import (
    ENDED,
    PENDING,
    SEALED,
    UNSEALED,
    Headers,
    key_of,
    unsealed_values,
)
from chalicelib.aws.dynamo_items import header_values
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.records import Record
from chalicelib.core.run import RunHeader
from chalicelib.store_words import job_moved, run_goes_on, without_seal

EXPIRES = "expiresAt"  # the table's TTL attribute, s since 1970
_BEGUN, _DONE, _UNDONE = "begun", "done", "undone"
_KEPT = "kept"  # sealed, and no item has a time
_SAID = ("revision", "archive", "detailsUntil")  # what sealing writes of a header (core.records)
_STANDS_STILL = f"#revision = :was AND attribute_not_exists(#{PENDING})"
# Whoever moves a run in its last moment takes the times off after it: nothing goes before this.
_MARGIN = timedelta(days=1)


class Sealing:
    """Puts times on all items of a run, and takes them off. Raises ConflictError if it moves."""

    def __init__(self, calls: DynamoCalls, headers: Headers) -> None:
        self._calls = calls
        self._headers = headers
        self._tables = headers.tables

    def seal(self, header: RunHeader, archive: str, expires_at: datetime | None) -> None:
        """Do nothing for a run that is sealed already."""
        marked = self._headers.get(header.run_id).sealed
        if marked in (_DONE, _KEPT):
            return
        if header.status is RunStatus.RUNNING:
            raise run_goes_on(header)
        said = replace(header, archive=archive, expires_at=expires_at)
        sealed = replace(said, revision=header.revision + 1)
        try:
            self._mark(header, {SEALED: _BEGUN, **_on_seal(sealed)})
            if expires_at is not None or marked:
                self._each(sealed, _BEGUN, expires_at)
            last = {SEALED: _KEPT if expires_at is None else _DONE, UNSEALED: "", ENDED: ""}
            self._mark(sealed, last, _BEGUN)
        except ConditionFailedError as error:
            raise job_moved(header.run_id) from error

    def unseal(self, header: RunHeader, marked: str) -> None:
        """Take the times off before the run moves; `marked` is what its header was read with.

        What is left in the header goes with the write that moves the run. Raises ExpiredError.
        """
        if marked in ("", _KEPT):
            return
        self._headers.check_kept(header)
        try:
            again = unsealed_values(header) | _on_seal(without_seal(header))
            self._mark(header, {SEALED: _UNDONE, **again})
            self._each(header, _UNDONE, None)
        except ConditionFailedError as error:
            raise job_moved(header.run_id) from error

    def _mark(self, header: RunHeader, values: Mapping[str, Any], marked: str = "") -> None:
        """Write attributes of the header's item; those that are empty are taken away."""
        given = {name: value for name, value in values.items() if value != ""}
        removed = [f"#{name}" for name in values if name not in given]
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in given)
        guard = self._guard(header, marked)
        write = replace(
            guard,
            update=update + (f" REMOVE {', '.join(removed)}" if removed else ""),
            values={**guard.values, **{f":{name}": value for name, value in given.items()}},
        )
        self._calls.write(write)

    def _each(self, header: RunHeader, marked: str, expires_at: datetime | None) -> None:
        """Put a time on every item of the run, or take it off, while the header stands still."""
        update, values = f"REMOVE #{EXPIRES}", {}
        if expires_at is not None:
            update = f"SET #{EXPIRES} = :expires"
            values = {":expires": int((expires_at + _MARGIN).timestamp())}
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
            self._calls.transact([self._guard(header, marked), *writes])

    def _guard(self, header: RunHeader, marked: str) -> Write:
        """That the header's item stands still, and has that mark unless it is empty."""
        values = {":was": header.revision} | ({":marked": marked} if marked else {})
        return Write(
            table=self._tables.history,
            key=key_of(header.run_id),
            condition=_STANDS_STILL + (f" AND #{SEALED} = :marked" if marked else ""),
            values=values,
        )

    def _keys(self, run_id: str) -> Iterator[Key]:
        question = Question(
            table=self._tables.jobs,
            condition="#run = :run",
            values={":run": run_id},
            fields=("run", "jobName"),
        )
        yield from self._calls.query(question)


def _on_seal(header: RunHeader) -> Record:
    """What a header's item says of its seal; empty for what is not to be there."""
    said = header_values(header)
    return {name: said.get(name, "") for name in _SAID}
