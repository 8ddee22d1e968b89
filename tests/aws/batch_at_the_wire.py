"""AWS Batch at the other end of the wire: the rules of the queue in memory behind its own protocol.

What the adapter sends and reads passes a real botocore client, which validates and parses it.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.config import Config

from chalicelib.core.batch import Accepted, AttemptDetail, JobDetail, Refused, Submission
from chalicelib.errors import BackendError
from chalicelib.local.memory_queue import MemoryQueue
from tests.aws.wire import Response, new_client

Fields = dict[str, Any]
Hook = Callable[[str], None]  # given the operation in lower case

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BatchAtTheWire:
    """Makes clients of Batch whose requests a queue in memory answers."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue
        self.sent: list[str] = []  # operations, in order
        self.before: Hook = lambda _: None  # raises what keeps the request from arriving
        self.after: Hook = lambda _: None  # raises what keeps the reply from arriving

    def client(self, service_name: str, *, config: Config) -> Any:
        client = new_client(service_name, config)
        client.meta.events.register_first("before-send.batch", self._answer)
        return client

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        operation = urlsplit(request.url).path.rpartition("/")[2]
        self.sent.append(operation)
        self.before(operation)
        try:
            answer = self._do(operation, json.loads(request.body))
        except BackendError as error:
            code, message = error.reason.split(": ", 1)
            refusal = {"code": code, "__type": code, "message": message}
            return Response(request.url, 400, json.dumps(refusal).encode())
        self.after(operation)
        return Response(request.url, 200, json.dumps(answer).encode())

    def _do(self, operation: str, request: Fields) -> Fields:
        match operation:
            case "submitjob":
                return self._submit(request)
            case "describejobs":
                return {"jobs": [_reply(each) for each in self._queue.describe(request["jobs"])]}
            case "listjobs":
                details = self._queue.list_jobs(request)
                return {"jobSummaryList": [_summary(each) for each in details]}
            case "canceljob":
                self._queue.cancel(request["jobId"], request["reason"])
            case "terminatejob":
                self._queue.terminate(request["jobId"], request["reason"])
        return {}

    def _submit(self, request: Fields) -> Fields:
        name, tags = request.pop("jobName"), request.pop("tags", {})
        submission = Submission(job_name=name, request=request, tags=tags)
        match self._queue.submit([submission]):
            case [Accepted(job_id)]:
                return {"jobId": job_id, "jobName": name, "jobArn": f"arn:{job_id}"}
            case [Refused(reason)]:
                raise BackendError("Batch", "SubmitJob", reason, retryable=False)
        raise AssertionError(name)


def _summary(detail: JobDetail) -> Fields:
    """A JobSummary: attempts are only told by DescribeJobs."""
    return {key: value for key, value in _reply(detail).items() if key != "attempts"}


def _reply(detail: JobDetail) -> Fields:
    attempts = [_attempt(each) for each in detail.attempts]
    return _present(
        {
            "jobId": detail.job_id,
            "jobName": detail.job_name,
            "status": detail.status.value,
            "statusReason": detail.status_reason,
            "createdAt": _milliseconds(detail.created_at),
            "startedAt": _milliseconds(detail.started_at),
            "stoppedAt": _milliseconds(detail.stopped_at),
            "container": _present(
                {"exitCode": detail.exit_code, "reason": detail.container_reason}
            ),
            "attempts": attempts,
            "arrayProperties": _present({"statusSummary": detail.array_summary}),
        }
    )


def _attempt(detail: AttemptDetail) -> Fields:
    return _present(
        {
            "startedAt": _milliseconds(detail.started_at),
            "stoppedAt": _milliseconds(detail.stopped_at),
            "statusReason": detail.reason,
            "container": _present({"exitCode": detail.exit_code}),
        }
    )


def _present(members: Mapping[str, Any]) -> Fields:
    """What AWS would send: members that have a value."""
    return {key: value for key, value in members.items() if value not in (None, "", {}, [])}


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // timedelta(milliseconds=1)
