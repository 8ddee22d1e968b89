"""Where a run stands, on a page for somebody who was just woken up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.cli.commands import advice_shape, command, print_advice
from chalicelib.cli.session import Session
from chalicelib.cli.tables import (
    Column,
    duration_text,
    moment_text,
    one_line,
    print_line,
    print_table,
    seconds_of,
    style_of,
)
from chalicelib.config import HTTP
from chalicelib.core.advising import Advice, advise_job, advise_run, words_about
from chalicelib.core.facts import telling
from chalicelib.core.lifecycle import STARTED, JobStatus, RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.core.secrecy import hidden_values
from chalicelib.core.wording import counted
from chalicelib.errors import ExpiredError
from chalicelib.ports import JobRecord
from chalicelib.services.claims import progress_of
from chalicelib.services.finding import counts_of
from chalicelib.services.overview import FAILED, WAITING, Overview, Waiting, overview
from chalicelib.services.shape_types import JobShape
from chalicelib.services.shapes import job_shape, run_shape

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 20  # jobs of a kind
_NAMES = 3  # upstream jobs in a cell
_ADVISED = 3  # failed or held jobs with commands of their own
_WAITING_STATUSES = frozenset(status for group in WAITING for status in group)


def show_status(session: Session, header: RunHeader, *, every: bool) -> None:
    """Answer `status`; `every` lists all jobs, which loads them all."""
    try:
        seen = overview(session.edition.ports, header, _SHOWN)
    except ExpiredError as error:
        _show_expired(session, header, error)
        return
    now, holder = session.now(), None if seen.driver_failure else _driver_of(session, header)
    jobs = session.edition.ports.runs.find_jobs(header.run_id) if every else None
    if jobs is not None:
        seen = replace(seen, progress=progress_of(session.edition.ports, header.run_id, jobs))
    if session.as_json:
        shape = {**_shape(seen, now, holder), "possible": advice_shape(session, _advice(seen))}
        if jobs is not None:
            shape["jobs"] = [_job_shape(seen, record) for record in jobs]
        session.write_json(shape)
        return
    _print_head(session, seen, now, holder)
    if jobs is None:
        _print_failed(session.console, seen)
        _print_running(session.console, seen, now)
        _print_waiting(session.console, seen, now)
    else:
        _print_all(session.console, jobs, seen, now)
    print_advice(session, _advice(seen))


def _driver_of(session: Session, header: RunHeader) -> str | None:
    return session.verbs.views.driven_by(header.run_id)


def _show_expired(session: Session, header: RunHeader, error: ExpiredError) -> None:
    """What the header alone tells, and where the rest is."""
    seen = Overview(header=header, began_at=header.began_at, failed=(), running=(), waiting=())
    if session.as_json:
        session.write_json({**_shape(seen, session.now(), None), "possible": []})
        return
    _print_head(session, seen, session.now(), None)
    print_line(session.console, str(error))


def _print_head(session: Session, seen: Overview, now: datetime, holder: str | None) -> None:
    from rich.text import Text

    console, header = session.console, seen.header
    asked = ", being cancelled" if header.cancelling and header.ended_at is None else ""
    seconds = seen.seconds(now)
    took = f" {'after' if header.ended_at else 'for'} {duration_text(seconds)}"
    title = f"  {header.status}{asked}{'' if seconds is None else took}"
    console.print(Text(header.run_id, style="bold").append(title, style_of(header.status)))
    name = f"{one_line(header.schedule_name)}, " if header.schedule_name else ""
    print_line(
        console,
        f"{name}schedule {header.schedule_id} version {header.schedule_version}, "
        f"{_generation(seen)}, started {moment_text(header.began_at)} "
        f"by {one_line(header.started_by) or 'unknown'}",
    )
    if header.parameters:
        given = ", ".join(
            f"{name}={value}" for name, value in hidden_values(header.parameters).items()
        )
        print_line(console, f"parameters: {one_line(given)}")
    if header.reason:
        print_line(console, one_line(header.reason))
    if header.status is RunStatus.RUNNING:
        driver = f"driven by {holder}" if holder else _undriven(session, seen)
        print_line(console, driver, "" if holder else "bold red")
    counts = counts_of(header)
    line = Text(f"{counted(sum(counts.values()), 'job')}: ")
    for index, (status, count) in enumerate(counts.items()):
        line.append(", " if index else "").append(f"{count} {status}", style_of(status))
    console.print(line)


def _undriven(session: Session, seen: Overview) -> str:
    failure, is_elsewhere = seen.driver_failure, session.settings.edition == HTTP
    if failure is None and is_elsewhere:
        return "NO ENGINE DRIVES IT: whoever keeps the server has to see to that"
    if failure is None:
        return f"NO ENGINE DRIVES IT: {command(session, ('resume',))}"
    at, reason = moment_text(failure.at), one_line(failure.reason)
    resume = command(session, ("resume", "--detach"))
    another = "any act on the run" if is_elsewhere else resume
    return f"ITS DRIVER FAILED {at}: {reason}; gets another within an hour, at once by: {another}"


def _generation(seen: Overview) -> str:
    number, began = seen.header.generation, seen.began_at
    since = f" since {moment_text(began)}" if began != seen.header.began_at else ""
    return f"generation {number}{since}"


def _print_failed(console: "Console", seen: Overview) -> None:
    rows = [
        (record.spec.name, record.state.status, _code(record), str(record.state.attempt or "-"),
         moment_text(record.state.stopped_at), one_line(telling(record.state.reason)))
        for record in seen.failed
    ]  # fmt: skip
    columns = (Column("JOB", folds=True), Column("STATUS", is_status=True),
               Column("EXIT", right=True), Column("ATTEMPT", right=True), Column("ENDED"),
               Column("REASON", folds=True))  # fmt: skip
    _print_part(console, "Failed", columns, rows, seen.count(FAILED))
    beyond = seen.count([JobStatus.UPSTREAM_FAILED])
    if beyond:
        print_line(console, f"  {beyond} more never ran, because something upstream failed.")


def _print_running(console: "Console", seen: Overview, now: datetime) -> None:
    rows = [
        (record.spec.name, record.state.status,
         duration_text(seconds_of(record.state.started_at, now)),
         str(record.state.attempt), _note(seen, record))
        for record in seen.running
    ]  # fmt: skip
    columns = (Column("JOB", folds=True), Column("STATUS", is_status=True),
               Column("FOR", right=True), Column("ATTEMPT", right=True),
               Column("NOTE", folds=True))  # fmt: skip
    _print_part(console, "Running", columns, rows, seen.count(STARTED))


def _print_waiting(console: "Console", seen: Overview, now: datetime) -> None:
    rows = [
        (each.record.spec.name, each.record.state.status, waits_for(each, seen.header, now))
        for each in seen.waiting
    ]
    columns = (Column("JOB", folds=True), Column("STATUS", is_status=True),
               Column("WAITS FOR", folds=True))  # fmt: skip
    _print_part(console, "Not started", columns, rows, seen.count(_WAITING_STATUSES))


def _print_part(
    console: "Console",
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    total: int,
) -> None:
    if not rows:
        return
    print_line(console, "")
    print_line(console, f"{title}: {total}", "bold")
    print_table(console, columns, rows, indent=2)
    if total > len(rows):
        print_line(console, f"  … and {total - len(rows)} more; --all shows every job")


def _print_all(
    console: "Console", jobs: Sequence[JobRecord], seen: Overview, now: datetime
) -> None:
    columns = (Column("JOB", folds=True), Column("STATUS", is_status=True),
               Column("TOOK", right=True), Column("EXIT", right=True),
               Column("ATTEMPT", right=True), Column("REASON", folds=True))  # fmt: skip
    rows = []
    for record in jobs:
        state = record.state
        end = state.stopped_at or (now if state.status in STARTED else None)
        took = duration_text(seconds_of(state.started_at, end))
        rows.append((record.spec.name, state.status, took, _code(record),
                     str(state.attempt or "-"), _note(seen, record)))  # fmt: skip
    print_line(console, "")
    print_table(console, columns, rows)


def _note(seen: Overview, record: JobRecord) -> str:
    """How far a job is that runs, and what else there is to say of it."""
    progress = seen.progress.get(record.spec.name)
    notes = (progress.words if progress else "", telling(record.state.reason))
    return one_line("; ".join(filter(None, notes)))


def _job_shape(seen: Overview, record: JobRecord) -> JobShape:
    return job_shape(record.spec, record.state, seen.progress.get(record.spec.name))


def _code(record: JobRecord) -> str:
    return "-" if record.state.exit_code is None else str(record.state.exit_code)


def waits_for(waiting: Waiting, header: RunHeader, now: datetime) -> str:
    """What a job that has not started waits for, in a few words."""
    state, spec = waiting.record.state, waiting.record.spec
    upstream = _names(waiting.waits_for)
    if spec.is_finally and not spec.upstream:
        upstream = "the end of all other jobs"
    match state.status:
        case JobStatus.HELD:
            also = f"; {upstream}" if upstream else ""
            return f"its release ({one_line(telling(state.reason))}){also}"
        case JobStatus.RESERVED:
            return "the queue's answer"
        case JobStatus.RUNNABLE:
            return "a slot" + (f": {one_line(telling(state.reason))}" if state.reason else "")
        case _:
            return upstream or _next_turn(waiting, header, now)


def _next_turn(waiting: Waiting, header: RunHeader, now: datetime) -> str:
    state, maximum = waiting.record.state, header.policy.max_concurrency
    if state.not_before is not None and state.not_before > now:
        wait = duration_text((state.not_before - now).total_seconds())
        return f"its next attempt, in {wait}: {one_line(telling(state.reason))}"
    if state.status is JobStatus.WAITING and maximum is not None:
        return f"a free place (maxConcurrency is {maximum})"
    return "the queue" if state.job_id else "the engine's next turn"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return f"{shown} and {len(names) - _NAMES} more" if len(names) > _NAMES else shown


def _advice(seen: Overview) -> list[Advice]:
    header = seen.header
    advice = []
    if seen.failed:
        advice.append(Advice(("explain", header.run_id), "why, in plain words"))
    logged = [record.spec.name for record in seen.failed if record.state.started_at]
    if logged:
        words = words_about(logged[0], ("logs",))
        advice.append(Advice(words, "what it wrote", logged[0], header.run_id))
    advice += advise_run(header)
    held = [each.record for each in seen.waiting if each.record.state.status is JobStatus.HELD]
    for record in held[:_ADVISED]:
        advice += advise_job(header, record.spec.name, record.state.status)[:1]
    return advice


def _shape(seen: Overview, now: datetime, holder: str | None) -> dict[str, Any]:
    return {
        "run": run_shape(seen.header),
        "seconds": None if (seconds := seen.seconds(now)) is None else round(seconds, 3),
        "drivenBy": holder,
        "failed": [_job_shape(seen, record) for record in seen.failed],
        "running": [_job_shape(seen, record) for record in seen.running],
        "waiting": [
            {
                **_job_shape(seen, each.record),
                "waitsFor": waits_for(each, seen.header, now),
            }
            for each in seen.waiting
        ],
    }
