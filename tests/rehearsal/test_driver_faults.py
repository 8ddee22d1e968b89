"""F18 to F22, F44 to F46, F50: what can go wrong with executions, and functions, that drive."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.errors import NotFoundError
from tests.rehearsal.happenings import HARMLESS, fates
from tests.rehearsal.judging import judge
from tests.rehearsal.plots import BY_NAME, Deed, Do, Plot, act, cancel, ended, has_run, job, start
from tests.rehearsal.suffering import calls_by, calls_of, suffer, undisturbed
from tests.rehearsal.world import Rehearsal
from tests.simulation.chance import Chance
from tests.strict.answers import Call, Fault
from tests.strict.bus import at_once
from tests.strict.stage import Setup

RATE = 20  # SubmitJob a second of a whole account (.chalice/config.json)
CRASHES = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
DEAF = fates(0)["lost"]


def executions(world: Rehearsal) -> list[str]:
    """How each execution ended, in the order of their starts."""
    return [each.status for each in world.stage.machine.executions.values()]


def steps_of_people(name: str) -> list[int]:
    return [i for i, call in enumerate(calls_of(name)[:20]) if not call.caller]


@pytest.mark.parametrize("fault", [*CRASHES, Fault.LOST_REPLY, Fault.LOST_REQUEST])
def test_f18_a_start_that_is_cut_off_anywhere_makes_one_run_and_reconcile_starts_it(
    fault: Fault,
) -> None:
    for index in steps_of_people("chain"):
        world = suffer(BY_NAME["chain"], {index: fault})
        assert len(world.ledger.headers()) == 1
        assert executions(world) == ["SUCCEEDED"]
        assert world.seconds < undisturbed("chain").seconds + 320


def test_f18_an_execution_that_somebody_started_makes_its_run_once_wherever_it_is_cut_off() -> None:
    whole = started_by_hand({})
    steps = [i for i, call in enumerate(whole.calls) if call.caller == "get_schedule"]
    for index in steps:
        for fault in (*CRASHES, Fault.LOST_REPLY):
            assert executions(started_by_hand({index: fault})) == ["SUCCEEDED"]


def started_by_hand(faults: dict[int, Fault]) -> Rehearsal:
    """Start the state machine with the message that users know."""
    plot = replace(BY_NAME["chain"], is_certain=False)
    world = Rehearsal(plot, faults, start=start_execution)
    judge(world.drive())
    assert len(world.ledger.headers()) == 1
    assert world.status() == "SUCCEEDED"
    return world


def start_execution(world: Rehearsal) -> None:
    message = {"scheduleId": "etl", "startDateTime": " ", "scheduleStatus": " "}
    arn = world.stage.states.arn
    request = {"stateMachineArn": arn, "name": "by-hand", "input": json.dumps(message)}
    world.stage.aws.client("stepfunctions").start_execution(**request)


def test_f19_a_name_that_is_taken_means_that_it_was_started() -> None:
    world = suffer(BY_NAME["chain"], {})
    [name] = world.stage.machine.executions
    payload = {"scheduleId": "etl", "startDateTime": "another", "scheduleStatus": "CONTINUE"}
    world.stage.ports.executions.start(name, payload)
    assert world.stage.aws.calls[-1].error == "ExecutionAlreadyExists"
    assert executions(world) == ["SUCCEEDED"]


def test_f19_no_generation_takes_the_name_of_another() -> None:
    again = replace(BY_NAME["chain"], deeds=[Deed(ended, act("RERUN", "a", downstream=True))] * 3)
    world = suffer(again, {})
    assert executions(world) == ["SUCCEEDED"] * 4
    assert world.count("StartExecution") == 4


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
@pytest.mark.parametrize("is_told", [True, False], ids=["told", "not told"])
def test_f20_what_an_execution_left_that_was_ended_from_outside_is_taken_up(
    status: str, is_told: bool
) -> None:
    for name in ("diamond", "restart"):
        steps = [i for i, call in enumerate(calls_of(name)) if call.caller]
        for index in Chance(f"f20 {status} {is_told}").sample(steps[:-15], 3):
            delays = at_once if is_told else DEAF
            world = Rehearsal(BY_NAME[name], hooks={index: end_all(status)}, delays=delays)
            judge(world.drive())
            assert world.statuses() == undisturbed(name).statuses()
            # Not told, a run that nothing drives is found by a reconcile after the fence.
            most = 60 if is_told else 900 + 300
            assert world.seconds <= undisturbed(name).seconds + most


def end_all(status: str) -> Do:
    def end(world: Rehearsal) -> None:
        for execution in world.stage.machine.running():
            world.stage.machine.abort(execution.name, status)

    return end


@pytest.mark.parametrize("function", ["submit_jobs", "poll_jobs", "record_history"])
def test_f20_a_driver_that_fails_for_good_says_so_and_another_is_found(function: str) -> None:
    world = Rehearsal(BY_NAME["diamond"])
    world.stage.breaks[function] = [NotFoundError("table", "gone")]
    world.drive()
    assert [type(each.error) for each in world.stage.surprises] == [NotFoundError]
    world.stage.surprises.clear()
    judge(world)
    assert executions(world) == ["FAILED", "SUCCEEDED"]
    assert "DRIVER_FAILED" in [event.act for event in world.ledger.events(world.run_id)]
    subjects = [notice["Subject"] for notice in world.stage.topics.published]
    assert subjects == ["etl: driver failed", "etl: run SUCCEEDED"]


def test_f21_a_hand_over_that_is_cut_off_anywhere_loses_no_run_and_no_two_act() -> None:
    setup = Setup(turns=1)
    steps = calls_by("chain", "record_history", setup)
    for index in Chance("f21").sample(steps, 6):
        for fault in CRASHES:
            world = suffer(BY_NAME["chain"], {index: fault}, setup=setup)
            assert len(executions(world)) >= 3
        for what in ("called twice", "lost from sight for a moment"):
            suffer(BY_NAME["chain"], {}, {index: HARMLESS[what]}, setup)


def test_f21_who_was_replaced_in_the_middle_of_a_function_leaves_it_to_the_next() -> None:
    for function in ("submit_jobs", "poll_jobs", "record_history"):
        index = calls_by("diamond", function)[1]
        suffer(BY_NAME["diamond"], {}, {index: HARMLESS["another execution takes over"]})


def test_f22_what_travels_between_states_is_small_whatever_the_graph() -> None:
    sizes = []
    for count in (1, 120):
        jobs = [job(f"{'long' * 25}-{number}") for number in range(count)]
        world = suffer(Plot(name="wide", jobs=jobs, is_certain=False), {})
        sizes.append(max(each.largest for each in world.stage.machine.executions.values()))
    assert max(sizes) - min(sizes) < 16
    assert max(sizes) <= 1024


@pytest.mark.parametrize("fate", ["doubled", "again much later", "reordered", "mixed"])
def test_f44_events_that_come_twice_or_in_any_order_change_nothing(fate: str) -> None:
    for name in ("restart", "retries"):
        world = Rehearsal(BY_NAME[name], delays=fates(4)[fate]).drive()
        judge(world)
        assert world.statuses() == undisturbed(name).statuses()


def test_f44_any_function_may_run_twice_at_once() -> None:
    functions = sorted({call.caller for call in calls_of("restart")} - {""})
    for function in functions:
        index = Chance(function).choice(calls_by("restart", function))
        suffer(BY_NAME["restart"], {}, {index: HARMLESS["called twice"]})


def test_f45_a_function_whose_time_runs_out_at_any_call_is_made_good() -> None:
    for index in Chance("f45").sample(calls_by("diamond", "submit_jobs"), 6):
        suffer(BY_NAME["diamond"], {}, {index: lambda world: world.stage.spend(301.0)})


def wide(**members: float) -> Plot:
    names = [f"job{number:02d}" for number in range(60)]
    seconds = dict.fromkeys(names, members.get("seconds", 30.0))
    return Plot(name="wide", jobs=[*map(job, names)], seconds=seconds, is_certain=False)


def slowly(world: Rehearsal) -> Rehearsal:
    """Let every call that functions make take 6 s: of 60 jobs no function can do its part."""

    def slow(call: Call) -> None:
        if call.caller:
            world.stage.spend(6.0)

    world.weather = slow
    return world


def test_f45_a_function_without_time_leaves_what_it_can_not_submit_to_the_next() -> None:
    world = slowly(Rehearsal(wide())).drive()
    judge(world)
    assert world.status() == "SUCCEEDED"
    assert world.count("SubmitJob") == 60
    at = [call.at for call in world.calls if call.operation == "SubmitJob"]
    assert max(at) - min(at) > timedelta(seconds=300)


def test_f45_a_function_without_time_leaves_what_it_can_not_look_for_to_the_next() -> None:
    world = Rehearsal(wide(seconds=1000.0))
    world.weather = lambda call: Fault.CRASH_AFTER if len(world.taken) == 40 else None
    world.live(1.0)
    judge(slowly(world).drive())
    assert world.status() == "SUCCEEDED"
    assert world.count("SubmitJob") == 60


def test_f45_a_function_without_time_leaves_what_it_can_not_end_to_the_next() -> None:
    world = Rehearsal(wide(seconds=7000.0))
    world.live(20.0)
    world.do(cancel)
    judge(slowly(world).drive())
    assert world.status() == "CANCELLED"
    assert world.seconds < 2000


def test_f46_processes_that_are_used_again_in_any_order_remember_nothing_false() -> None:
    names = ["diamond", "restart", "retries"]
    worlds = [Rehearsal(BY_NAME[name]) for name in names]
    chance = Chance("f46")
    for world in interleaved(worlds, chance):
        world.live(chance.choice([0.0, 1.0, 20.0]))
    for name, world in zip(names, worlds, strict=True):
        judge(world)
        assert world.statuses() == undisturbed(name).statuses()


def interleaved(worlds: list[Rehearsal], chance: Chance) -> Iterator[Rehearsal]:
    while going := [world for world in worlds if not world.is_over]:
        yield chance.choice(going)


def test_f46_two_runs_at_once_share_processes_and_nothing_else() -> None:
    world = suffer(replace(BY_NAME["diamond"], deeds=[Deed(has_run, start)], is_certain=False), {})
    assert len(world.ledger.headers()) == 2
    for run_id in world.ledger.headers():
        assert world.ledger.statuses(run_id) == undisturbed("diamond").statuses()


def test_f50_an_outage_of_everything_costs_its_own_length_and_ends_without_a_rush() -> None:
    jobs = [job("first"), *(job(f"job{n:02d}", "first") for n in range(30))]
    another = Deed(has_run, start)
    plot = Plot(name="herd", jobs=jobs, deeds=[another] * 3, is_certain=False)
    world = Rehearsal(plot)
    begins, ends = (world.clock() + timedelta(seconds=each) for each in (4, 6 * 3600))
    chance = Chance("f50")

    def outage(call: Call) -> Fault | None:
        if begins <= call.at < ends:
            return chance.choice([Fault.LOST_REQUEST, Fault.SERVER_ERROR, Fault.THROTTLE])
        return None

    world.weather = outage
    judge(world.drive())
    assert {each["scheduleStatus"] for each in world.ledger.headers().values()} == {"SUCCEEDED"}
    assert len(world.taken) == 4 * 31
    assert world.clock() < ends + timedelta(hours=1)
    assert busiest_second(world) <= 2 * RATE  # a second's worth, right after another's


def busiest_second(world: Rehearsal) -> int:
    """The most SubmitJob of any second."""
    at = [call.at for call in world.calls if call.operation == "SubmitJob"]
    return max(Counter(moment.replace(microsecond=0) for moment in at).values())
