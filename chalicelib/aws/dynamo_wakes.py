"""Who waits for which run, in one item a run: the token of its driver, or a mark that it moved."""

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Key, Write
from chalicelib.aws.dynamo_items import RUN_ITEM, WAKE_ITEM
from chalicelib.aws.names import Tables
from chalicelib.core.records import Record

_TRIES = 5  # of a mark, while others arm and mark the same run
_TAKE = "REMOVE #token"
_MARK = "SET #dirty = :yes"


class DynamoWakes:
    """ports.WakeMarks. A lost reply may lose a wake: then the driver's time-out wakes it."""

    def __init__(self, clients: Clients, tables: Tables) -> None:
        self._calls = DynamoCalls(clients)
        self._table = tables.jobs

    def arm(self, run_id: str, token: str) -> bool:
        """Keep the token unless the run is marked; if it is, clear the mark and give False."""
        try:
            self._write(
                run_id, "SET #token = :token", "attribute_not_exists(#dirty)", {":token": token}
            )
        except ConditionFailedError:
            # Marked again at this very moment: the caller is about to look anyway.
            self._write(run_id, "REMOVE #dirty, #token", "", {})
            return False
        return True

    def mark(self, run_id: str) -> str:
        """Take the armed token, or else mark the run; a run that is marked is not written.

        Nor is one that is not here: EventBridge tells every stage of an account of all jobs.
        """
        for _ in range(_TRIES):
            found = self._calls.get(self._table, _key(run_id)) or {}
            token = str(found.get("token", ""))
            if not token and ("dirty" in found or not (found or self._is_here(run_id))):
                return ""
            try:
                self._take(run_id, token) if token else self._mark(run_id)
            except ConditionFailedError:
                continue
            return token
        return ""  # it was armed and marked by others just now: they look, or have woken it

    def _is_here(self, run_id: str) -> bool:
        key = {"run": run_id, "jobName": RUN_ITEM}
        return self._calls.get(self._table, key, ("run",)) is not None

    def _take(self, run_id: str, token: str) -> None:
        self._write(run_id, _TAKE, "#token = :token", {":token": token})

    def _mark(self, run_id: str) -> None:
        self._write(run_id, _MARK, "attribute_not_exists(#token)", {":yes": True})

    def _write(self, run_id: str, update: str, condition: str, values: Record) -> None:
        self._calls.write(
            Write(
                table=self._table,
                key=_key(run_id),
                update=update,
                condition=condition,
                values=values,
            )
        )


def _key(run_id: str) -> Key:
    return {"run": run_id, "jobName": WAKE_ITEM}
