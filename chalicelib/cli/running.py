"""The verbs that start runs, stay with them, and end them."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chalicelib.cli.exits import Exit
from chalicelib.cli.session import LARGEST, Session, read_file
from chalicelib.config import HTTP
from chalicelib.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from chalicelib.core.restarting import RestartPlan
    from chalicelib.core.run import RunHeader
    from chalicelib.services.waiting_starts import Waiting
    from chalicelib.verbs.asked import Start

_BREATH = 0.2  # s between two looks at a store that is near

Parameters = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter; may be repeated."),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Return at once; an engine drives it in the background.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]
AnyRun = Annotated[
    str,
    typer.Argument(metavar="[RUN]", help="A run's id or its beginning, or a schedule [latest]."),
]


def run(
    session: Session,
    file: Annotated[Path, typer.Argument(help="A schedule, JSON or YAML; - reads it from stdin.")],
    param: Parameters = None,
    detach: Detach = False,
    reason: Reason = "",
) -> Exit:
    """Put a schedule and start it: put + start."""
    content = read_file(file)
    session.edition.prepare()  # the host comes up while the document is read
    from chalicelib.core.loading import read

    with _all_of_it_to_last():
        verbs = session.verbs
        document = read(content, file.name)
        stored = verbs.schedules.put(document).stored
        started = verbs.runs.start(stored, _asked(param, reason), document)
    return _stay_with(session, started, detach=detach)


def start(
    session: Session,
    schedule: Annotated[str, typer.Argument(help="The id of a schedule that was put.")],
    param: Parameters = None,
    version: Annotated[
        int | None, typer.Option(max=LARGEST, help="A version of it [the newest].")
    ] = None,
    detach: Detach = False,
    reason: Reason = "",
) -> Exit:
    """Start a run of a schedule and wait for its end."""
    session.edition.prepare()
    with _all_of_it_to_last():
        stored = session.edition.ports.schedules.get_schedule(schedule, version)
        started = session.verbs.runs.start(stored, _asked(param, reason))
    return _stay_with(session, started, detach=detach)


def resume(
    session: Session,
    schedule: Annotated[
        str, typer.Argument(metavar="[SCHEDULE]", help="One that is paused [all unfinished runs].")
    ] = "",
    detach: Detach = False,
    reason: Reason = "",
) -> Exit:
    """Let a paused schedule start by itself again; or take up everything unfinished, and stay."""
    if schedule:
        return _resume_schedule(session, schedule, reason)
    if session.settings.edition == HTTP:
        told = "the server drives its runs by itself; name a SCHEDULE that is paused, or watch RUN"
        raise InvalidInputError.at("resume", told)
    from chalicelib.core.lifecycle import RunStatus
    from chalicelib.core.wording import counted

    edition = session.edition
    unfinished = edition.ports.runs.find_headers(status=RunStatus.RUNNING, limit=LARGEST)
    ids = [header.run_id for header in unfinished]
    if not ids:
        if edition.undelivered():
            _drive_all(session, ids)
        session.answer({"resumed": {}}, lambda: session.say("Nothing is unfinished."))
        return Exit.DONE
    if detach:
        left = edition.start_background()
        resumed = dict.fromkeys(ids, RunStatus.RUNNING.value)
        driven = f"An engine drives {counted(len(ids), 'run')} in the background ({left})."
        session.answer({"resumed": resumed}, lambda: session.say(driven))
        return Exit.DONE
    if not session.as_json:
        session.say(f"Resuming {', '.join(ids)}.")
    _drive_all(session, ids)
    ended = [edition.ports.runs.get_header(run_id) for run_id in ids]
    outcomes = {header.run_id: header.status.value for header in ended}
    session.answer({"resumed": outcomes}, lambda: _say_outcomes(session, outcomes))
    failed = any(header.status is not RunStatus.SUCCEEDED for header in ended)
    return Exit.RUN_FAILED if failed else Exit.DONE


def _resume_schedule(session: Session, schedule: str, reason: str) -> Exit:
    from chalicelib.services.timing_shapes import paused_shape

    pause = session.verbs.timing.resume(schedule, reason)
    sentence = f"{schedule} is resumed: its triggers start runs from now on."
    session.answer(paused_shape(schedule, pause), lambda: session.say(sentence))
    return Exit.DONE


def watch(session: Session, run: AnyRun = "") -> Exit:
    """Follow a run until it ends, driving it if nobody does."""
    from chalicelib.cli.progress import last_event

    try:
        header = session.find_run(run)
    except NotFoundError as error:
        return _watch_start(session, run, error)
    return _stay(session, header, detach=False, since=last_event(session, header))


def _watch_start(session: Session, run: str, no_run: NotFoundError) -> Exit:
    from chalicelib.cli.schedule_pages import show_start
    from chalicelib.services.waiting_starts import Waiting

    start = show_start(session, run, no_run)
    return Exit.DETACHED if isinstance(start, Waiting) else Exit.RUN_CANCELLED


def restart(
    session: Session,
    run: AnyRun = "",
    plan: Annotated[bool, typer.Option("--plan", help="Only print what it would do.")] = False,
    detach: Detach = False,
    reason: Reason = "",
) -> Exit:
    """Go on with a run where it stopped: run what is not done, and only that."""
    from chalicelib.cli.progress import last_event
    from chalicelib.services.shapes import restart_shape

    header, verbs = session.find_run(run), session.verbs.runs
    if plan:
        preview = verbs.preview_restart(header.run_id)
        session.answer(restart_shape(preview), lambda: _say_plan(session, preview))
        return Exit.DONE
    since = last_event(session, header)
    done = verbs.restart(header.run_id, reason)
    if not session.as_json:
        _say_plan(session, done)
    return _stay(session, done.header, detach=detach, since=since)


def cancel(session: Session, run: AnyRun = "", detach: Detach = False, reason: Reason = "") -> Exit:
    """End a run: nothing more of it starts, what runs is terminated. Or a start that waits."""
    from chalicelib.cli.progress import last_event

    try:
        header = session.find_run(run)
    except NotFoundError as error:
        return _cancel_start(session, run, reason, error)
    since = last_event(session, header)
    cancelled = session.verbs.runs.cancel(header.run_id, reason)
    code = _stay(session, cancelled, detach=detach, since=since)
    return Exit.DONE if code is Exit.RUN_CANCELLED else code


def _cancel_start(session: Session, run: str, reason: str, no_run: NotFoundError) -> Exit:
    """Take away the start of which that run is to come. Raises `no_run` where there is none."""
    from chalicelib.services.timing_shapes import dropped_shape

    if "/" not in run:
        raise no_run
    try:
        dropped = session.verbs.timing.cancel_start(run, reason)
    except NotFoundError:
        raise no_run from None
    sentence = f"The start {run} is taken away: it becomes no run."
    session.answer(dropped_shape(dropped), lambda: session.say(sentence))
    return Exit.DONE


@contextmanager
def _all_of_it_to_last() -> Iterator[None]:
    """What is made meanwhile is no garbage: not to look for any spares a large run 30 ms."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _asked(param: Sequence[str] | None, reason: str) -> "Start":
    from chalicelib.verbs.asked import Start

    parameters: dict[str, object] = {}
    for text in param or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInputError.at("--param", f"{text!r} is not NAME=VALUE")
        parameters[name.strip()] = value
    return Start(parameters=parameters, reason=reason)


def _stay_with(session: Session, started: "RunHeader | Waiting", *, detach: bool) -> Exit:
    """Wait for the end of what was started, unless it waits itself: then say so, and leave it."""
    from chalicelib.core.run import RunHeader

    if isinstance(started, RunHeader):
        return _stay(session, started, detach=detach)
    from chalicelib.cli.schedule_pages import print_waiting
    from chalicelib.services.timing_shapes import waiting_shape

    session.answer(waiting_shape(started), lambda: print_waiting(session, [started]))
    return Exit.DONE if detach else Exit.DETACHED


def _stay(session: Session, header: "RunHeader", *, detach: bool, since: int = 0) -> Exit:
    """Wait for the end of the run, telling what happens in it after the event `since`."""
    from chalicelib.cli.accompanying import accompany
    from chalicelib.cli.ending import tell_end
    from chalicelib.cli.operating import ensure_driven
    from chalicelib.services.shapes import run_shape

    if not session.as_json:
        session.say(f"Run {header.run_id}")
    if detach:
        if session.as_json:
            session.write_json(run_shape(header))
        ensure_driven(session, header.run_id)
        return Exit.DONE
    code = accompany(session, header.run_id, f"run {header.run_id}", since)
    ended = session.edition.ports.runs.get_header(header.run_id)
    session.answer(run_shape(ended), lambda: tell_end(session, ended))
    return code


def _drive_all(session: Session, ids: Sequence[str]) -> None:
    """Drive everything, or wait for these runs while another drives them."""
    from chalicelib.cli.accompanying import TO_DELIVER, tell_undelivered
    from chalicelib.core.lifecycle import RunStatus

    session.edition.look_after()
    runs, left = session.edition.ports.runs, list(ids)
    with session.edition.driver("resume") as driver:
        while not driver.is_idle:
            driver.step(max(_BREATH, driver.pause))
            if driver.is_driving:
                continue
            while left and runs.get_header(left[-1]).status is not RunStatus.RUNNING:
                left.pop()
            if not left:
                return
        undelivered = driver.deliver(TO_DELIVER)
    tell_undelivered(session, undelivered)


def _say_outcomes(session: Session, outcomes: dict[str, str]) -> None:
    for run_id, status in outcomes.items():
        session.say(f"{status:10} {run_id}")


def _say_plan(session: Session, plan: "RestartPlan") -> None:
    session.say(f"Run {plan.header.run_id}, generation {plan.header.generation}")
    for words, names in (
        ("run again", [name for name in plan.again if name not in plan.at_end]),
        ("and again at the end", plan.at_end),
        ("adopt as they are", plan.adopt),
        ("keep as done", plan.keep),
        ("IN DOUBT, may have done their work already", plan.in_doubt),
    ):
        if names:
            session.say(f"  {words} ({len(names)}): {', '.join(names[:20])}"
                        + (f" and {len(names) - 20} more" if len(names) > 20 else ""))  # fmt: skip
