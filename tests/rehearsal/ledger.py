"""What the tables say of runs, read item by item and without a line of the code under test."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from chalicelib.core.run import Event
from tests.strict.dynamodb import FakeDynamo
from tests.strict.dynamodb_tables import Key, Stored
from tests.strict.resources import STAGE

HEADERS, JOBS = f"BatchScheduleHistory-{STAGE}", f"BatchScheduleJobs-{STAGE}"
_RUN, _PAGE = " #run", " #events#"

Line = tuple[int, str]  # the number of an event, and its job: empty for the run's own
Lines = Mapping[Line, str]


class Ledger:
    """Looks at the tables behind the API: nothing that it does is a call."""

    def __init__(self, dynamodb: FakeDynamo) -> None:
        self._tables = dynamodb.tables
        self._seen: dict[Key, tuple[Stored, dict[Line, str]]] = {}

    def headers(self) -> dict[str, dict[str, Any]]:
        """The header of every run that is there, as plain values."""
        items = [stored.item for stored in self._tables[HEADERS].items.values()]
        found = [{name: next(iter(value.values())) for name, value in item.items()}
                 for item in items]  # fmt: skip
        return {
            f"{each['scheduleId']}/{each['startDateTime']}": each
            for each in found
            if "revision" in each and "creating" not in each
        }

    def statuses(self, run_id: str) -> dict[str, str]:
        """The status of each job."""
        items = [stored.item for stored in self._tables[JOBS].items.values()]
        return {
            item["jobName"]["S"]: item["jobStatus"]["S"]
            for item in items
            if item["run"]["S"] == run_id and "jobStatus" in item
        }

    def history(self) -> dict[str, dict[Line, str]]:
        """The events of each run, as they are written."""
        found: dict[str, dict[Line, str]] = defaultdict(dict)
        for key, stored in self._tables[JOBS].items.items():
            if "events" not in stored.item:
                continue
            known = self._seen.get(key)
            if known is None or known[0] is not stored:
                known = self._seen[key] = (stored, dict(_lines(stored)))
            found[stored.item["run"]["S"]].update(known[1])
        return found

    def events(self, run_id: str) -> list[Event]:
        """The events of a run, oldest first."""
        lines = self.history()[run_id]
        return [_event(job, lines[sequence, job]) for sequence, job in sorted(lines)]


def _lines(stored: Stored) -> Iterator[tuple[Line, str]]:
    name = stored.item["jobName"]["S"]
    job = name[len(_PAGE) :].partition("#")[2] if name.startswith(_PAGE) else name
    for each in stored.item["events"]["L"]:
        yield (json.loads(each["S"])[0], "" if job == _RUN else job), each["S"]


def _event(job: str, text: str) -> Event:
    sequence, at, act, before, after, attempt, job_id, actor, reason, exit_code = json.loads(text)
    return Event(
        sequence=sequence,
        at=datetime.fromisoformat(at),
        job=job,
        act=act,
        before=before,
        after=after,
        attempt=attempt,
        job_id=job_id,
        actor=actor,
        reason=reason,
        exit_code=exit_code,
    )
