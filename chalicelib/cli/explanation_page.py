"""The answer to `explain`: the chain of causes, the last words of what failed, what to type."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.cli.commands import advice_shape, print_advice
from chalicelib.cli.log_source import newest_attempt
from chalicelib.cli.meant import find_job
from chalicelib.cli.session import Session
from chalicelib.cli.tables import one_line, printable, style_of
from chalicelib.core.advising import Advice, advise_job, advise_run, placed, words_about
from chalicelib.core.batch import MAX_ATTEMPT_LOG_LINES, JobDetail
from chalicelib.core.explaining import Cause, Circumstances, explain_job, explain_run
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import Run, RunHeader
from chalicelib.errors import NotFoundError
from chalicelib.services.overview import driver_failure
from chalicelib.services.shapes import cause_shape

if TYPE_CHECKING:
    from rich.console import Console

_LOGS = 3  # failed jobs whose last lines are shown
_ADVISED = 3  # jobs with commands of their own when a run is explained


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why, and the last lines of the jobs that failed, by name; of an array of `JOB:CHILD`."""

    header: RunHeader
    cause: Cause
    logs: dict[str, tuple[str, ...]]
    advice: list[Advice]


def show_explanation(session: Session, what: str, run: str) -> None:
    """Answer `explain`."""
    header, name = _meant(session, what, run)
    found = _explain(session, session.edition.ports.runs.load_run(header.run_id), name)
    found = replace(found, cause=_placed(session, found.cause))
    if session.as_json:
        shape = {
            "runId": header.run_id,
            "cause": cause_shape(found.cause),
            "logs": {job: list(lines) for job, lines in found.logs.items()},
            "possible": advice_shape(session, found.advice),
        }
        session.write_json(shape)
        return
    _print_cause(session.console, found, found.cause, 0)
    print_advice(session, found.advice)


def _placed(session: Session, cause: Cause) -> Cause:
    because = tuple(_placed(session, below) for below in cause.because)
    return replace(cause, sentence=placed(cause.sentence, session.where), because=because)


def _meant(session: Session, what: str, run: str) -> tuple[RunHeader, str]:
    """The run, and the job if one was named: what names a run is a run, unless --run was given."""
    if run:
        header, _ = find_job(session, what, run) if what else (session.find_run(run), None)
        return header, what
    try:
        return session.find_run(what), ""
    except NotFoundError:
        if not what:
            raise
    header, _ = find_job(session, what, "")
    return header, what


def _explain(session: Session, run: Run, name: str) -> Explanation:
    def explain(around: Circumstances) -> Cause:
        return explain_job(run, name, around) if name else explain_run(run, around)

    failure = driver_failure(session.edition.ports, run.header)
    is_driven = failure is None and session.edition.holder() is not None
    around = Circumstances(now=session.now(), driven=is_driven)
    # Told twice: only the first telling shows of which jobs the queue must be asked.
    told = list(dict.fromkeys(_jobs_of(explain(around))))
    details = _details(session, [run.states[job].job_id for job in told])
    children = {
        job_id: found
        for job_id, detail in details.items()
        if (found := _failed_children(session, detail))
    }
    cause = explain(replace(around, details=details, failed_children=children))
    logs = {}
    for job in [job for job in told if run.states[job].status is JobStatus.FAILED][:_LOGS]:
        job_id = run.states[job].job_id
        child = f":{children[job_id][0]}" if job_id in children else ""
        lines = _last_lines(session, job_id + child, details) if job_id else ()
        if lines:
            logs[job + child] = lines
    return Explanation(run.header, cause, logs, _advice(run, name, told, logs))


def _details(session: Session, job_ids: Iterable[str]) -> dict[str, JobDetail]:
    known = [job_id for job_id in job_ids if job_id]
    found = session.edition.peek_details(known) if known else []
    return {detail.job_id: detail for detail in found}


def _jobs_of(cause: Cause) -> Iterator[str]:
    if cause.job:
        yield cause.job
    for below in cause.because:
        yield from _jobs_of(below)


def _failed_children(session: Session, detail: JobDetail) -> list[int]:
    """The indexes of an array job's children that failed, in order."""
    summary = detail.array_summary or {}
    if not summary.get(JobStatus.FAILED):
        return []
    ids = [f"{detail.job_id}:{index}" for index in range(sum(summary.values()))]
    children = _details(session, ids).values()
    return sorted(
        int(child.job_id.rpartition(":")[2])
        for child in children
        if child.status is JobStatus.FAILED
    )


def _last_lines(session: Session, job_id: str, details: dict[str, JobDetail]) -> tuple[str, ...]:
    detail = details.get(job_id) or _details(session, [job_id]).get(job_id)
    attempt = newest_attempt(detail) if detail else 1
    return session.edition.logs.tail(job_id, attempt, MAX_ATTEMPT_LOG_LINES).lines


def _advice(run: Run, name: str, told: list[str], logs: Iterable[str]) -> list[Advice]:
    header = run.header
    own = advise_job(header, name, run.states[name].status) if name else advise_run(header)
    roots = [job for job in told if job != name and _needs_somebody(run, job)]
    # What upstream has stopped is helped upstream.
    is_stopped = bool(roots) and bool(name)
    advice = [] if is_stopped else own
    for job in roots[:_ADVISED]:
        each = advise_job(header, job, run.states[job].status)
        advice += each if len(roots) == 1 else each[:1]
    started = (job for job in told if run.states[job].started_at)
    logged = next(iter(logs), "") or next(started, "")
    if logged:
        parent = logged.rpartition(":")[0] if logged not in run.states else logged
        advice.append(
            Advice(words_about(logged, ("logs",)), "everything it wrote", parent, header.run_id)
        )
    return [*advice, *advise_run(header), *own] if is_stopped else advice


def _needs_somebody(run: Run, job: str) -> bool:
    return run.states[job].status in (JobStatus.FAILED, JobStatus.NOTFOUND, JobStatus.HELD)


def _print_cause(console: "Console", found: Explanation, cause: Cause, depth: int) -> None:
    from rich.padding import Padding
    from rich.text import Text

    def put(text: Text, levels: int) -> None:
        # Piped, a line stays a line; on a terminal what is wrapped stays below its beginning.
        if console.is_terminal:
            console.print(Padding(text, (0, 0, 0, 2 * levels), expand=False))
        else:
            console.print(Text("  " * levels) + text)

    subject = Text(cause.job or (found.header.run_id if depth == 0 else "…"))
    subject.stylize(style_of(cause.status) or "bold")
    put(subject.append(f" {one_line(cause.sentence)}", ""), depth)
    for fact in cause.facts:
        put(Text(one_line(fact), "dim"), depth + 2)
    for line in _lines_of(found, cause.job) if cause.job else ():
        put(Text(f"| {printable(line)}"), depth + 2)
    for below in cause.because:
        _print_cause(console, found, below, depth + 1)
    if cause.more:
        put(Text(f"… and {cause.more} more", "dim"), depth + 1)


def _lines_of(found: Explanation, job: str) -> Iterator[str]:
    for name, lines in found.logs.items():
        if name == job:
            yield from lines
        elif name.rpartition(":")[0] == job:
            yield f"(child {name.rpartition(':')[2]})"
            yield from lines
