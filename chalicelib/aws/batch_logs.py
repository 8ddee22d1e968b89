"""The logs of jobs in CloudWatch Logs: one stream for each attempt that Batch made."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from chalicelib.aws.batch_replies import Reply, ended_attempts
from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import code_of, translated
from chalicelib.ports import LogChunk

_GROUP = "/aws/batch/job"  # where the awslogs driver writes unless the definition says otherwise
_DRIVER = "awslogs"
_MOST_EVENTS = 10_000  # of one GetLogEvents (API_GetLogEvents)
_SAME_TIME = 1_000_000  # more events than a stream has in one millisecond


class _Stream(NamedTuple):
    """Where one attempt wrote."""

    group: str
    name: str


class _Event(NamedTuple):
    """One log event; `at` in milliseconds since 1970 UTC."""

    at: int
    message: str


class BatchLogs:
    """Reads the log of an attempt, as long as both Batch and CloudWatch still know it.

    An offset is the time of the last event that was read, in milliseconds, times a million, plus
    how many events of that very millisecond were read: all that it takes to read on, whoever does.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, job_id: str, attempt: int, offset: int = 0) -> LogChunk:
        """Whole lines from the offset on, at most one page of 10,000 events or a megabyte."""
        stream = self._stream(job_id, attempt)
        if stream is None:
            return LogChunk(exists=False)
        since, read = divmod(offset, _SAME_TIME)
        try:
            for events in self._forward(stream, since):
                skipped = [event for event in events if event.at == since][:read]
                read -= len(skipped)
                fresh = events[len(skipped) :]
                if fresh:
                    return LogChunk(_lines(fresh), _offset_after(offset, fresh))
        except _NoStreamError:
            return LogChunk(exists=False)
        return LogChunk((), offset)

    def tail(self, job_id: str, attempt: int, lines: int) -> LogChunk:
        """The last lines, of at most 10,000 events."""
        stream = self._stream(job_id, attempt)
        if stream is None:
            return LogChunk(exists=False)
        try:
            events = self._last(stream, min(max(lines, 1), _MOST_EVENTS))
            if not events:
                return LogChunk()
            # An offset counts all events of the last millisecond, and only some may be among these.
            last = events[-1].at
            newest = [event for page in self._forward(stream, last) for event in page]
        except _NoStreamError:
            return LogChunk(exists=False)
        found = _lines([event for event in events if event.at < last] + newest)
        return LogChunk(found[-lines:] if lines > 0 else (), _offset_after(0, newest))

    def _stream(self, job_id: str, attempt: int) -> _Stream | None:
        """Where the attempt writes; None if it has not started, or nobody remembers it."""
        with translated("Batch", "DescribeJobs"):
            jobs = self._clients["batch"].describe_jobs(jobs=[job_id])["jobs"]
        return _stream_of(jobs[0], attempt) if jobs else None

    def _forward(self, stream: _Stream, since: int) -> Iterator[list[_Event]]:
        """The events from a time on, oldest first. A page may be empty before the end."""
        request: dict[str, Any] = {"startFromHead": True}
        if since:
            request["startTime"] = since
        token = ""
        while True:
            reply = self._get(stream, request)
            yield _events(reply)
            if reply["nextForwardToken"] == token:  # the end (API_GetLogEvents)
                return
            token = request["nextToken"] = reply["nextForwardToken"]

    def _last(self, stream: _Stream, count: int) -> list[_Event]:
        """The last events, at least that many if there are, oldest first."""
        request: dict[str, Any] = {"startFromHead": False, "limit": count}
        found: list[_Event] = []
        token = ""
        while len(found) < count:
            reply = self._get(stream, request)
            found = _events(reply) + found
            if reply["nextBackwardToken"] == token:  # the beginning
                break
            token = request["nextToken"] = reply["nextBackwardToken"]
        return found

    def _get(self, stream: _Stream, request: dict[str, Any]) -> Reply:
        with translated("CloudWatch Logs", "GetLogEvents"):
            try:
                reply: Reply = self._clients["logs"].get_log_events(
                    logGroupName=stream.group, logStreamName=stream.name, **request
                )
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    raise _NoStreamError from error
                raise
        return reply


class _NoStreamError(Exception):
    """The stream is not there yet, or has expired."""


def _stream_of(job: Reply, attempt: int) -> _Stream | None:
    container: Reply = job.get("container") or {}
    configuration: Reply = container.get("logConfiguration") or {}
    if configuration.get("logDriver", _DRIVER) != _DRIVER:
        return None
    names = [_stream_name(each) for each in ended_attempts(job)]
    current = _stream_name(job)
    if current not in names:  # the job's own container is the last attempt's, ended or not
        names.append(current)
    name = names[attempt - 1] if 1 <= attempt <= len(names) else ""
    options: Reply = configuration.get("options") or {}
    return _Stream(options.get("awslogs-group", _GROUP), name) if name else None


def _stream_name(job: Reply) -> str:
    """Where the container of a job or of an attempt writes; empty if it never ran."""
    return str((job.get("container") or {}).get("logStreamName", ""))


def _events(reply: Reply) -> list[_Event]:
    return [_Event(each["timestamp"], each["message"]) for each in reply["events"]]


def _lines(events: Sequence[_Event]) -> tuple[str, ...]:
    return tuple(line for event in events for line in event.message.removesuffix("\n").split("\n"))


def _offset_after(offset: int, events: Sequence[_Event]) -> int:
    """The offset that comes after these events, which were read from `offset` on."""
    since, read = divmod(offset, _SAME_TIME)
    last = events[-1].at
    same = sum(event.at == last for event in events)
    return last * _SAME_TIME + same + (read if last == since else 0)
