"""F1 to F12: what can go wrong between a reservation and the end of its job in AWS Batch."""

from collections.abc import Sequence

import pytest

from chalicelib.core.batch import Submission
from chalicelib.local.slots import Capacity
from tests.rehearsal.happenings import HARMLESS
from tests.rehearsal.judging import judge
from tests.rehearsal.plots import BY_NAME, Deed, Plot, act, ended, job, restart
from tests.rehearsal.suffering import calls_by, calls_to, suffer, undisturbed
from tests.rehearsal.world import Rehearsal
from tests.simulation.chance import Chance
from tests.strict.answers import Fault
from tests.strict.resources import STAGE
from tests.strict.stage import Setup

FENCE = 1500.0  # s that a lost submission is looked for (chalicelib/aws/batch_queue.py)


def submitted(world: Rehearsal) -> list[str]:
    """The jobs that the queue took, in order."""
    return [each.submission.tags["batch-scheduler:job"] for each in world.taken]


def acts(world: Rehearsal, name: str) -> list[str]:
    return [event.act for event in world.ledger.events(world.run_id) if event.job == name]


def test_f1_a_function_that_dies_before_it_submits_is_waited_for_and_then_it_is_done_once() -> None:
    for index in calls_to("diamond", "SubmitJob"):
        world = suffer(BY_NAME["diamond"], {index: Fault.CRASH_BEFORE})
        assert sorted(submitted(world)) == ["a", "b", "c", "d"]
        assert FENCE <= world.seconds < FENCE + 300


def test_f1_two_that_die_there_one_after_the_other_double_nothing_either() -> None:
    world = Rehearsal(BY_NAME["chain"])
    deaths = iter([Fault.CRASH_BEFORE] * 2)
    world.weather = lambda call: next(deaths, None) if call.operation == "SubmitJob" else None
    judge(world.drive())
    assert submitted(world) == ["a", "b", "c"]
    assert world.seconds >= 2 * FENCE


def test_f2_a_job_whose_function_died_before_it_could_note_the_id_is_adopted() -> None:
    for index in calls_to("chain", "SubmitJob"):
        world = suffer(BY_NAME["chain"], {index: Fault.CRASH_AFTER})
        assert submitted(world) == ["a", "b", "c"]
        assert world.seconds < undisturbed("chain").seconds + 60
        for name in "abc":
            assert acts(world, name).count("RESERVE") == acts(world, name).count("ACCEPT") == 1


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.SERVER_ERROR_AFTER])
def test_f3_no_layer_below_us_sends_a_submission_again(fault: Fault) -> None:
    setup = Setup(sends_again=True)
    for index in calls_to("chain", "SubmitJob", setup=setup):
        world = suffer(BY_NAME["chain"], {index: fault}, setup=setup)
        assert submitted(world) == ["a", "b", "c"]
        assert world.count("SubmitJob") == 3


@pytest.mark.parametrize("what", HARMLESS)
def test_f4_a_function_that_still_runs_when_it_is_called_again_doubles_nothing(what: str) -> None:
    for index in Chance(f"f4 {what}").sample(calls_by("diamond", "submit_jobs"), 4):
        world = suffer(BY_NAME["diamond"], {}, {index: HARMLESS[what]})
        assert sorted(submitted(world)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("lag", [5.0, 60.0, 250.0])
def test_f5_a_job_that_can_not_be_listed_yet_is_not_taken_for_lost(lag: float) -> None:
    setup = Setup(listing_lag=lag)
    for index in calls_to("chain", "SubmitJob", setup=setup):
        world = suffer(BY_NAME["chain"], {index: Fault.LOST_REPLY}, setup=setup)
        assert submitted(world) == ["a", "b", "c"]


def slept_through_a_week(*deeds: Deed) -> Rehearsal:
    """Nothing of ours ran for longer than AWS Batch remembers jobs that have ended."""
    jobs = [job("a"), job("b", "a"), job("c", "b", triggerRule="none failed")]
    world = Rehearsal(Plot(name="slept", jobs=jobs, deeds=deeds))
    world.live(2.0)
    world.sleep(days=8)
    return world.drive()


def test_f6_jobs_that_the_queue_forgot_end_as_not_found_and_are_not_run_again() -> None:
    world = slept_through_a_week()
    judge(world)
    assert world.statuses() == {"a": "NOTFOUND", "b": "NOTFOUND", "c": "UPSTREAM_FAILED"}
    assert world.status() == "FAILED"
    assert submitted(world) == ["a", "b"]
    assert world.count("DescribeJobs") < 30


def test_f6_what_was_not_found_runs_again_when_somebody_says_so() -> None:
    world = slept_through_a_week(Deed(ended, restart))
    judge(world)
    assert world.status() == "SUCCEEDED"
    assert submitted(world) == ["a", "b", "a", "b", "c"]


def many(count: int) -> Plot:
    return Plot(
        name="many",
        jobs=[job(f"job{number:04d}") for number in range(count)],
        seconds={f"job{number:04d}": 100.0 for number in range(count)},
        is_certain=False,
    )


def described_at_once(world: Rehearsal) -> list[int]:
    """How many DescribeJobs each poll of all jobs made, by the time of the poll."""
    at = [call.at for call in world.calls if call.operation == "DescribeJobs"]
    return [at.count(moment) for moment in dict.fromkeys(at)]


@pytest.mark.rehearse
def test_f7_more_jobs_than_one_reply_holds_are_asked_about_in_parts() -> None:
    world = Rehearsal(many(205)).drive()
    judge(world)
    assert set(world.statuses().values()) == {"SUCCEEDED"}
    assert max(described_at_once(world)) == 3
    broken = suffer(many(205), {_last_part(world): Fault.LOST_REPLY})
    assert set(broken.statuses().values()) == {"SUCCEEDED"}


def _last_part(world: Rehearsal) -> int:
    polls = [i for i, call in enumerate(world.calls) if call.operation == "DescribeJobs"]
    return polls[2]


@pytest.mark.parametrize(
    ("fault", "times"),
    [(Fault.THROTTLE, 1), (Fault.THROTTLE, 50), (Fault.LOST_REQUEST, 5), (Fault.SERVER_ERROR, 2)],
)
def test_f8_a_queue_that_is_out_of_breath_gets_everything_once_and_in_order(
    fault: Fault, times: int
) -> None:
    world = Rehearsal(BY_NAME["chain"])
    trouble = iter([fault] * times)
    world.weather = lambda call: next(trouble, None) if call.operation == "SubmitJob" else None
    judge(world.drive())
    assert submitted(world) == ["a", "b", "c"]
    assert world.status() == "SUCCEEDED"


def test_f9_a_submission_that_will_never_be_taken_fails_alone_and_at_once() -> None:
    definition = f"batch-scheduler-{STAGE}-odd"
    jobs = [job("a"), job("bad", jobDefinition=definition), job("b", "bad"), job("c", "a")]
    world = Rehearsal(Plot(name="poison", jobs=jobs), refused=frozenset({"SubmitJob"}))
    odd = world.stage.batch.registry.register(definition)
    world.hooks[5] = lambda world: world.stage.batch.registry.deregister(odd.arn)
    judge(world.drive())
    assert world.statuses() == {
        "a": "SUCCEEDED", "bad": "FAILED", "b": "UPSTREAM_FAILED", "c": "SUCCEEDED"
    }  # fmt: skip
    assert acts(world, "bad") == ["RESERVE", "REFUSE"]
    assert world.count("SubmitJob") == 3


def test_f10_a_job_that_finds_no_place_is_ended_after_its_time() -> None:
    huge = {"resourceRequirements": [{"type": "VCPU", "value": "64"}]}
    jobs = [job("a"), job("huge", containerOverrides=huge, runnableTimeout=300), job("b", "huge")]
    small = Setup(capacity=Capacity(4.0, 8192))
    world = Rehearsal(Plot(name="huge", jobs=jobs), setup=small).drive()
    judge(world)
    assert world.statuses() == {"a": "SUCCEEDED", "huge": "FAILED", "b": "UPSTREAM_FAILED"}
    [last] = [event for event in world.ledger.events(world.run_id) if event.after == "FAILED"][:1]
    assert "runnableTimeout of 300 s" in last.reason
    assert 300 <= world.seconds < 400


def race(second: float, delays: Sequence[float]) -> str:
    """Terminate a job after so many seconds; it takes 30."""
    jobs = [job("a"), job("b", "a", triggerRule="all done")]
    world = Rehearsal(Plot(name="race", jobs=jobs), delays=lambda _event: delays)
    world.live(second)
    world.do(act("TERMINATE", "a"))
    judge(world.drive())
    [detail] = world.stage.batch.describe([world.taken[0].job_id])
    assert world.statuses()["a"] == {"SUCCEEDED": "SUCCEEDED", "FAILED": "CANCELLED"}[detail.status]
    return world.statuses()["a"]


@pytest.mark.parametrize("delays", [(0.0,), (40.0,), (0.0, 45.0)])
def test_f11_whoever_ends_a_job_first_is_believed(delays: Sequence[float]) -> None:
    assert {race(second, delays) for second in (1.0, 28.0, 31.0)} == {"CANCELLED", "SUCCEEDED"}


class TriedTwice(Plot):
    """What may be tried again by the queue fails there the first time."""

    def script(self, submission: Submission, queue_attempt: int) -> tuple[float, int]:
        return 30.0, int("retryStrategy" in submission.request and queue_attempt == 1)


def test_f12_the_queues_own_second_attempt_is_no_second_submission() -> None:
    jobs = [job("a", retryStrategy={"attempts": 3}), job("b", "a")]
    plot = TriedTwice(name="tried", jobs=jobs, is_certain=False)
    whole = suffer(plot, {})
    for index in Chance("f12").sample(range(len(whole.calls)), 5):
        world = suffer(plot, {index: Fault.CRASH_AFTER})
        assert world.statuses() == {"a": "SUCCEEDED", "b": "SUCCEEDED"}
        assert [start.attempt for start in world.stage.batch.starts] == [1, 2, 1]
