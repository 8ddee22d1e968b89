"""What operators do to a run and to its jobs; every act goes on record with who asked for it."""

from chalicelib.api.acting import accepted, operated
from chalicelib.api.answering import Answer
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import JobsBody, MarkBody, Nothing, ReasonBody, RerunBody
from chalicelib.core.lifecycle import Act
from chalicelib.core.selecting import parse_statuses
from chalicelib.errors import InvalidInputError, NotFoundError
from chalicelib.services import operations, redoing
from chalicelib.services.operations import Selection
from chalicelib.services.repeating import Turn
from chalicelib.services.shapes import restart_shape

run_acts = Resource(__name__)

_MARKS = {"succeeded": Act.MARK_SUCCEEDED, "failed": Act.MARK_FAILED}


@run_acts.handles("plan_restart")
def plan_restart(desk: Desk) -> Answer:
    """What a restart would do now."""
    desk.query(Nothing)
    order = desk.order(Act.RESTART, "", desk.now)
    return Answer(body=restart_shape(operations.preview_restart(desk.ports, desk.run_id, order)))


@run_acts.handles("restart_run")
def restart_run(desk: Desk) -> Answer:
    """Go on with a run where it stopped."""
    reason, run = desk.body(ReasonBody).reason, desk.run_id
    return desk.once(
        lambda turn: accepted(
            redoing.restart(
                desk.ports, run, desk.order(Act.RESTART, reason, turn.at), again=turn.again
            )
        )
    )


@run_acts.handles("cancel_run")
def cancel_run(desk: Desk) -> Answer:
    """End a run: nothing more of it starts, what runs is terminated."""
    reason, run = desk.body(ReasonBody).reason, desk.run_id
    return desk.once(
        lambda turn: accepted(
            redoing.cancel(
                desk.ports, run, desk.order(Act.CANCEL, reason, turn.at), again=turn.again
            )
        )
    )


@run_acts.handles("hold_jobs")
def hold_jobs(desk: Desk) -> Answer:
    """Hold jobs back until they are released."""
    return _operate(desk, Act.HOLD, desk.body(JobsBody))


@run_acts.handles("release_jobs")
def release_jobs(desk: Desk) -> Answer:
    """Let held jobs go on."""
    return _operate(desk, Act.RELEASE, desk.body(JobsBody))


@run_acts.handles("pass_jobs")
def pass_jobs(desk: Desk) -> Answer:
    """Count jobs as done without running them; what waits for them goes on."""
    return _operate(desk, Act.PASS, desk.body(JobsBody))


@run_acts.handles("terminate_jobs")
def terminate_jobs(desk: Desk) -> Answer:
    """End jobs, whether they have started or not."""
    return _operate(desk, Act.TERMINATE, desk.body(JobsBody))


@run_acts.handles("mark_jobs")
def mark_jobs(desk: Desk) -> Answer:
    """Say what became of jobs that have ended, where nobody saw it or it was wrong."""
    asked = desk.body(MarkBody)
    return _operate(desk, _MARKS[asked.outcome], asked)


@run_acts.handles("rerun_jobs")
def rerun_jobs(desk: Desk) -> Answer:
    """Run jobs once more, whatever became of them."""
    asked = desk.body(RerunBody)
    return _operate(desk, Act.RERUN, asked, downstream=asked.downstream)


def _operate(desk: Desk, act: Act, asked: JobsBody, *, downstream: bool = False) -> Answer:
    selection = _selection(desk.run_id, asked)

    def do(turn: Turn) -> Answer:
        order = desk.order(act, asked.reason, turn.at, downstream=downstream)
        shape = redoing.act_on_jobs(desk.ports, selection, order, again=turn.again)
        return operated(shape)

    return desk.once(do)


def _selection(run_id: str, asked: JobsBody) -> Selection:
    if not asked.jobs and not asked.status:
        raise InvalidInputError.at("$.jobs", "is missing", allowed="jobs, or a status")
    try:
        statuses = parse_statuses(asked.status)
    except NotFoundError as error:
        raise InvalidInputError.at("$.status", str(error)) from error
    return Selection(run_id=run_id, patterns=asked.jobs, statuses=statuses)
