"""F29 to F32, F37 and F38: what people do while a run goes on, and what they are told of it."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.rehearsal.happenings import BY_PEOPLE
from tests.rehearsal.judging import judge
from tests.rehearsal.plots import BY_NAME, Plot, job
from tests.rehearsal.suffering import calls_by, calls_of, calls_to, possible, suffer, undisturbed
from tests.rehearsal.world import Rehearsal
from tests.simulation.chance import Chance
from tests.simulation.oracle import OVER
from tests.strict.answers import Call, Fault
from tests.strict.resources import DEFINITION

LIVE = replace(
    BY_NAME["failure"],
    jobs=[job("a"), job("b", "a"), job("c"), job("d", "c")],
    seconds={"c": 200.0},
    is_certain=False,
)
"""Something of it fails while other jobs still run."""


def jobs_taken(world: Rehearsal) -> Counter[str]:
    return Counter(each.submission.tags["batch-scheduler:job"] for each in world.taken)


def test_f29_a_restart_while_old_jobs_run_adopts_them_and_doubles_nothing() -> None:
    whole = suffer(LIVE, {})
    for index in Chance("f29").sample(range(7, len(whole.calls)), 8):
        world = suffer(LIVE, {}, {index: BY_PEOPLE["restart"]})
        assert jobs_taken(world)["c"] == jobs_taken(world)["d"] == 1
        is_restarted = world.ledger.headers()[world.run_id].get("generation", "1") != "1"
        assert world.status() == ("SUCCEEDED" if is_restarted else "FAILED")


@pytest.mark.parametrize(
    "fault", [pytest.param(Fault.CRASH_BEFORE, marks=pytest.mark.rehearse), Fault.CRASH_AFTER]
)
def test_f29_a_restart_that_is_cut_off_anywhere_is_whole_or_not_at_all(fault: Fault) -> None:
    people = [i for i, call in enumerate(calls_of("restart")) if not call.caller]
    for index in people[7:]:
        suffer(BY_NAME["restart"], {index: fault})


@pytest.mark.parametrize("name", ["diamond", "wide-fan-in"])
def test_f30_after_a_cancel_at_any_moment_nothing_new_is_reserved_and_nothing_goes_on(
    name: str,
) -> None:
    plot = replace(BY_NAME[name], is_certain=False)
    for index in Chance(f"f30 {name}").sample(calls_by(name, "submit_jobs"), 6):
        world = suffer(plot, {}, {index: BY_PEOPLE["cancel"]})
        assert world.status() in ("CANCELLED", "SUCCEEDED")


def test_f30_a_cancel_and_a_lost_submission_leave_no_job_without_a_run() -> None:
    plot = replace(BY_NAME["diamond"], is_certain=False)
    for index in calls_to("diamond", "SubmitJob"):
        for fault in (Fault.LOST_REPLY, Fault.CRASH_AFTER, Fault.CRASH_BEFORE):
            world = suffer(plot, {index: fault}, {index + 1: BY_PEOPLE["cancel"]})
            assert world.status() in ("CANCELLED", "SUCCEEDED")


@pytest.mark.parametrize("verb", ["pass", "terminate", "mark-failed", "mark-succeeded", "hold"])
def test_f31_a_verb_that_races_with_an_end_finds_one_of_the_two(verb: str) -> None:
    plot = replace(BY_NAME["chain"], is_certain=False)
    steps = calls_by("chain", "poll_jobs") + calls_by("chain", "record_history")
    for index in Chance(f"f31 {verb}").sample(steps, 4):
        world = suffer(plot, {}, {index: BY_PEOPLE[verb]})
        assert set(world.statuses().values()) <= OVER


def change_everything(world: Rehearsal) -> None:
    """Store another version of the schedule, and register another revision of its definition."""
    other = Plot(name="other", jobs=[job("a"), job("z", parameters={"script": "false"})])
    caller, world.stage.aws.caller = world.stage.aws.caller, ""
    world.stage.put(other.document())
    world.stage.aws.caller = caller
    world.stage.batch.registry.register(DEFINITION, {"image": "other"})


def test_f32_a_schedule_and_a_definition_that_are_changed_meanwhile_change_nothing() -> None:
    whole = undisturbed("restart")
    for index in Chance("f32").sample(range(7, len(whole.calls)), 8):
        world = suffer(BY_NAME["restart"], {}, {index: change_everything})
        assert requests(world) == requests(whole)


def requests(world: Rehearsal) -> list[tuple[str, Any]]:
    """What was submitted, without the ids of other jobs."""
    taken = sorted(world.taken, key=lambda each: each.submission.job_name)
    return [(each.submission.job_name, each.submission.request) for each in taken]


@pytest.mark.rehearse
@pytest.mark.parametrize("fault", possible("Publish"))
def test_f37_people_who_can_not_be_told_change_nothing_of_a_run(fault: Fault) -> None:
    for name in ("restart", "failure"):
        world = Rehearsal(BY_NAME[name])
        deaf_until = world.clock() + timedelta(minutes=10)

        def deaf(call: Call, deaf_until: Any = deaf_until) -> Fault | None:
            return fault if call.operation == "Publish" and call.at < deaf_until else None

        world.weather = deaf
        judge(world.drive())
        assert world.statuses() == undisturbed(name).statuses()
        assert jobs_taken(world) == jobs_taken(undisturbed(name))


def test_f37_an_end_that_could_not_be_told_by_an_execution_that_is_then_stopped_is_told() -> None:
    [end] = calls_to("chain", "Publish")
    world = suffer(BY_NAME["chain"], {end: Fault.LOST_REQUEST}, {end + 1: Rehearsal.abort})
    assert [notice["Subject"] for notice in world.stage.topics.published] == ["etl: run SUCCEEDED"]
    assert [each.status for each in world.stage.machine.executions.values()] == ["ABORTED"]


def test_f37_people_who_can_not_be_told_for_longer_than_anybody_tries_are_told_after_it() -> None:
    world = Rehearsal(BY_NAME["failure"])
    deaf_until = world.clock() + timedelta(hours=9)

    def deaf(call: Call) -> Fault | None:
        is_lost = call.operation == "Publish" and call.at < deaf_until
        return Fault.LOST_REQUEST if is_lost else None

    world.weather = deaf
    judge(world.drive())
    assert [notice["Subject"] for notice in world.stage.topics.published] == ["etl: run FAILED"]
    assert deaf_until <= world.clock() < deaf_until + timedelta(minutes=10)


@pytest.mark.parametrize("fault", [Fault.CRASH_AFTER, Fault.LOST_REPLY, Fault.SERVER_ERROR_AFTER])
def test_f38_what_is_told_twice_has_the_same_id_and_the_same_words(fault: Fault) -> None:
    for index in calls_to("restart", "Publish"):
        told = suffer(BY_NAME["restart"], {index: fault}).stage.topics.published
        ids = [notice["MessageAttributes"]["id"]["StringValue"] for notice in told]
        assert len(told) == len(calls_to("restart", "Publish")) + 1
        [twice] = [identity for identity, count in Counter(ids).items() if count == 2]
        first, second = [notice for notice, own in zip(told, ids, strict=True) if own == twice]
        assert first == second
