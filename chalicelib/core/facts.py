"""What is known of a job besides its status: exit codes in words, resources, attempts, arrays."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from chalicelib.core.batch import JobDetail
from chalicelib.core.lifecycle import FINAL, STARTED, JobStatus
from chalicelib.core.run import JobState
from chalicelib.core.schedule import JobSpec

_SHOWN_ATTEMPTS = 5
_SHOWN_CHILDREN = 10
_UNITS = (("VCPU", "vCPU"), ("MEMORY", "MiB of memory"), ("GPU", "GPU"))

# Beyond 128 a shell, and so a container, reports the signal that ended the command (POSIX 2.8.2).
_EXIT_WORDS: Mapping[int, str] = MappingProxyType(
    {
        97: "another start of the same attempt had claimed it already, so it did nothing",
        98: "a bug in batch-job ended it; its log says which",
        126: "the command was found but can't be executed; is it executable?",
        127: "the command was not found; is it installed, is PATH right?",
        130: "interrupted (SIGINT)",
        134: "it aborted itself (SIGABRT)",
        137: "killed (SIGKILL), mostly for want of memory or after a time-out",
        139: "it read or wrote memory that is not its own (SIGSEGV)",
        143: "told to end (SIGTERM), by a time-out, an operator or a shutdown",
    }
)

# What AWS Batch gives as the reason of nearly every end (API_JobDetail, statusReason).
_SAYS_NOTHING = "Essential container in task exited"


def telling(reason: str) -> str:
    """A reason without the part that says no more than that the job has ended."""
    return ": ".join(part for part in reason.split(": ") if part != _SAYS_NOTHING)


def describe_facts(
    spec: JobSpec,
    state: JobState,
    detail: JobDetail | None = None,
    failed_children: Sequence[int] = (),
) -> tuple[str, ...]:
    """Facts worth a line each, for somebody who asks why; none that the status says already.

    `failed_children` are the indexes of those children of an array job that failed.
    """
    children = _failed_children(failed_children) if failed_children else ()
    links = state.told.links if state.told else {}
    linked = (f"its link {name}: {url}" for name, url in links.items())
    return (*_facts(spec, state, detail), *children, *linked)


def _facts(spec: JobSpec, state: JobState, detail: JobDetail | None) -> Iterator[str]:
    if state.status is JobStatus.FAILED:
        yield from _failure(spec, state)
    if state.status is JobStatus.RUNNABLE or state.status in STARTED:
        yield from _needs(spec)
    if state.status in STARTED:
        yield from _time_limit(spec)
    if detail is None:
        return
    if len(detail.attempts) > 1:
        yield _attempts(detail)
    if detail.array_summary:
        counts = ", ".join(f"{count} {status}" for status, count in detail.array_summary.items()
                           if count)  # fmt: skip
        yield f"array of {sum(detail.array_summary.values())}: {counts}"
    if state.status not in FINAL and detail.status is not state.status:
        yield f"the queue says {detail.status} meanwhile; the engine has not seen that yet"


def _failure(spec: JobSpec, state: JobState) -> Iterator[str]:
    code = state.exit_code
    if code is not None and code in _EXIT_WORDS:
        yield f"exit {code} means: {_EXIT_WORDS[code]}"
    elif code is not None and 128 < code < 160:
        yield f"exit {code} means: ended by signal {code - 128}"
    if code == 137:
        yield from _needs(spec)
    if state.started_at and state.stopped_at:
        seconds = (state.stopped_at - state.started_at).total_seconds()
        yield f"ran {seconds:.1f} s, until {_moment(state.stopped_at)}"
    elif state.attempt and "arrayProperties" not in spec.request:
        yield "it never started"
    if "timeout" in state.reason.lower():
        yield from _time_limit(spec)


def _needs(spec: JobSpec) -> Iterator[str]:
    amounts = resources(spec.request)
    words = [f"{amounts[kind]} {unit}" for kind, unit in _UNITS if kind in amounts]
    if words:
        yield f"it asks for {', '.join(words)}"


def resources(request: Mapping[str, Any]) -> dict[str, str]:
    """The amounts that a request asks for, by the type's name in AWS Batch; memory in MiB."""
    overrides = request.get("containerOverrides") or {}
    found = {}
    for kind, key in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if overrides.get(key) is not None:
            found[kind] = str(overrides[key])
    for requirement in overrides.get("resourceRequirements") or ():
        found[str(requirement["type"])] = str(requirement["value"])
    return found


def _time_limit(spec: JobSpec) -> Iterator[str]:
    limit = (spec.request.get("timeout") or {}).get("attemptDurationSeconds")
    if limit is not None:
        yield f"an attempt may run for {limit} s"


def _failed_children(indexes: Sequence[int]) -> Iterator[str]:
    shown = ", ".join(map(str, indexes[:_SHOWN_CHILDREN]))
    more = len(indexes) - _SHOWN_CHILDREN
    yield f"failed children: {shown}" + (f" and {more} more" if more > 0 else "")


def _attempts(detail: JobDetail) -> str:
    ends = [
        f"exit {attempt.exit_code}" if attempt.exit_code is not None else attempt.reason or "lost"
        for attempt in detail.attempts
    ]
    earlier = "… " if len(ends) > _SHOWN_ATTEMPTS else ""
    shown = ", ".join(ends[-_SHOWN_ATTEMPTS:])
    return f"the queue itself made {len(ends)} attempts: {earlier}{shown}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
