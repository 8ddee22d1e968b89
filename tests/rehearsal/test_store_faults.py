"""F23 to F28, F33, F39 and F40: what can go wrong with what is kept, and with the time in it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.rehearsal.judging import judge
from tests.rehearsal.ledger import HEADERS, JOBS
from tests.rehearsal.plots import BY_NAME, Plot, job
from tests.rehearsal.suffering import calls_of, calls_to, possible, suffer, undisturbed
from tests.rehearsal.world import Rehearsal
from tests.simulation.chance import Chance
from tests.strict.acting import old_record
from tests.strict.answers import Call, Fault
from tests.strict.stage import Setup

MAX_ITEM = 400 * 1024  # bytes (ServiceQuotas)
OLD = "2021-11-23T14:55:01.123456"  # when the run of the old record began
WRITES = ("TransactWriteItems", "UpdateItem", "PutItem")


def largest_item(world: Rehearsal) -> int:
    tables = world.stage.dynamodb.tables
    return max(stored.size for name in (HEADERS, JOBS) for stored in tables[name].items.values())


def writes_of(name: str) -> list[int]:
    return [i for i, call in enumerate(calls_of(name)) if call.operation in WRITES]


def test_f23_a_reason_as_long_as_a_log_and_a_history_of_any_length_fit_into_items() -> None:
    retry = {"attempts": 40, "delaySeconds": 1}
    plot = Plot(
        name="long",
        jobs=[job("a", retry=retry), job("b", "a")],
        fails={"a": range(1, 31)},
        is_certain=False,
    )
    world = Rehearsal(plot)
    world.live(10.0)
    world.stage.batch.lose_host("x" * 100_000)
    judge(world.drive())
    assert world.status() == "SUCCEEDED"
    assert len(world.ledger.events(world.run_id)) > 90
    assert largest_item(world) < MAX_ITEM / 8


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.THROTTLE])
def test_f24_a_table_that_is_busy_is_asked_again_and_a_condition_that_fails_is_an_answer(
    fault: Fault,
) -> None:
    places = [
        i for i in writes_of("restart") if fault in possible(calls_of("restart")[i].operation)
    ]
    for index in Chance(f"f24 {fault}").sample(places, 5):
        suffer(BY_NAME["restart"], {index: fault})


def test_f24_a_table_that_is_busy_for_minutes_delays_and_changes_nothing() -> None:
    world = Rehearsal(BY_NAME["diamond"])
    calm = world.clock() + timedelta(minutes=3)
    chance = Chance("f24")

    def busy(call: Call) -> Fault | None:
        if call.service != "dynamodb" or call.at >= calm or chance.one_in(3):
            return None
        return chance.choice([Fault.THROTTLE, Fault.CONFLICT, Fault.SERVER_ERROR])

    world.weather = busy
    judge(world.drive())
    assert world.statuses() == undisturbed("diamond").statuses()


def test_f25_what_an_index_shows_late_decides_nothing() -> None:
    for index in calls_to("chain", "Query"):
        suffer(BY_NAME["chain"], {index: Fault.STALE_READ})


@pytest.mark.rehearse
@pytest.mark.parametrize(("operation", "name"), [("GetItem", "chain"), ("BatchGetItem", "restart")])
def test_f25_items_themselves_are_never_read_late(operation: str, name: str) -> None:
    for index in calls_to(name, operation):
        world = suffer(BY_NAME[name], {index: Fault.STALE_READ})
        assert operations(world) == operations(undisturbed(name))


def operations(world: Rehearsal) -> list[str]:
    return [call.operation for call in world.calls]


@pytest.mark.parametrize("lag", [60.0, 900.0])
def test_f25_a_run_that_the_index_does_not_show_yet_is_found_when_it_does(lag: float) -> None:
    [start] = calls_to("chain", "StartExecution")
    world = suffer(BY_NAME["chain"], {start: Fault.CRASH_BEFORE}, setup=Setup(index_lag=lag))
    assert world.seconds < lag + 600 + undisturbed("chain").seconds


def test_f26_whatever_was_written_before_the_end_of_a_function_is_gone_on_from() -> None:
    for index in Chance("f26").sample(writes_of("restart"), 8):
        suffer(BY_NAME["restart"], {index: Fault.CRASH_AFTER})


def test_f27_batches_that_come_back_unprocessed_are_asked_for_again() -> None:
    world = Rehearsal(BY_NAME["restart"])
    partial = iter([Fault.PARTIAL_BATCH] * 12)
    world.weather = lambda call: next(partial, None) if call.operation == "BatchGetItem" else None
    judge(world.drive())
    assert next(partial, None) is None
    assert world.statuses() == undisturbed("restart").statuses()
    assert world.seconds == undisturbed("restart").seconds  # by whoever asked, and at once


def test_f28_nothing_expires_of_a_run_that_goes_on_or_goes_on_again() -> None:
    failing = replace(BY_NAME["failure"], deeds=[])
    world = suffer(failing, {})
    assert world.ledger.headers()[world.run_id]["detailsUntil"]
    world.people.restart()
    world.sleep(days=200)
    assert world.stage.dynamodb.delete_expired() == 0
    judge(world.drive())
    assert world.status() == "SUCCEEDED"


def test_f28_details_expire_after_the_end_and_the_header_stays() -> None:
    world = suffer(BY_NAME["chain"], {})
    world.sleep(days=90)
    assert world.stage.dynamodb.delete_expired() == 0
    world.sleep(days=3)
    assert world.stage.dynamodb.delete_expired() == 5
    assert world.ledger.headers()[world.run_id]["scheduleStatus"] == "SUCCEEDED"
    assert world.ledger.statuses(world.run_id) == {}


@pytest.mark.rehearse
def test_f33_what_another_version_wrote_is_kept_and_gone_on_with() -> None:
    for index in Chance("f33").sample(range(10, len(calls_of("restart"))), 6):
        suffer(BY_NAME["restart"], {}, {index: write_from_the_future})


def write_from_the_future(world: Rehearsal) -> None:
    """Let a later version have added to every item, and to what travels between states."""
    for name in (HEADERS, JOBS):
        table = world.stage.dynamodb.tables[name]
        for key, stored in list(table.items.items()):
            later = {**stored.item, "ofTomorrow": {"S": "unknown today"}}
            table.write(key, table.checked(later), world.clock.milliseconds)
    for execution in world.stage.machine.running():
        execution.data["ofTomorrow"] = {"deep": ["unknown", "today"]}


def test_f33_a_record_of_the_first_version_is_restarted_whatever_it_is_cut_off_at() -> None:
    whole = with_an_old_record({})
    for index in Chance("f33 old").sample(range(1, len(whole.calls)), 6):
        for fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
            with_an_old_record({index: fault})


def with_an_old_record(faults: dict[int, Fault]) -> Rehearsal:
    """Restart a run as the first version left it in its table."""
    world = Rehearsal(Plot(name="old", jobs=[job("unused")]), faults, start=restart_the_old)
    table, item = world.stage.dynamodb.tables[HEADERS], old_record(OLD, "FAILED")
    table.write(table.key_in(item), table.checked(item), world.clock.milliseconds)
    world.drive()
    assert not world.stage.surprises
    assert world.status() == "SUCCEEDED"
    assert set(world.statuses().values()) == {"SUCCEEDED"}
    taken = [each.submission.tags["batch-scheduler:job"] for each in world.taken]
    assert sorted(taken) == ["job3", "job5"]
    return world


def restart_the_old(world: Rehearsal) -> None:
    world.people.restart(f"etl/{OLD}Z")


@pytest.mark.parametrize(
    "fault", [pytest.param(Fault.CRASH_BEFORE, marks=pytest.mark.rehearse), Fault.CRASH_AFTER]
)
def test_f39_the_history_is_what_the_items_of_jobs_say_wherever_a_write_was_cut_off(
    fault: Fault,
) -> None:
    for index in writes_of("chain"):
        world = suffer(BY_NAME["chain"], {index: fault})
        folded = {event.job: event.after for event in world.ledger.events(world.run_id)}
        assert folded == {**world.statuses(), "": world.status()}


@pytest.mark.parametrize("is_warm", [True, False], ids=["by process", "by call"])
@pytest.mark.parametrize(
    ("name", "lag"),
    [
        ("diamond", 0.0),
        pytest.param("retries", 200.0, marks=pytest.mark.rehearse),
        pytest.param("restart", 0.0, marks=pytest.mark.rehearse),
    ],
)
def test_f40_clocks_that_differ_by_minutes_order_nothing(
    name: str, lag: float, is_warm: bool
) -> None:
    for seed in range(2):
        setup = Setup(skew=300.0, listing_lag=lag, is_warm=is_warm, seed=seed)
        suffer(BY_NAME[name], {}, setup=setup)
        index = Chance(f"f40 {name} {seed}").choice(calls_to(name, "SubmitJob", setup=setup))
        world = suffer(BY_NAME[name], {index: Fault.LOST_REPLY}, setup=setup)
        assert len(world.taken) == len(undisturbed(name).taken)
