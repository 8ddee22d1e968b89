"""The job queue of one machine: speaks with the host, and starts it when there is none."""

import json
import os
import select
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import chalicelib
from chalicelib.core.batch import (
    Accepted,
    Deferred,
    JobDetail,
    Outcome,
    QueueLimits,
    Refused,
    Submission,
    Unanswered,
)
from chalicelib.core.guarding import without_kind
from chalicelib.core.lifecycle import FINAL
from chalicelib.errors import BackendError
from chalicelib.local.batch_records import detail_of
from chalicelib.local.batch_requests import MAX_DESCRIBED, lacks_command
from chalicelib.local.host_protocol import VERSION, FrameBuffer, HostSettings, address, encode

_PATIENCE = 30.0  # s for a host to start (it may have to end what the last one left), or to answer
_POLL = 0.002  # s
_LOST = "connection lost"  # the operation of an error: nobody knows what the host has done
_READ = 256 * 1024  # bytes


class HostClient:
    """One connection, for one thread. Implements JobQueue and Wakes.

    `fence` is the number of the engine that drives: the host refuses submissions, cancels and
    terminates of engines with a lower one than it has ever seen. None for everybody else.
    """

    def __init__(self, state_dir: Path, *, settings: HostSettings, fence: int | None) -> None:
        self._state_dir = state_dir
        self._settings = settings
        self._fence = fence
        self._channel: socket.socket | None = None
        self._buffer = FrameBuffer()
        self._frames: list[dict[str, Any]] = []
        self._last_id = 0
        self._subscribed = False
        self._changed: set[str] = set()
        self._followed: set[str] = set()  # may change while we are not connected
        self.host_pid = 0  # of the host that we last spoke with
        self._child = 0  # the host, if we started it: its end is ours to reap

    @property
    def limits(self) -> QueueLimits:
        return QueueLimits(max_dependencies=20, max_submissions=500, fence=0.0, empty_lookups=1)

    def prepare(self) -> None:
        """Let a host come up, if there is none, while the caller does something else."""
        if self._channel is None and not self._try_to_connect():
            self._start_host()

    def fenced(self, fence: int) -> "HostClient":
        """A client for the engine of that number; it waits for the host that this one started."""
        client = HostClient(self._state_dir, settings=self._settings, fence=fence)
        client._child, self._child = self._child, 0
        return client

    def close(self) -> None:
        """Leave the host; it goes on."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._buffer = FrameBuffer()
        self._frames.clear()

    def lacks(self, request: Mapping[str, Any]) -> str:
        return lacks_command(request)

    def pin(self, requests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Names of definitions and kinds mean nothing here: a command is in the request."""
        return [without_kind(each) if "uses" in each else each for each in requests]

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        try:
            self._connect()
        except BackendError as error:
            return [Deferred(error.reason)] * len(submissions)
        try:
            replies = self._exchange([_submit_job(submission) for submission in submissions])
        except BackendError as error:
            return [Unanswered(error.reason)] * len(submissions)
        outcomes = [_outcome(reply) for reply in replies]
        self._followed.update(each.job_id for each in outcomes if isinstance(each, Accepted))
        return outcomes

    def describe(self, job_ids: Sequence[str]) -> list[JobDetail]:
        calls = [
            {"action": "DescribeJobs", "jobs": list(job_ids[start : start + MAX_DESCRIBED])}
            for start in range(0, len(job_ids), MAX_DESCRIBED)
        ]
        details = [detail_of(job) for reply in self._ask(calls) for job in _good(reply)["jobs"]]
        for detail in details:
            if detail.status in FINAL:
                self._followed.discard(detail.job_id)
            else:
                self._followed.add(detail.job_id)
        return details

    def find(self, job_name: str, job_queue: str) -> list[JobDetail]:
        return self.list_jobs(
            {"jobQueue": job_queue, "filters": [{"name": "JOB_NAME", "values": [job_name]}]}
        )

    def list_jobs(self, request: Mapping[str, Any]) -> list[JobDetail]:
        """All pages of a ListJobs."""
        details: list[JobDetail] = []
        token: dict[str, Any] | None = {}
        while token is not None:
            [reply] = self._ask([{"action": "ListJobs", **request, **token}])
            details += map(detail_of, _good(reply)["jobSummaryList"])
            token = {"nextToken": reply["nextToken"]} if "nextToken" in reply else None
        return details

    def cancel(self, job_id: str, reason: str) -> None:
        self._end("CancelJob", job_id, reason)

    def terminate(self, job_id: str, reason: str) -> None:
        self._end("TerminateJob", job_id, reason)

    def wait(self, seconds: float) -> frozenset[str]:
        """The job ids that may have changed; all that are followed when the host was lost."""
        self._connect()
        try:
            if not self._subscribed:
                self._subscribed = True
                self._exchange([{"action": "Subscribe"}])
                self._changed |= self._followed  # what happened before we listened
            if not self._changed:
                self._listen(seconds)
        except BackendError:
            self._connect()
        changed = frozenset(self._changed)
        self._changed.clear()
        return changed

    def _end(self, action: str, job_id: str, reason: str) -> None:
        [reply] = self._ask([{"action": action, "jobId": job_id, "reason": reason}])
        _good(reply)

    def _ask(self, calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Exchange what may be asked twice: once more, of the next host, if this one is lost."""
        self._connect()
        try:
            return self._exchange(calls)
        except BackendError as error:
            if error.operation != _LOST:
                raise
        self._connect()
        return self._exchange(calls)

    # The connection

    def _connect(self) -> None:
        """Be connected, to a host that is started if there is none. Raises BackendError."""
        if self._channel is not None and not self._is_lost():
            return
        self.close()
        self._changed |= self._followed
        until = time.monotonic() + _PATIENCE
        while not self._try_to_connect():
            self._start_host()
            if time.monotonic() > until:
                raise BackendError("host", "start", self._last_words(), retryable=True)
            time.sleep(_POLL)

    def _is_lost(self) -> bool:
        """See whether the host has gone, without waiting."""
        try:
            self._receive(0.0)
        except BackendError:
            return True
        return False

    def _try_to_connect(self) -> bool:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        channel.settimeout(_PATIENCE)
        try:
            channel.connect(address(self._state_dir))
            self._channel = channel
            hello = {"action": "Hello", "version": VERSION, "fence": self._fence}
            subscribe = [{"action": "Subscribe"}] if self._subscribed else []
            greeting, *_ = map(_good, self._exchange([hello, *subscribe]))
            self.host_pid = greeting["pid"]
        except (FileNotFoundError, NotADirectoryError, ConnectionError):
            channel.close()
            return False
        except OSError as error:
            channel.close()
            raise BackendError("host", "connect", str(error), retryable=True) from error
        except BackendError as error:
            self.close()
            if error.operation == _LOST:
                return False  # it was just about to leave
            raise
        return True

    def _start_host(self) -> None:
        """Start a host unless the one that we started is still coming up."""
        if self._child:
            pid, status = os.waitpid(self._child, os.WNOHANG)
            if not pid:
                return
            failed_to_come_up = status and self._child != self.host_pid
            self._child = 0
            if failed_to_come_up:
                raise BackendError("host", "start", self._last_words(), retryable=False)
        try:
            self._state_dir.mkdir(parents=True, exist_ok=True)
            self._child = _spawn_host(self._state_dir.resolve(), self._settings)
        except OSError as error:
            raise BackendError("host", "start", str(error), retryable=False) from error

    def _last_words(self) -> str:
        try:
            words = (self._state_dir / "host.log").read_text("utf-8", "replace").split("\n")
        except OSError:
            words = []
        return next((line for line in reversed(words) if line), "it does not come up")

    def _exchange(self, calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Send the calls, once, and wait for all replies, in order. Raises BackendError."""
        first = self._last_id + 1
        self._last_id += len(calls)
        lines = [encode({"id": number, **call}) for number, call in enumerate(calls, first)]
        replies: dict[int, dict[str, Any]] = {}
        until = time.monotonic() + _PATIENCE
        self._send("".join(f"{line}\n" for line in lines).encode())
        while len(replies) < len(calls):
            self._receive(max(0.0, until - time.monotonic()))
            for frame in self._take():
                replies[frame["id"]] = frame
            if time.monotonic() > until:
                raise self._lost("it does not answer")
        return [replies[number] for number in range(first, self._last_id + 1)]

    def _listen(self, seconds: float) -> None:
        if not self._frames:  # else something came when we saw whether the host is there
            self._receive(seconds)
        for _ in self._take():
            raise self._lost("it answers what nobody asked")

    def _take(self) -> Iterator[dict[str, Any]]:
        """The replies that have come; news are put aside."""
        frames, self._frames = self._frames, []
        for frame in frames:
            if "changed" in frame:
                self._changed.update(frame["changed"])
            else:
                yield frame

    def _send(self, data: bytes) -> None:
        if self._channel is None:
            raise self._lost("not connected")
        try:
            self._channel.sendall(data)
        except OSError as error:
            raise self._lost(str(error)) from error

    def _receive(self, seconds: float) -> None:
        """Wait at most that long for something to come. Raises BackendError without a host."""
        if self._channel is None:
            raise self._lost("not connected")
        try:
            readable, _, _ = select.select([self._channel], [], [], seconds)
            chunk = self._channel.recv(_READ) if readable else None
        except OSError as error:
            raise self._lost(str(error)) from error
        if chunk == b"":
            raise self._lost("it has gone")
        if chunk:
            self._frames += map(json.loads, self._buffer.feed(chunk))

    def _lost(self, reason: str) -> BackendError:
        self.close()
        return BackendError("host", _LOST, reason, retryable=True)


def _spawn_host(state_dir: Path, settings: HostSettings) -> int:
    """Start a host in a session of its own, its words in host.log."""
    root = str(Path(chalicelib.__file__).parent.parent)
    log = str(state_dir / "host.log")
    # -S: the host needs the standard library alone, and is up sooner without site's work.
    command = [sys.executable, "-S", "-m", "chalicelib.local.host", str(state_dir)]
    return os.posix_spawn(
        sys.executable,
        [*command, settings.to_json()],
        {"PATH": os.defpath, "PYTHONPATH": root, "PYTHONUTF8": "1"},
        file_actions=(
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ),
        setsid=True,
    )


def _submit_job(submission: Submission) -> dict[str, Any]:
    request = {**submission.request, "jobName": submission.job_name}
    if submission.depends_on:
        upstream = [{"jobId": job_id} for job_id in submission.depends_on]
        request["dependsOn"] = [*request.get("dependsOn", ()), *upstream]
    if submission.tags:
        request["tags"] = dict(submission.tags)
    call: dict[str, Any] = {"action": "SubmitJob", "request": request}
    if submission.working_directory:
        call["workingDirectory"] = submission.working_directory
    return call


def _outcome(reply: Mapping[str, Any]) -> Outcome:
    if "error" not in reply:
        return Accepted(reply["jobId"])
    return Deferred(reply["error"]) if reply["retryable"] else Refused(reply["error"])


def _good(reply: dict[str, Any]) -> dict[str, Any]:
    if "error" in reply:
        raise BackendError("Batch", "request", reply["error"], retryable=reply["retryable"])
    return reply
