"""AWS Batch, strict: the rules of the queue in memory behind the API's own words and limits."""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.core.batch import (
    MAX_PAYLOAD,
    Accepted,
    Deferred,
    Outcome,
    Refused,
    Submission,
)
from chalicelib.errors import BackendError
from chalicelib.local.batch_listing import ListQuery, listed, parse_list, selects
from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.batch_requests import MAX_DESCRIBED, check_reason
from chalicelib.local.batch_rules import Batch
from chalicelib.local.memory_queue import (
    FakeSettings,
    MemoryQueue,
    Script,
    VirtualClock,
    succeeds,
)
from tests.strict.answers import AwsError, Params, Permission, Service
from tests.strict.batch_answers import Fields, Request, detail, event, job_arn, stream_of, summary
from tests.strict.batch_definitions import Registry, refused

SUBMIT_RATE = 50  # SubmitJob calls a second (service_limits)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATE_CHANGE = "Batch Job State Change"
_QUEUE_BLOCKED = "Batch Job Queue Blocked"


class _ToldBatch(Batch):
    """Remembers each move of each job, for events."""

    moves: list[tuple[QueuedJob, str]]

    def _move(self, job: QueuedJob, status: str) -> None:
        super()._move(job, status)
        self.moves.append((job, status))


class FakeBatch(MemoryQueue):
    """One Region's AWS Batch.

    The methods of MemoryQueue look behind the API: nothing that tests do with them is a call.
    `events` takes what EventBridge is told; `streams` the logs, by the name of their stream.
    """

    def __init__(
        self,
        clock: VirtualClock,
        events: list[Fields],
        script: Script = succeeds,
        settings: FakeSettings | None = None,
    ) -> None:
        super().__init__(clock, script, settings)
        self.registry = Registry()
        self.streams: dict[str, list[tuple[int, str]]] = {}  # (ms, message)
        self._batch = self._told = _ToldBatch((settings or FakeSettings()).capacity)
        self._told.moves = []
        self._events = events
        self._requests: dict[str, Request] = {}
        self._names: dict[str, list[QueuedJob]] = {}  # by name in lower case
        self._submitted: deque[int] = deque(maxlen=SUBMIT_RATE)  # ms
        self._told_count = 0

    def service(self) -> Service:
        """What StrictAws serves."""
        return Service(
            operations={
                "SubmitJob": self.submit_job,
                "DescribeJobs": self.describe_jobs,
                "ListJobs": self.list_some,
                "CancelJob": self.cancel_job,
                "TerminateJob": self.terminate_job,
                "DescribeJobDefinitions": self.registry.describe_job_definitions,
                "DescribeJobQueues": self.registry.describe_job_queues,
            },
            permissions=self._permissions,
            refusal="ClientException",
            throttled=("TooManyRequestsException", 429),
            broken="ServerException",
        )

    # The API

    def submit_job(self, params: Params) -> Fields:
        self._throttle()
        size = len(json.dumps(params))
        if size > MAX_PAYLOAD:
            raise refused(f"The payload has {size} bytes, at most {MAX_PAYLOAD}.")
        definition = self.registry.definition(params["jobDefinition"])
        queue = self.registry.open_queue(params["jobQueue"])
        request = definition.inherited(params)
        request |= {"jobDefinition": definition.arn, "jobQueue": queue.arn}
        name, tags = request.pop("jobName"), request.pop("tags", {})
        upstream = request.pop("dependsOn", [])
        plain = tuple(each["jobId"] for each in upstream if each.keys() == {"jobId"})
        kinds = [each for each in upstream if each.keys() != {"jobId"}]
        submission = Submission(
            job_name=name,
            request={**request, **({"dependsOn": kinds} if kinds else {})},
            depends_on=plain,
            tags=tags,
        )
        self._catch_up()
        job_id = _id_of(self._submit(submission))
        shown = {**request, "tags": tags, "dependsOn": upstream}
        self._remember(job_id, {**shown, "container": definition.container})
        self._tell()
        return {"jobArn": job_arn(job_id), "jobName": name, "jobId": job_id}

    def describe_jobs(self, params: Params) -> Fields:
        self._catch_up()
        ids = list(dict.fromkeys(params["jobs"]))
        if len(ids) > MAX_DESCRIBED:
            raise refused(f"At most {MAX_DESCRIBED} jobs can be described, found {len(ids)}.")
        jobs = [job for job in map(self._jobs.get, ids) if job is not None and self._is_seen(job)]
        return {"jobs": [detail(job, self._requests[job.job_id]) for job in jobs]}

    def list_some(self, params: Params) -> Fields:
        """ListJobs."""
        self._catch_up()
        try:
            query = parse_list(params)
        except BackendError as error:
            raise _refusal(error.reason) from error
        definition, query = query.definition, replace(query, definition="")
        queue = self.registry.queue(query.job_queue)
        if query.job_queue and queue is None:
            raise refused(f"Job queue {query.job_queue} doesn't exist.")
        query = replace(query, job_queue=queue.arn if queue else "")
        found = [job for job in self._candidates(query) if selects(query, listed(job))]
        found = [job for job in found if self._is_seen(job) and _is_of(job, definition)]
        found.sort(key=lambda job: -job.number)
        answer: Fields = {"jobSummaryList": [summary(job) for job in found[: query.page]]}
        if len(found) > query.page:
            answer["nextToken"] = str(found[query.page - 1].number)
        return answer

    def cancel_job(self, params: Params) -> Fields:
        self._end("CancelJob", params)
        return {}

    def terminate_job(self, params: Params) -> Fields:
        self._end("TerminateJob", params)
        return {}

    # Behind it

    def forget(self, job_ids: Iterable[str]) -> None:
        """Lose all memory of these, as Batch does with old jobs."""
        for job_id in job_ids:
            for same in self._names.values():
                same[:] = [job for job in same if job.job_id != job_id]
            super().forget([job_id])

    def settle(self) -> None:
        """Do what is possible at this moment: start what there is room for, end what must."""
        self._catch_up()
        self._start()
        while (at := self._next_event()) is not None and at <= self._at:
            self._step(at)
        self._tell()

    def next_at(self) -> datetime | None:
        """When something next happens by itself."""
        at = self._next_event()
        return None if at is None else _EPOCH + timedelta(milliseconds=at)

    def _end(self, operation: str, params: Params) -> None:
        job_id = params["jobId"]
        self._catch_up()
        if job_id not in self._jobs or not self._is_seen(self._jobs[job_id]):
            raise refused(f"Job {job_id} doesn't exist.")
        act = self.cancel if operation == "CancelJob" else self.terminate
        try:
            act(job_id, check_reason(operation, params["reason"]))
        except BackendError as error:
            raise _refusal(error.reason) from error
        self._tell()

    def _throttle(self) -> None:
        now = self._clock.milliseconds
        if len(self._submitted) == SUBMIT_RATE and self._submitted[0] > now - 1000:
            raise AwsError("TooManyRequestsException", "Too Many Requests", 429)
        self._submitted.append(now)

    def _remember(self, job_id: str, request: Request) -> None:
        job = self._jobs[job_id]
        self._names.setdefault(job.request.job_name.lower(), []).append(job)
        for each in (job, *job.children):
            self._requests[each.job_id] = request

    def _candidates(self, query: ListQuery) -> list[QueuedJob]:
        if query.name:
            return self._names.get(query.name, [])
        return list(self._jobs.values())

    def _catch_up(self) -> None:
        super()._catch_up()
        self._tell()

    def _step(self, at: int) -> None:
        super()._step(at)
        self._tell()

    def _start(self) -> None:
        before = len(self.starts)
        super()._start()
        for start in self.starts[before:]:
            if start.job_id not in self._jobs:
                continue  # it was forgotten
            stream = stream_of(self._jobs[start.job_id], start.attempt)
            line = f"{start.job_name}: attempt {start.attempt}"
            self.streams[stream] = [(self._at, line)]

    def _tell(self) -> None:
        """Tell EventBridge of every move since the last time; a move to SUBMITTED is none."""
        moves, self._told.moves = self._told.moves, []
        for job, status in moves:
            told = detail(job, self._requests[job.job_id], status, self._at)
            self._told_count += 1
            self._events.append(event(_STATE_CHANGE, told, self._at, self._told_count))
            if status == job.status and job.status_reason.startswith("MISCONFIGURATION:"):
                self._told_count += 1
                self._events.append(event(_QUEUE_BLOCKED, told, self._at, self._told_count))

    def _permissions(self, operation: str, params: Params) -> tuple[Permission, ...]:
        if operation in ("CancelJob", "TerminateJob"):
            return ((f"batch:{operation}", job_arn(params["jobId"])),)
        if operation != "SubmitJob":
            return ((f"batch:{operation}", "*"),)
        queue = self.registry.queue(params["jobQueue"])
        named = params["jobDefinition"].rpartition("/")[2]
        definition = f"{job_arn('')[:-4]}job-definition/{named}"
        tagged = (("batch:TagResource", job_arn("*")),) if params.get("tags") else ()
        # The service authorization reference lists the job besides what it is made of.
        needed = (definition, queue.arn if queue else "*", job_arn("*"))
        return (*(("batch:SubmitJob", arn) for arn in needed), *tagged)


def _id_of(outcome: Outcome) -> str:
    match outcome:
        case Accepted(job_id):
            return job_id
        case Refused(reason):
            raise _refusal(reason)
        case Deferred(reason):
            raise AwsError("ServerException", reason, 500)
    raise AssertionError(outcome)


def _refusal(reason: str) -> AwsError:
    code, _, message = reason.partition(": ")
    return AwsError(code, message)


def _is_of(job: QueuedJob, definition: str) -> bool:
    """Say whether a JOB_DEFINITION filter, a name or ARN with or without revision, asks for it."""
    arn = job.request.job_definition
    revision = arn.rpartition("/")[2]
    names: tuple[str, ...] = (arn, revision, revision.partition(":")[0])
    return definition in ("", *names)
