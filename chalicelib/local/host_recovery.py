"""A host's first act: end what the last one left running, and remember what it had accepted."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.local.batch_records import ENDED, STARTED, QueuedJob, attempts_of
from chalicelib.local.batch_requests import parse_submit
from chalicelib.local.batch_rules import Batch
from chalicelib.local.host_ahead import ANNOUNCED
from chalicelib.local.host_slates import adopt
from chalicelib.local.host_store import HostStore, Row, standing
from chalicelib.local.process_table import Process, boot_id, carries, look_at, processes

PID = "pid"  # the fact that holds the last host's process id
BOOT = "boot"  # the fact that holds the machine's boot id when that host began
_POLL = 0.005  # s


class _Saved(NamedTuple):
    """A row of the store, by name."""

    job_id: str
    number: int
    created_at: int
    stopped_at: int | None
    status: str
    attempt: int
    begun_at: int | None
    slate: str | None
    cancelled: str | None
    terminated: str | None
    timed_out: int
    pid: int | None
    pid_started: int | None
    detail: str | None
    request: str | None
    array_id: str | None


def end_survivors(rows: list[Row], variable: str, *, same_boot: bool) -> None:
    """End every process that the last host's jobs left, and wait until all are gone.

    `variable` is the `NAME=value` that all of them carry; a recorded process counts too, if it is
    still the one that was recorded: the same number and the same start. None is overlooked because
    it has not got its environment yet: until then it shares the last host's lock on the directory,
    which we hold.
    """
    recorded = {
        saved.pid: saved.pid_started
        for saved in map(_Saved._make, rows)
        if same_boot and saved.pid is not None and saved.status in STARTED
    }
    beyond_us: set[int] = set()  # somebody else's: a job may have become another user
    while True:
        found = [
            process.pid
            for process in processes()
            if process.pid != os.getpid()
            and process.pid not in beyond_us
            and (_is_recorded(process, recorded) or carries(process.pid, variable))
        ]
        if not found:
            return
        beyond_us.update(pid for pid in found if not _force(pid))
        time.sleep(_POLL)


def _is_recorded(process: Process, recorded: Mapping[int, int | None]) -> bool:
    if process.group not in recorded:
        return False
    leader = look_at(process.group)
    return leader is not None and leader.started == recorded[process.group]


def _force(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def remember(batch: Batch, rows: list[Row], known: Callable[[list[str]], dict[str, str]]) -> None:
    """Put the jobs of these rows back, oldest first, as far as they had come.

    What had started stays so: whoever knows how it ended says so next.
    """
    tops: list[QueuedJob] = []
    for saved in map(_Saved._make, rows):
        if saved.request is not None:
            frame: dict[str, Any] = json.loads(saved.request)
            request = parse_submit(frame["request"], frame.get("workingDirectory") or "")
            tops.append(batch.enrol(saved.job_id, saved.number, request, saved.created_at))
        _recall(batch, saved)
    for job in tops:
        batch.wire(job, known(batch.missing(job.request)))
    for job in tops:
        batch.release(job)


def _recall(batch: Batch, saved: _Saved) -> None:
    job = batch.live[saved.job_id]
    detail: dict[str, Any] = json.loads(saved.detail) if saved.detail else {}
    job.attempt = saved.attempt
    job.attempts = attempts_of(detail)
    job.cancelled, job.terminated = saved.cancelled, saved.terminated
    job.timed_out = bool(saved.timed_out)
    job.started_at, job.stopped_at = saved.begun_at, saved.stopped_at
    job.status_reason = detail.get("statusReason", "")
    if saved.status in STARTED or saved.status in ENDED:
        batch.recall(job, saved.status)


def _give_up_doubtful(batch: Batch, store: HostStore, reason: str, at: int) -> None:
    """After a power cut, end attempts that may have begun: the record of it may be lost."""
    announced = set(json.loads(store.fact(ANNOUNCED) or "[]"))
    doubtful = [job for job in batch.live.values() if job.number in announced]
    for job in batch.begin_all(doubtful):
        batch.lost(job, f"{reason} Power was lost: it may have started.", at)


def recover(batch: Batch, store: HostStore, logs: Path, variable: str, at: int) -> None:
    """Do all of it, and write down who is host now."""
    rows = store.unfinished_rows()
    boot = boot_id()
    end_survivors(rows, variable, same_boot=boot == store.fact(BOOT))
    remember(batch, rows, store.statuses)
    for saved in map(_Saved._make, rows):
        if saved.status in STARTED and saved.slate:
            adopt(logs, saved.slate, saved.job_id, saved.attempt)
    reason = f"Host (pid {store.fact(PID) or 'unknown'}) terminated."
    for job in [job for job in batch.live.values() if job.status in STARTED]:
        batch.lost(job, reason, at)
    if boot != store.fact(BOOT):
        _give_up_doubtful(batch, store, reason, at)
    batch.settle(at)
    store.begin()
    store.keep([standing(job) for job in batch.touched.values()])
    lowest = min((job.number for job in batch.live.values()), default=store.last_number() + 1)
    store.raise_floor(lowest)
    store.put_fact(PID, str(os.getpid()))
    store.put_fact(BOOT, boot)
    store.commit()
    batch.touched.clear()
