"""What starts runs on AWS, while functions are doubled, cut off, late, and calls of theirs fail."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import count, permutations
from typing import Any

import pytest

from chalicelib.core.access import Role
from chalicelib.core.naming import execution_name
from chalicelib.core.run import RunHeader
from tests.simulation.faults import Crash
from tests.strict.acting import TWO, befall, document, ends, until
from tests.strict.answers import Fault
from tests.strict.api_lives import Caller, caller
from tests.strict.bus import scheduled
from tests.strict.front import Reply
from tests.strict.stage import Setup, StrictStage
from tests.strict.timed_lives import AFTER_ETL, FILES, ON_CSV, timed

ONCE = {"name": "once", "at": "2026-01-01T00:02:00"}
IN_TIME = 185.0  # s: the tick before it, that for it and the one after it
QUARTERLY = {"name": "quarterly", "cron": "*/15 * * * *"}
CUTS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST_REPLY, Fault.SERVER_ERROR)
# Many calls are cut off one by one: what was done and not known of always, the rest at leisure.
LONG_CUTS = (
    Fault.LOST_REPLY,
    *(
        pytest.param(fault, marks=pytest.mark.rehearse)
        for fault in CUTS
        if fault is not Fault.LOST_REPLY
    ),
)
KEY = {"Idempotency-Key": "7f1c"}


def runs(stage: StrictStage, schedule_id: str = "etl") -> list[RunHeader]:
    """The earliest first."""
    return stage.process().runs.find_headers(schedule_id=schedule_id, limit=100)[::-1]


def fire_times(stage: StrictStage, schedule_id: str = "etl") -> list[str]:
    return [f"{run.started_at:%H:%M}" for run in runs(stage, schedule_id)]


def all_ended(stage: StrictStage, schedule_id: str = "etl") -> bool:
    return all(run.ended_at for run in runs(stage, schedule_id))


def executions(stage: StrictStage) -> list[str]:
    return sorted(stage.machine.executions)


def no_fault(_index: int, _service: str, _operation: str) -> None:
    """Everything goes well."""


class Once:
    """Lets a fault happen to one call of a function, the n-th from now on."""

    def __init__(
        self,
        stage: StrictStage,
        function: str,
        at: int,
        hit: Callable[[], Any],
        lasts: float = 86_400.0,
    ) -> None:
        self.has_hit = False
        self._until = stage.clock() + timedelta(seconds=lasts)
        self._stage = stage
        self._function = function
        self._left = at
        self._hit = hit
        stage.aws.faults = self._choose

    def _choose(self, index: int, _service: str, _operation: str) -> Fault | None:
        is_meant = self._stage.aws.calls[index].caller == self._function
        if not is_meant or self.has_hit or self._stage.clock() > self._until:
            return None
        if self._left:
            self._left -= 1
            return None
        self.has_hit = True
        fault: Fault | None = self._hit()
        return fault


def at_each_call(
    make: Callable[[], StrictStage],
    function: str,
    hit: Callable[[StrictStage], Any],
    lasts: float = 86_400.0,
) -> Iterator[StrictStage]:
    """A stage for each call of the function within so many seconds, to which that happens."""
    for number in count():
        stage = make()
        once = Once(stage, function, number, partial(hit, stage), lasts)
        yield stage
        if not once.has_hit:
            return


# Ticks


def quarterly() -> StrictStage:
    return timed(QUARTERLY)


def once() -> StrictStage:
    """Something is due at 00:02, and never again."""
    return timed(ONCE)


@pytest.mark.parametrize("delays", [(0.0,), (0.0, 0.0), (0.0, 30.0), (0.0, 61.0), (0.0,) * 5])
def test_f13_a_tick_that_comes_several_times_starts_one_run_a_fire_time(
    delays: tuple[float, ...],
) -> None:
    stage = quarterly()
    stage.bus.calls_tick = delays
    stage.advance(1860.0)
    assert fire_times(stage) == ["00:15", "00:30"]
    assert all(run.started_by == "trigger quarterly" for run in runs(stage))


def test_f13_a_tick_that_another_meets_at_any_call_starts_one_run() -> None:
    def another(stage: StrictStage) -> None:
        stage.invoke("tick", scheduled(stage.clock(), 0))

    met = 0
    for stage in at_each_call(once, "tick", another, IN_TIME):
        stage.advance(200.0)
        assert fire_times(stage) == ["00:02"]
        assert len(executions(stage)) == 1
        met += 1
    assert met > 10


@pytest.mark.parametrize("fault", LONG_CUTS)
def test_f13_f44_a_tick_that_is_cut_off_at_any_call_is_made_up_for_by_the_next(
    fault: Fault,
) -> None:
    cut = 0
    for stage in at_each_call(once, "tick", lambda _: fault, IN_TIME):
        stage.advance(800.0)
        assert fire_times(stage) == ["00:02"], cut
        assert all_ended(stage)
        assert len(executions(stage)) == 1
        cut += 1
    assert cut > 10


def test_f44_what_lambda_calls_again_after_a_failure_starts_nothing_twice() -> None:
    stage = quarterly()
    befall(stage, Fault.SERVER_ERROR, "tick", "Query", times=30)
    stage.advance(1800.0)
    assert fire_times(stage) == ["00:15", "00:30"]


@pytest.mark.parametrize(
    ("catch_up", "started"),
    [("none", ["05:15"]), ("latest", ["05:00", "05:15"]),
     ("all", [f"{hour:02}:{minute:02}" for hour in range(6) for minute in (0, 15, 30, 45)][1:22])],
)  # fmt: skip
def test_f14_what_was_due_while_nobody_ticked_is_caught_up_with_as_the_trigger_says(
    catch_up: str, started: list[str]
) -> None:
    trigger = {**QUARTERLY, "catchUp": catch_up, "overlap": "allow"}
    stage = timed(trigger)
    stage.bus.calls_tick = ()
    stage.advance(5 * 3600.0 + 400.0)
    stage.bus.calls_tick = (0.0,)
    stage.advance(600.0)
    assert fire_times(stage) == started


@pytest.mark.parametrize(
    ("overlap", "statuses"),
    [("skip", ["RUNNING"]), ("allow", ["RUNNING"] * 3), ("queue", ["RUNNING"]),
     ("cancel", ["CANCELLED", "CANCELLED", "RUNNING"])],
)  # fmt: skip
def test_f15_a_run_that_goes_on_is_met_as_the_trigger_says(
    overlap: str, statuses: list[str]
) -> None:
    setup = Setup(script=ends(seconds=7200.0), ticks=True)
    stage = timed({**QUARTERLY, "overlap": overlap}, setup=setup)
    stage.advance(3000.0)
    assert [run.status for run in runs(stage)] == statuses


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_REPLY, Fault.CRASH_AFTER])
def test_f18_a_run_of_a_tick_whose_execution_was_not_started_gets_it_under_the_same_name(
    fault: Fault,
) -> None:
    stage = quarterly()
    befall(stage, fault, "tick", "StartExecution")
    stage.advance(2000.0)
    assert fire_times(stage) == ["00:15", "00:30"]
    assert runs(stage)[0].ended_at
    assert executions(stage) == sorted(execution_name(run.run_id, 1, 0) for run in runs(stage))


@pytest.mark.rehearse
def test_f45_a_tick_with_more_due_than_it_has_time_for_leaves_the_rest_to_the_next() -> None:
    stage = StrictStage(Setup(script=ends(), ticks=True))
    for number in range(12):
        stage.put(document(TWO, scheduleId=f"s{number}", triggers=[QUARTERLY]))

    def slow(call: Any) -> None:
        if call.caller == "tick":
            stage.spend(5.0)

    stage.aws.done = slow
    stage.advance(3600.0)
    stage.aws.done = None
    assert stage.crashes == 0
    for number in range(12):
        assert fire_times(stage, f"s{number}")[:1] == ["00:15"]


# Ends of other runs


def chained() -> StrictStage:
    stage = timed({"name": "hourly", "cron": "0 * * * *"})
    stage.put(document(TWO, scheduleId="next", triggers=[AFTER_ETL]))
    stage.start("etl")
    return stage


@pytest.mark.rehearse
@pytest.mark.parametrize("fault", CUTS)
def test_what_waits_for_the_end_of_a_run_starts_once_wherever_notify_is_cut_off(
    fault: Fault,
) -> None:
    cut = 0
    for stage in at_each_call(chained, "notify", lambda _: fault):
        stage.advance(2000.0)
        assert len(runs(stage, "next")) == 1, cut
        assert all(run.archive for run in runs(stage))
        assert any("etl: run SUCCEEDED" in told["Subject"] for told in stage.topics.published)
        cut += 1
    assert cut > 10


@pytest.mark.rehearse
@pytest.mark.parametrize("fault", CUTS)
def test_what_waits_for_an_end_starts_once_though_nobody_told_and_reconcile_is_cut_off(
    fault: Fault,
) -> None:
    def untold() -> StrictStage:
        stage = chained()
        until(stage, "Notify")
        for execution in stage.machine.running():
            stage.machine.abort(execution.name)
        return stage

    cut = 0
    for stage in at_each_call(untold, "reconcile", lambda _: fault):
        stage.advance(2400.0)
        assert len(runs(stage, "next")) == 1, cut
        cut += 1
    assert cut > 10


def test_a_paused_schedule_hears_of_no_end() -> None:
    stage = chained()
    asking = Caller(stage)
    asking.post("/schedules/next/pause")
    stage.advance(900.0)
    assert runs(stage, "next") == []


# Objects


def waiting() -> StrictStage:
    return timed({**ON_CSV, "overlap": "allow"})


@pytest.mark.parametrize("order", list(permutations((0.0, 20.0, 200.0))))
def test_f35_events_of_objects_twice_late_and_in_any_order_start_one_run_a_version(
    order: tuple[float, ...],
) -> None:
    stage, delays = waiting(), iter(order)
    stage.bus.delays = lambda event: (
        (at := next(delays), at + 90.0) if event["source"] == "aws.s3" else (0.0,)
    )
    for number in range(3):
        stage.s3.put(FILES, "day.csv", str(number).encode())
    stage.s3.delete(FILES, "day.csv")
    stage.advance(600.0)
    assert len(runs(stage)) == 3


@pytest.mark.parametrize("fault", CUTS)
def test_f35_f44_an_object_starts_one_run_wherever_the_function_is_cut_off(fault: Fault) -> None:
    cut = 0
    for stage in at_each_call(waiting, "object_arrived", lambda _: fault):
        stage.s3.put(FILES, "day.csv", b"")
        stage.advance(600.0)
        assert len(runs(stage)) == 1, cut
        cut += 1
    assert cut > 3


def test_an_object_of_a_bucket_that_is_not_named_calls_nothing() -> None:
    stage = waiting()
    stage.s3.create("other")
    stage.s3.put("other", "day.csv", b"")
    stage.advance(120.0)
    assert not [call for call in stage.aws.calls if call.caller == "object_arrived"]


# HTTP


def start(asking: Caller) -> Reply:
    body = {"scheduleId": "etl", "reason": "by hand"}
    return asking.stage.ask("POST", "/runs", body, token=asking.token, headers=KEY)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.LOST_REPLY,
        pytest.param(Fault.CRASH_BEFORE, marks=pytest.mark.rehearse),
        pytest.param(Fault.CRASH_AFTER, marks=pytest.mark.rehearse),
    ],
)
def test_f16_f17_a_start_that_was_cut_off_at_any_call_is_one_run_when_it_is_asked_again(
    fault: Fault,
) -> None:
    callers: list[Caller] = []

    def ready() -> StrictStage:
        callers.append(caller())
        return callers[-1].stage

    cut = 0
    for stage in at_each_call(ready, "api_handler", lambda _: fault):
        replies = []
        for _ in range(4):
            try:
                replies.append(start(callers[-1]))
            except Crash:
                stage.advance(1.0)
                continue
            if replies[-1].status == 202:
                break
            stage.advance(91.0)
        stage.aws.faults = no_fault
        last, again = replies[-1], start(callers[-1])
        assert last.status == again.status == 202
        assert last.json["runId"] == again.json["runId"]
        stage.drive()
        [run] = runs(stage)
        assert (run.run_id, run.reason) == (last.json["runId"], "by hand")
        assert len(executions(stage)) == 1
        cut += 1
    assert cut > 8


def test_f17_a_start_is_answered_before_its_run_is_driven_and_says_where_to_look() -> None:
    asking = caller()
    reply = start(asking)
    assert reply.headers["Location"] == f"/api/runs/{reply.json['runId']}"
    assert asking.get(f"/runs/{reply.json['runId']}")["scheduleStatus"] == "RUNNING"
    asking.stage.drive()
    assert asking.get(f"/runs/{reply.json['runId']}")["scheduleStatus"] == "SUCCEEDED"


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.CRASH_BEFORE])
def test_f18_a_run_that_was_asked_for_and_got_no_execution_gets_it_from_reconcile(
    fault: Fault,
) -> None:
    asking = caller()
    befall(asking.stage, fault, "api_handler", "StartExecution")
    with suppress(Crash):
        assert start(asking).status == 202
    asking.stage.advance(900.0)
    [run] = runs(asking.stage)
    assert run.ended_at
    assert executions(asking.stage) == [execution_name(run.run_id, 1, 0)]


def test_without_a_token_or_with_a_lesser_one_nothing_of_the_stage_is_touched() -> None:
    asking = caller()
    viewer = Caller(asking.stage, Role.VIEWER)
    body = {"scheduleId": "etl"}
    first = len(asking.stage.aws.calls)
    for token, status in (("", 401), ("abs_nonsense", 401), (viewer.token, 403)):
        assert asking.stage.ask("POST", "/runs", body, token=token).status == status
    assert [call.caller for call in asking.stage.aws.calls[first:]] == ["authorize"]


def test_a_token_holds_for_a_minute_after_it_was_revoked_and_no_longer() -> None:
    asking = caller()
    other = Caller(asking.stage, Role.VIEWER)
    other.get("/runs")
    asking.ask("DELETE", f"/tokens/{other.token.split('_')[1]}")
    other.get("/runs")
    asking.stage.advance(timedelta(seconds=61).total_seconds())
    other.ask("GET", "/runs", status=401)


def test_what_is_out_of_scope_is_not_there() -> None:
    asking = caller()
    asking.put_schedule(TWO, "pay-roll")
    Caller(asking.stage, Role.VIEWER, "pay-").get("/schedules/pay-roll")
    Caller(asking.stage, Role.VIEWER, "pay-").get("/schedules/etl", 404)


def test_the_use_of_a_token_is_noted_once_an_hour() -> None:
    asking = caller()

    def noted() -> list[datetime]:
        found = asking.stage.edition().access.tokens.list_tokens()
        return [each.last_used_at for each in found if each.last_used_at]

    [first] = noted()
    asking.stage.advance(120.0)
    asking.get("/runs")
    assert noted() == [first]
    asking.stage.advance(3700.0)
    asking.get("/runs")
    assert noted() > [first]
