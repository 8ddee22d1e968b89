"""The faults that have a name in the catalogue, F4 to F12 and F32, one by one."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from chalicelib.core.batch import QueueLimits
from chalicelib.core.loading import load
from chalicelib.core.schedule import TriggerRule
from chalicelib.errors import BackendError, ConflictError
from chalicelib.services import runs, schedules
from tests.simulation.faults import Crash, Fault
from tests.simulation.oracle import judge
from tests.simulation.scenarios import (
    BY_NAME,
    REQUEST,
    SCENARIOS,
    Scenario,
    act,
    job,
)
from tests.simulation.world import World

LAGGING = QueueLimits(fence=60.0, empty_lookups=3)
HAUNTED = ("diamond", "engine-retry", "cancel", "restart", "two-at-once")


def calls_of(name: str) -> int:
    world = World(BY_NAME[name])
    world.drive()
    return len(world.tap.calls)


def haunted(world: World, index: int, steps: int) -> None:
    """A new engine takes over in the middle of a call, and the old one wakes up again."""
    successors = []

    def take_over() -> None:
        successor = world.engine()
        successors.append(successor)
        for _ in range(steps):
            if not world.is_over:
                world.step(successor)

    world.tap.hooks[index] = take_over
    old = world.engine()
    while not successors and not world.is_over:
        try:
            world.step(old)
        except ConflictError:
            assert successors
    world.engines(old, *successors)


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("name", HAUNTED)
def test_f4_an_engine_that_was_replaced_doubles_nothing(name: str, steps: int) -> None:
    for index in range(calls_of(name)):
        world = World(BY_NAME[name])
        haunted(world, index, steps)
        judge(world.evidence())


def test_f4_an_engine_that_was_replaced_stops_driving() -> None:
    world = World(BY_NAME["chain"])
    old = world.engine()
    new = world.engine()
    with pytest.raises(ConflictError, match="Another engine has taken over"):
        world.step(old)
    world.engines(new)
    judge(world.evidence())


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("name", HAUNTED)
def test_f4_two_engines_that_know_nothing_of_each_other_double_nothing(
    name: str, steps: int
) -> None:
    for index in range(calls_of(name)):
        world = World(BY_NAME[name], limits=QueueLimits(fence=600.0), is_fenced=False)
        haunted(world, index, steps)
        judge(world.evidence())


@pytest.mark.parametrize("fault", [None, *Fault])
@pytest.mark.parametrize("name", ["chain", "diamond", "wide-fan-in", "failure"])
def test_f5_jobs_that_can_not_be_found_at_first_are_neither_lost_nor_doubled(
    name: str, fault: Fault | None
) -> None:
    whole = World(BY_NAME[name])
    whole.drive()
    for index, operation in enumerate(whole.tap.calls):
        if operation != "submit" and fault is not None:
            continue
        faults = {index: fault} if fault else {}
        world = World(BY_NAME[name], faults, listing_lag=20.0, limits=LAGGING)
        world.drive()
        judge(world.evidence())
        assert world.statuses() == whole.statuses()
        if fault is None:
            return


def test_f6_jobs_that_the_queue_forgot_end_as_not_found() -> None:
    world = slept_through_a_week()
    world.drive()
    judge(world.evidence())
    assert world.statuses() == {"a": "NOTFOUND", "b": "NOTFOUND", "c": "UPSTREAM_FAILED"}
    assert world.header.status == "FAILED"
    assert world.tap.calls.count("describe") < 10


def test_f6_what_was_not_found_runs_again_only_when_somebody_says_so() -> None:
    world = slept_through_a_week()
    world.drive()
    submitted = len(world.taken)
    world.restart()
    world.drive()
    judge(world.evidence())
    assert world.header.status == "SUCCEEDED"
    assert len(world.taken) > submitted


def slept_through_a_week() -> World:
    """All engines were gone for longer than the queue remembers jobs that have ended."""
    jobs = [job("a"), job("b", "a"), job("c", "b", trigger_rule=TriggerRule.NONE_FAILED)]
    world = World(Scenario(name="slept", jobs=jobs))
    world.drive(steps=2)
    world.sleep(days=8)
    return world


def test_f8_a_queue_that_throttles_gets_everything_once_in_the_end() -> None:
    for throttled in range(1, 12):
        faults = dict.fromkeys(range(throttled), Fault.REFUSED_FOR_NOW)
        world = World(BY_NAME["diamond"], faults)
        world.drive()
        judge(world.evidence())
        assert world.header.status == "SUCCEEDED"


def test_f9_a_submission_that_the_queue_will_never_take_fails_alone_and_at_once() -> None:
    poison = {"containerOverrides": {"command": ["true"], "memory": 1}}
    jobs = [job("a"), job("bad", request={**REQUEST, **poison}), job("b", "bad"), job("c", "a")]
    world = World(Scenario(name="poison", jobs=jobs))
    world.drive()
    judge(world.evidence())
    assert world.statuses() == {
        "a": "SUCCEEDED", "bad": "FAILED", "b": "UPSTREAM_FAILED", "c": "SUCCEEDED"
    }  # fmt: skip
    assert "the queue refused it" in world.state_of("bad").reason
    assert [event.act for event in world.store.events(world.run_id, job="bad")] == [
        "RESERVE",
        "REFUSE",
    ]


def test_f10_a_job_that_finds_no_place_is_ended_after_its_time() -> None:
    huge = {**REQUEST, "containerOverrides": {"command": ["true"], "vcpus": 64}}
    jobs = [job("a"), job("huge", request=huge, runnable_timeout=300), job("b", "huge")]
    world = World(Scenario(name="huge", jobs=jobs))
    world.drive()
    judge(world.evidence())
    assert world.statuses() == {"a": "SUCCEEDED", "huge": "FAILED", "b": "UPSTREAM_FAILED"}
    assert "runnableTimeout of 300 s" in world.state_of("huge").reason
    assert 300 <= world.seconds < 310


def test_f11_whoever_ends_a_job_first_is_believed() -> None:
    ends = set()
    for second in range(6):
        world = World(Scenario(name="race", jobs=[job("a"), job("b")]))
        world.drive(steps=second)
        world.try_to(act("TERMINATE", "a"))
        world.drive()
        judge(world.evidence())
        said = world.queue.describe([world.state_of("a").job_id])
        succeeded = [detail.status for detail in said] == ["SUCCEEDED"]
        expected = "SUCCEEDED" if succeeded else "CANCELLED"
        assert world.status_of("a") == expected
        ends.add(expected)
    assert ends == {"SUCCEEDED", "CANCELLED"}


def test_f12_the_queues_own_second_attempt_is_no_second_submission() -> None:
    retried = {**REQUEST, "retryStrategy": {"attempts": 3}}
    scenario = RetriedThere(name="retried", jobs=[job("a", request=retried), job("b", "a")])
    for index in range(12):
        world = World(scenario, {index: Fault.CRASH_AFTER})
        world.drive()
        judge(world.evidence())
        assert world.statuses() == {"a": "SUCCEEDED", "b": "SUCCEEDED"}
        assert [start.attempt for start in world.queue.starts] == [1, 2, 1]


class RetriedThere(Scenario):
    """Every job that may be tried again by the queue fails there the first time."""

    def script(self, submission: Any, queue_attempt: int) -> tuple[float, int]:
        return 2.0, int("retryStrategy" in submission.request and queue_attempt == 1)


def test_f32_a_schedule_that_is_replaced_while_it_runs_changes_nothing() -> None:
    undisturbed = started_from_a_document()
    undisturbed.drive()
    for index in range(len(undisturbed.tap.calls)):
        world = started_from_a_document()

        def replace_it(world: World = world) -> None:
            schedules.put(world.raw, load(document(["a", "z"], command=["false"])), "eve")

        world.tap.hooks[index] = replace_it
        world.drive()
        assert world.statuses() == undisturbed.statuses()
        assert [taken.submission for taken in world.taken] == [
            taken.submission for taken in undisturbed.taken
        ]


def document(names: list[str], **members: Any) -> Mapping[str, Any]:
    listed = [{"jobName": name, "command": ["true"], **members} for name in names]
    return {"scheduleId": "pinned", "jobList": listed, "wait_time": 10}


def started_from_a_document() -> World:
    world = World(Scenario(name="pinned", jobs=[]))
    model = load(document(["a", "b", "c"]))
    stored = schedules.put(world.raw, model, "ada")
    world.run_id = runs.start(world.raw, stored, runs.StartRequest(actor="ada")).run_id
    return world


def test_f45_a_failure_that_will_not_pass_ends_the_engine_with_its_words_and_loses_nothing() -> (
    None
):
    for index in range(calls_of("diamond")):
        world = World(BY_NAME["diamond"], hooks={index: break_down})
        with pytest.raises(BackendError, match="the disk is full"):
            world.drive()
        world.drive()
        judge(world.evidence())
        assert world.header.status == "SUCCEEDED"


def break_down() -> None:
    raise BackendError("store", "write", "the disk is full", retryable=False)


def test_f47_an_engine_that_dies_at_every_call_it_makes_still_gets_to_the_end() -> None:
    for scenario in SCENARIOS:
        world = World(scenario)
        while not world.is_over:
            step_and_die(world)
        judge(world.evidence())


def step_and_die(world: World) -> None:
    """A new engine makes a few calls, and dies."""
    calls = len(world.tap.calls)
    world.crashes += 1
    world.tap.hooks[calls + 5 + world.crashes % 5] = die
    engine = world.engine()
    with suppress(Crash):
        while not world.is_over:
            world.step(engine)


def die() -> None:
    raise Crash("killed")


def test_f50_an_outage_of_store_and_queue_costs_its_own_length_and_no_more() -> None:
    whole = World(BY_NAME["diamond"])
    whole.drive()
    world = World(BY_NAME["diamond"], dict.fromkeys(range(8, 308), Fault.LOST_REQUEST))
    world.drive()
    judge(world.evidence())
    assert world.statuses() == whole.statuses()
    assert world.seconds < whole.seconds + 320


def test_f5_one_empty_look_up_is_not_believed_where_several_are_asked_for() -> None:
    whole = World(BY_NAME["chain"])
    whole.drive()
    limits = QueueLimits(fence=0.0, empty_lookups=10)
    for index, operation in enumerate(whole.tap.calls):
        if operation == "submit":
            faults = {index: Fault.LOST_REPLY}
            world = World(BY_NAME["chain"], faults, listing_lag=5.0, limits=limits)
            world.drive()
            judge(world.evidence())
            assert world.statuses() == whole.statuses()
