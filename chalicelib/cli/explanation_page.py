"""The answer to `explain`: the chain of causes, the last words of what failed, what to type."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.cli.commands import advice_shape, print_advice
from chalicelib.cli.log_source import newest_attempt
from chalicelib.cli.meant import find_job
from chalicelib.cli.session import Session
from chalicelib.cli.shapes import cause_shape
from chalicelib.cli.tables import one_line, style_of
from chalicelib.core.advising import Advice, advise_job, advise_run
from chalicelib.core.batch import MAX_ATTEMPT_LOG_LINES, JobDetail
from chalicelib.core.explaining import Cause, Circumstances, explain_job, explain_run
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import Run, RunHeader
from chalicelib.errors import NotFoundError

if TYPE_CHECKING:
    from rich.console import Console

_LOGS = 3  # failed jobs whose last lines are shown
_ADVISED = 3  # jobs with commands of their own when a run is explained


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why, and the last lines of the jobs that failed, by name."""

    header: RunHeader
    cause: Cause
    logs: dict[str, tuple[str, ...]]
    advice: list[Advice]


def show_explanation(session: Session, what: str, run: str) -> None:
    """Answer `explain`."""
    header, name = _meant(session, what, run)
    found = _explain(session, session.edition.ports.runs.load_run(header.run_id), name)
    if session.as_json:
        shape = {
            "runId": header.run_id,
            "cause": cause_shape(found.cause),
            "logs": {job: list(lines) for job, lines in found.logs.items()},
            "possible": advice_shape(found.advice),
        }
        session.write_json(shape)
        return
    _print_cause(session.console, found, found.cause, 0)
    print_advice(session, found.advice)


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

    around = Circumstances(now=session.now(), driven=session.edition.holder() is not None)
    # Told twice: only the first telling shows of which jobs the queue must be asked.
    told = list(dict.fromkeys(_jobs_of(explain(around))))
    ids = [run.states[job].job_id for job in told if run.states[job].job_id]
    details = {detail.job_id: detail for detail in session.edition.peek_details(ids)} if ids else {}
    cause = explain(replace(around, details=details))
    failed = [job for job in told if run.states[job].status is JobStatus.FAILED]
    logs = {job: _last_lines(session, run, job, details) for job in failed[:_LOGS]}
    return Explanation(run.header, cause, {job: lines for job, lines in logs.items() if lines},
                       _advice(run, name, told))  # fmt: skip


def _jobs_of(cause: Cause) -> Iterator[str]:
    if cause.job:
        yield cause.job
    for below in cause.because:
        yield from _jobs_of(below)


def _last_lines(
    session: Session, run: Run, job: str, details: dict[str, JobDetail]
) -> tuple[str, ...]:
    job_id = run.states[job].job_id
    if not job_id:
        return ()
    attempt = newest_attempt(details[job_id]) if job_id in details else 1
    return session.edition.logs.tail(job_id, attempt, MAX_ATTEMPT_LOG_LINES).lines


def _advice(run: Run, name: str, told: list[str]) -> list[Advice]:
    header = run.header
    own = advise_job(header, name, run.states[name].status) if name else advise_run(header)
    roots = [job for job in told if job != name and _needs_somebody(run, job)]
    # What upstream has stopped is helped upstream.
    is_stopped = bool(roots) and bool(name)
    advice = [] if is_stopped else own
    for job in roots[:_ADVISED]:
        each = advise_job(header, job, run.states[job].status)
        advice += each if len(roots) == 1 else each[:1]
    logged = next((job for job in told if run.states[job].started_at), None)
    if logged is not None:
        advice.append(Advice(("logs", logged, "--run", header.run_id), "everything it wrote"))
    return [*advice, *advise_run(header), *own] if is_stopped else advice


def _needs_somebody(run: Run, job: str) -> bool:
    return run.states[job].status in (JobStatus.FAILED, JobStatus.NOTFOUND, JobStatus.HELD)


def _print_cause(console: "Console", found: Explanation, cause: Cause, depth: int) -> None:
    from rich.padding import Padding
    from rich.text import Text

    def put(text: Text, levels: int) -> None:
        # Piped, a line stays a line; on a terminal what is wrapped stays below its beginning.
        if console.is_terminal:
            console.print(Padding(text, (0, 0, 0, 2 * levels)))
        else:
            console.print(Text("  " * levels) + text)

    subject = Text(cause.job or (found.header.run_id if depth == 0 else "…"))
    subject.stylize(style_of(cause.status) or "bold")
    put(subject.append(f" {one_line(cause.sentence)}", ""), depth)
    for fact in cause.facts:
        put(Text(one_line(fact), "dim"), depth + 2)
    for line in found.logs.get(cause.job, ()) if cause.job else ():
        put(Text(f"| {printable(line)}"), depth + 2)
    for below in cause.because:
        _print_cause(console, found, below, depth + 1)
    if cause.more:
        put(Text(f"… and {cause.more} more", "dim"), depth + 1)


def printable(line: str) -> str:
    """A line of a log as it may stand in a page of ours: tabs as blanks, no escape sequences."""
    return "".join(c if c.isprintable() else "�" for c in line.expandtabs())
