"""What holds of every graph, whatever happens to it and in whatever order."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.batch import QueueLimits
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus, may_follow
from chalicelib.core.operating import operate
from chalicelib.core.planning import plan
from chalicelib.core.restarting import plan_restart
from chalicelib.core.run import JobState, Run, RunHeader, initial_states
from chalicelib.core.schedule import JobSpec, OnFailure
from chalicelib.errors import ConflictError
from tests.unit.graphs import (
    DONE,
    ENDED,
    headers,
    job_lists,
    lets_go,
    may_be_handed_over,
    predict,
    told_upstream,
    upstream_of,
)
from tests.unit.runs import NOW, order, state
from tests.unit.worlds import LIMITS, REPLIES, VERBS, Script, World

J = JobStatus
scripts = st.lists(st.integers(0, 250), max_size=150).map(Script)
letters = st.sets(st.sampled_from("abcdefyz"))
QUIET = ("move", "move", "move", "turn")
PATIENT_REPLIES = [reply for reply in REPLIES if reply != "refuse"]
UNQUIET = (*QUIET, "turn", "act", "act", "lose", "cancel", "restart")


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run in any state whatever, reachable or not."""
    specs = draw(job_lists())
    states: Mapping[str, JobState] = {
        item.name: state(item.name, draw(st.sampled_from(JobStatus))) for item in specs
    }
    status = draw(st.sampled_from(RunStatus))
    if not all(item.status in ENDED for item in states.values()):
        status = RunStatus.RUNNING
    return Run(replace(draw(headers), status=status), specs, states)


def fresh(head: RunHeader, specs: list[JobSpec]) -> Run:
    return Run(head, specs, initial_states(specs))


@given(headers, job_lists(), scripts, letters)
def test_a_run_ends_whatever_operators_and_the_queue_do_to_it(
    head: RunHeader, specs: list[JobSpec], script: Script, failing: set[str]
) -> None:
    world = World(fresh(head, specs), script, failing.__contains__, REPLIES)
    world.play(UNQUIET)
    assert world.run.is_settled
    assert not world.queue.open


@given(headers, job_lists(gates=False), scripts, letters)
def test_how_a_run_ends_does_not_depend_on_what_happens_when(
    head: RunHeader, specs: list[JobSpec], script: Script, failing: set[str]
) -> None:
    patient = replace(head, policy=replace(head.policy, on_failure=OnFailure.CONTINUE))
    world = World(fresh(patient, specs), script, failing.__contains__, PATIENT_REPLIES)
    world.play(QUIET)
    ends = {name: str(item.status) for name, item in world.run.states.items()}
    assert ends == predict(world.run.specs, failing)


@given(headers, job_lists(), scripts, letters)
def test_nothing_is_submitted_once_a_cancel_is_answered(
    head: RunHeader, specs: list[JobSpec], script: Script, failing: set[str]
) -> None:
    world = World(fresh(head, specs), script, failing.__contains__, REPLIES)
    while script:
        world.happen(script.pick(UNQUIET))
    world.cancel()
    submitted = len(world.queue.jobs)
    world.play(())
    assert len(world.queue.jobs) == submitted


@given(runs())
def test_a_plan_says_the_same_of_the_same_run(run: Run) -> None:
    states = dict(run.states)
    assert plan(run, NOW, LIMITS) == plan(run, NOW, LIMITS)
    assert run.states == states


@given(runs())
def test_a_plans_changes_are_made_once(run: Run) -> None:
    changed: list[str] = []
    while changes := plan(run, NOW, LIMITS).changes:
        changed += [item.job for item in changes]
        run.apply(changes)
    # A job expires or is wanted back before it is cancelled, never twice the same.
    assert len(changed) == len(set(changed))


@given(runs())
def test_what_is_handed_over_is_allowed_and_fits(run: Run) -> None:
    todo = plan(run, NOW, LIMITS)
    assert all(may_be_handed_over(run, item.job, item.depends_on, NOW) for item in todo.hand_over)
    assert all(len(item.depends_on) <= LIMITS.max_dependencies for item in todo.hand_over)
    assert {job_id for item in todo.hand_over for job_id in item.depends_on} <= set(run.live)
    maximum = run.header.policy.max_concurrency
    if maximum is not None and todo.hand_over:
        assert run.occupied + len(todo.hand_over) <= maximum


@given(runs())
def test_what_may_go_is_handed_over(run: Run) -> None:
    roomy = replace(run.header, policy=replace(run.header.policy, max_concurrency=None))
    free = Run(roomy, run.specs.values(), run.states)
    todo = plan(free, NOW, QueueLimits())
    if not todo.changes:
        handed = {item.job for item in todo.hand_over}
        told = {name: told_upstream(free, name) for name in free.specs}
        allowed = {name for name in told if may_be_handed_over(free, name, told[name], NOW)}
        assert handed == allowed


@given(runs(), st.sampled_from(VERBS), st.sets(st.integers(0, 7)), st.booleans())
def test_an_operation_is_allowed_by_the_table_and_refuses_with_words(
    run: Run, act: Act, numbers: set[int], downstream: bool
) -> None:
    names = [name for number, name in enumerate(run.specs) if number in numbers]
    operation = operate(run, names, order(act, downstream=downstream))
    told = {item.job for item in operation.refusals}
    acted = {item.job for item in operation.changes}
    assert set(names) <= told | acted
    assert all(item.sentence.endswith(".") for item in operation.refusals)
    for change in operation.changes:
        assert may_follow(change.before.status, change.act, change.after.status)
        assert change.after.attempt == change.before.attempt


@given(runs(), st.sampled_from(VERBS))
def test_what_is_revived_is_not_doomed_and_nothing_that_could_be_is_left(
    run: Run, act: Act
) -> None:
    name = next(iter(run.specs))
    operation = operate(run, [name], order(act))
    revived = {item.job for item in operation.changes if item.act is Act.REVIVE}
    run.apply(operation.changes)
    run.header = operation.header
    doomed = {item.job for item in plan(run, NOW, LIMITS).changes if item.act is Act.DOOM}
    assert not revived & doomed
    for down in run.downstream[name] if revived else ():
        above = [run.states[up].status for up in upstream_of(run.specs, down)]
        left = run.states[down].status is J.UPSTREAM_FAILED
        assert not (left and lets_go(run.specs[down].trigger_rule, above))


@given(runs())
def test_a_restart_keeps_what_is_done_and_adopts_what_is_live(run: Run) -> None:
    try:
        again = plan_restart(run, order(Act.RESTART))
    except ConflictError:
        open_ends = {item.status for item in run.states.values()} & (ENDED - DONE)
        assert run.header.cancelling or not open_ends
        return
    changed = {item.job: item for item in again.changes}
    told = {*again.keep, *again.adopt, *again.again}
    assert len(told) == len(again.keep) + len(again.adopt) + len(again.again)
    untouched = {run.states[name].status for name in set(run.specs) - told}
    assert untouched <= {JobStatus.WAITING, JobStatus.HELD}
    assert tuple(changed) == again.again
    for name, item in changed.items():
        skipped = item.before.status is JobStatus.SKIPPED
        is_finally = run.specs[name].is_finally  # which ends every generation
        assert not skipped or is_finally or set(upstream_of(run.specs, name)) & set(changed)
        assert item.before.status not in DONE or skipped or is_finally
        assert may_follow(item.before.status, item.act, item.after.status)
        assert item.after.attempt == item.before.attempt
    assert all(run.states[name].status not in ENDED for name in again.adopt)
    assert {name for name in run.specs if run.states[name].status in ENDED - DONE} <= set(changed)
