"""The host's desk: every request of a client, checked, kept on disk, done and answered."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from chalicelib.core.batch import MAX_PAYLOAD
from chalicelib.errors import BackendError
from chalicelib.local.batch_listing import Listed, ListQuery, listed, parse_list, selects
from chalicelib.local.batch_records import ENDED, JobRequest, QueuedJob, shown
from chalicelib.local.batch_requests import (
    check_described,
    check_reason,
    parse_submit,
    refused,
    unavailable,
)
from chalicelib.local.batch_rules import Batch
from chalicelib.local.host_connections import Connection, Frame
from chalicelib.local.host_disk import Disk
from chalicelib.local.host_protocol import VERSION, encode, error_reply
from chalicelib.local.host_store import HostStore, Row

FENCE = "fence"  # the fact that holds the highest fence ever seen


class _Intake(NamedTuple):
    """A SubmitJob that was found good and is not accepted yet."""

    connection: Connection
    frame: int
    job_id: str
    number: int
    request: JobRequest
    text: str
    at: int


class Desk:
    """Answers clients; owes each reply only when what it says is on disk."""

    def __init__(self, batch: Batch, store: HostStore, disk: Disk) -> None:
        self._batch = batch
        self._store = store
        self._disk = disk
        self._fence = int(store.fact(FENCE) or 0)
        self._number = store.last_number()
        self._asked: list[Frame] = []  # and not looked at yet
        self._intakes: list[_Intake] = []  # the disk is taking them
        self._others: list[Frame] = []  # to be answered after these
        self._ticket = 0
        self._unconfirmed: list[tuple[Connection, int, str]] = []  # cancelled, not yet on disk

    @property
    def is_waiting(self) -> bool:
        """True while the disk takes submissions; until it has them, nobody is answered."""
        return not self._disk.has(self._ticket)

    def handle(self, frames: Sequence[Frame], at: int) -> bool:
        """Answer what was asked, in order but submissions first.

        True when something was cancelled or terminated: `confirm` answers that after a commit.
        """
        self._asked += frames
        if (self._asked or self._intakes) and not self.is_waiting:
            self._finish(at)
            self._look(at)
            if not self._intakes:
                self._finish(at)
        return bool(self._unconfirmed)

    def _look(self, at: int) -> None:
        """See what was asked; submissions that are good are committed."""
        frames, self._asked = self._asked, []
        for frame in frames:
            if frame[2].get("action") == "SubmitJob":
                self._stage(frame, at)
            elif frame[2].get("action") == "Hello":
                self._greet(*frame)
            else:
                self._others.append(frame)
        if self._intakes:
            self._commit()

    def _finish(self, at: int) -> None:
        """Accept the submissions, which the disk has now, and answer everybody."""
        intakes, self._intakes = self._intakes, []
        others, self._others = self._others, []
        for intake in intakes:
            # What happened upstream meanwhile counts.
            known = self._known(self._batch.missing(intake.request))
            self._batch.accept(intake.job_id, intake.number, intake.request, intake.at, known)
            intake.connection.owe(f'{{"id":{intake.frame},"jobId":"{intake.job_id}"}}')
        for frame in others:
            self._answer(frame, at)

    def confirm(self, *, kept: bool) -> None:
        """Answer CancelJob and TerminateJob, now that it is known whether they are on disk."""
        for connection, number, operation in self._unconfirmed:
            error = unavailable(operation, "the state can't be written.")
            reply = {"id": number} if kept else error_reply(number, error)
            connection.owe(encode(reply))
        self._unconfirmed.clear()

    def _greet(self, connection: Connection, _text: str, members: dict[str, Any]) -> None:
        fence = members.get("fence")
        if members.get("version") != VERSION or not (fence is None or type(fence) is int):
            error = refused("Hello", f"this host speaks version {VERSION}; end it and start anew.")
            connection.owe(encode(error_reply(members["id"], error)))
            return
        try:
            self._raise_fence(fence)
        except sqlite3.Error as error:
            self._store.rollback()
            reply = error_reply(members["id"], unavailable("Hello", str(error)))
            connection.owe(encode(reply))
            return
        connection.fence = fence
        connection.owe(encode({"id": members["id"], "pid": os.getpid()}))

    def _raise_fence(self, fence: int | None) -> None:
        if fence is not None and fence > self._fence:
            self._store.sync_commits(durable=True)
            self._store.begin()
            self._store.put_fact(FENCE, str(fence))
            self._store.commit()
            self._store.sync_commits(durable=False)
            self._fence = fence

    def _check_fence(self, connection: Connection, operation: str) -> None:
        if connection.fence is not None and connection.fence < self._fence:
            raise unavailable(operation, "a newer engine has taken over.")

    def _stage(self, frame: Frame, at: int) -> None:
        connection, text, members = frame
        try:
            self._check_fence(connection, "SubmitJob")
            request = self._parse(text, members)
            self._batch.check_upstream(request, self._known(self._batch.missing(request)))
        except BackendError as error:
            connection.owe(encode(error_reply(members["id"], error)))
            return
        self._number += 1
        intake = _Intake(connection, members["id"], new_id(), self._number, request, text, at)
        self._number += request.array_size
        self._intakes.append(intake)

    def _known(self, missing: list[str]) -> dict[str, str]:
        """The statuses of these ended jobs and of their children."""
        if not missing:
            return {}
        known = self._store.statuses(missing)
        for job in filter(None, map(self._at_hand, missing)):
            known |= {each.job_id: each.status for each in (job, *job.children)}
        return known

    def _parse(self, text: str, members: dict[str, Any]) -> JobRequest:
        request = members.get("request")
        if type(request) is not dict:
            raise refused("SubmitJob", "request must be an object.")
        if len(text) > MAX_PAYLOAD and len(encode(request)) > MAX_PAYLOAD:
            raise refused("SubmitJob", f"the request has more than {MAX_PAYLOAD} bytes.")
        return parse_submit(request, members.get("workingDirectory") or "")

    def _commit(self) -> None:
        """Keep the submissions, and have the disk take them."""
        try:
            self._store.begin()
            self._store.insert(row for intake in self._intakes for row in _rows(intake))
            self._store.commit()
        except sqlite3.Error as error:
            self._store.rollback()
            for intake in self._intakes:
                reply = error_reply(intake.frame, unavailable("SubmitJob", str(error)))
                intake.connection.owe(encode(reply))
            self._intakes.clear()
        else:
            self._ticket = self._disk.ask()

    def _answer(self, frame: Frame, at: int) -> None:
        connection, _, members = frame
        try:
            match members.get("action"):
                case "DescribeJobs":
                    connection.owe(self._describe(members))
                case "ListJobs":
                    connection.owe(self._list(members))
                case "Subscribe":
                    connection.subscribed = True
                    connection.owe(encode({"id": members["id"]}))
                case "CancelJob" | "TerminateJob" as operation:
                    self._end(operation, connection, members, at)
                case action:
                    raise refused(str(action), "no such action.")
        except BackendError as error:
            connection.owe(encode(error_reply(members["id"], error)))
        except sqlite3.Error as error:
            reply = error_reply(members["id"], unavailable(str(members["action"]), str(error)))
            connection.owe(encode(reply))

    def _end(self, operation: str, client: Connection, members: dict[str, Any], at: int) -> None:
        self._check_fence(client, operation)
        reason = check_reason(operation, members.get("reason"))
        job_id = members.get("jobId")
        if not isinstance(job_id, str):
            raise refused(operation, "jobId is required.")
        if operation == "CancelJob":
            self._batch.cancel(job_id, reason, at)
        else:
            self._batch.terminate(job_id, reason, at)
        self._unconfirmed.append((client, members["id"], operation))

    def _candidates(self, query: ListQuery) -> Iterable[Listed]:
        if query.status in ("", *ENDED):
            return self._store.candidates(query)
        jobs = sorted(self._batch.live.values(), key=lambda job: -job.number)
        return map(listed, jobs)

    def _describe(self, members: dict[str, Any]) -> str:
        job_ids = check_described(members.get("jobs"))
        return f'{{"id":{members["id"]},"jobs":[{",".join(self._details(job_ids))}]}}'

    def _details(self, job_ids: list[str]) -> list[str]:
        """The answers for these, as JSON; ended jobs are in the store, encoded since they ended."""
        at_hand = {each: self._at_hand(each) for each in job_ids}
        kept = self._store.details([each for each, job in at_hand.items() if job is None])
        return [
            encode(shown(job)) if job is not None else kept[each]
            for each, job in at_hand.items()
            if job is not None or each in kept
        ]

    def _at_hand(self, job_id: str) -> QueuedJob | None:
        # An ended job that the store has not got yet is still to be kept.
        batch = self._batch
        return batch.live.get(job_id) or batch.touched.get(job_id) or self._store.noted.get(job_id)

    def _list(self, members: dict[str, Any]) -> str:
        query = parse_list(members)
        found: list[str] = []
        last = 0
        more = ""
        for candidate in self._candidates(query):
            job = self._at_hand(candidate.job_id)
            if selects(query, candidate._replace(status=job.status) if job else candidate):
                if len(found) == query.page:
                    more = f',"nextToken":"{last}"'
                    break
                found.append(candidate.job_id)
                last = candidate.number
        jobs = f'"jobSummaryList":[{",".join(self._details(found))}]'
        return f'{{"id":{members["id"]},{jobs}{more}}}'


def new_id() -> str:
    """A job id such as Batch gives: a random UUID of version 4."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _rows(intake: _Intake) -> Iterator[Row]:
    request = intake.request
    head = (request.job_name.lower(), request.job_queue, request.job_definition, intake.at)
    yield (intake.number, intake.job_id, *head, None, intake.text)
    for index in range(request.array_size):
        child = (intake.number + 1 + index, f"{intake.job_id}:{index}")
        yield (*child, *head, intake.job_id, None)
