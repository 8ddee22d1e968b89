"""Lives of a stage in which runs start by themselves: on time, after other runs, with files."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from chalicelib.core.lifecycle import Act
from chalicelib.core.timing.calendar_document import load_calendar
from chalicelib.local.slots import Capacity
from chalicelib.services import calendars, schedules
from tests.simulation.faults import Crash
from tests.strict.acting import (
    BUCKET,
    CHAIN,
    FULL,
    HISTORY,
    MANY,
    TWO,
    act_on,
    befall,
    document,
    ends,
    old_record,
    own_events,
    until,
    wide,
)
from tests.strict.answers import Fault
from tests.strict.stage import Setup, StrictStage

DAYS = {"calendar": "ours", "parameters": {"day": "${nextBusinessDay}"}}
FILES = "incoming"  # a bucket whose objects start runs
MINUTELY = {"name": "minutely", "cron": "* * * * *"}
AFTER_ETL = {"name": "after", "onRun": {"schedule": "etl", "status": "ended"}}
ON_CSV = {"name": "csv", "onFile": {"bucket": FILES, "suffix": ".csv"}, "overlap": "queue"}
HOOK = [{"on": ["missed", "overlapSkipped"], "webhook": {"url": "https://hooks.example.com/x"}}]


def timed(
    *triggers: Mapping[str, Any],
    jobs: Mapping[str, Sequence[str]] = TWO,
    setup: Setup | None = None,
    **members: Any,
) -> StrictStage:
    """A stage that ticks, with a schedule that has these triggers."""
    stage = StrictStage(setup or Setup(script=ends(), ticks=True, file_buckets=(FILES,)))
    given = {"parameters": {"day": {"default": ""}}, **members}
    stage.put(document(jobs, triggers=list(triggers), **given))
    return stage


def slow(seconds: float = 600.0) -> Setup:
    return Setup(script=ends(seconds=seconds), ticks=True, file_buckets=(FILES,))


def fires() -> StrictStage:
    """One run after the other, each of which starts one of another schedule, and so on."""
    stage = timed({"name": "quarterly", "cron": "*/15 * * * *"}, jobs=CHAIN)
    for name, before in (("next", "etl"), ("last", "next")):
        after = {"name": "after", "onRun": {"schedule": before}}
        stage.put(document(TWO, scheduleId=name, triggers=[after]))
    stage.advance(1800.0)
    return stage


def fires_with_many_jobs() -> StrictStage:
    stage = timed({"name": "noon", "rate": "1 hour"}, jobs=wide(MANY))
    stage.advance(4000.0)
    return stage


def goes_by_a_calendar() -> StrictStage:
    stage = timed({**MINUTELY, **DAYS})
    put_calendar(stage)
    stage.advance(120.0)
    return stage


def put_calendar(stage: StrictStage) -> None:
    calendars.put(stage.ports, load_calendar({"name": "ours", "country": "DE"}), "ada")


def skips(notify: Sequence[Mapping[str, Any]] = HOOK) -> StrictStage:
    """A run goes on while others are due."""
    stage = timed({**MINUTELY, "overlap": "skip"}, setup=slow(), notify=notify)
    stage.advance(200.0)
    return stage


def cancels_the_run_before(jobs: Mapping[str, Sequence[str]] = TWO) -> StrictStage:
    setup = Setup(script=ends(seconds=3600.0), capacity=Capacity(1, 4096), ticks=True)
    cancel = {"name": "often", "cron": "*/10 * * * *", "overlap": "cancel"}
    stage = timed(cancel, jobs=jobs, setup=setup)
    stage.advance(1500.0)
    return stage


def cancels_a_run_with_an_order() -> StrictStage:
    """An order over many of its jobs is decided, and who decided it was cut off."""
    cancel = {"name": "often", "cron": "*/10 * * * *", "overlap": "cancel"}
    stage = timed(cancel, jobs=wide(MANY), setup=slow(3600.0))
    header = stage.start("etl")
    stage.advance(60.0)
    befall(stage, Fault.CRASH_AFTER, "", "PutItem")
    with suppress(Crash):
        act_on(stage, header, Act.HOLD, "*")
    stage.advance(900.0)
    return stage


def cancels_a_run_of_the_first_version() -> StrictStage:
    stage = timed({"name": "often", "cron": "*/10 * * * *", "overlap": "cancel"})
    item = old_record("2018-09-24T22:01:52.337998", "RUNNING")
    stage.aws.client("dynamodb").put_item(TableName=HISTORY, Item=item)
    stage.advance(900.0)
    return stage


def cancels_a_run_with_much_history() -> StrictStage:
    """Its own item is full when a newer start takes its place."""
    cancel = {"name": "often", "cron": "0 2 * * *", "overlap": "cancel"}
    setup = Setup(script=ends(seconds=36_000.0), turns=1, ticks=True)
    stage = timed(cancel, jobs={"a": ()}, setup=setup)
    header = stage.start("etl")
    while own_events(stage, header) < FULL:
        if not stage.step():
            stage.pass_time()
    stage.advance(7200.0)
    return stage


def finds_no_documents() -> StrictStage:
    """Somebody emptied the bucket."""
    stage = timed(MINUTELY, {**ON_CSV, "overlap": "skip"}, setup=slow(), notify=HOOK)
    stage.start("etl")
    for key in list(stage.s3.buckets[BUCKET].objects):
        stage.s3.delete(BUCKET, key)
    stage.s3.put(FILES, "a.csv", b"")
    stage.advance(130.0)
    return stage


def hears_of_files_in_vain(*, is_long_ago: bool) -> StrictStage:
    """A run goes on that was started just before, or before many others."""
    stage = timed({**ON_CSV, "overlap": "skip"}, setup=slow(5000.0), notify=HOOK)
    stage.s3.put(FILES, "first.csv", b"")
    stage.advance(70.0)
    for _ in range(11 * is_long_ago):
        header = stage.start("etl")
        act_on(stage, header, Act.CANCEL)
        stage.advance(61.0)
    stage.s3.put(FILES, "second.csv", b"")
    stage.advance(70.0)
    return stage


def misses() -> StrictStage:
    """Nobody ticked for an hour."""
    stage = timed({**MINUTELY, "catchUp": "none"}, notify=HOOK)
    stage.bus.calls_tick = ()
    stage.advance(3600.0)
    stage.bus.calls_tick = (0.0,)
    stage.advance(120.0)
    return stage


def forgets_what_was_deleted() -> StrictStage:
    """Who deleted the schedule was cut off before its triggers were."""
    stage = timed(MINUTELY, {**AFTER_ETL, "onRun": {"schedule": "load"}})
    befall(stage, Fault.SERVER_ERROR, "", "TransactWriteItems", times=10)
    try:
        schedules.delete(stage.process(), "etl", "ada")
    except Exception:
        stage.advance(130.0)
        return stage
    raise AssertionError("it was deleted as a whole")


def hears_of_files() -> StrictStage:
    stage = timed(ON_CSV, {**ON_CSV, "name": "also", **DAYS})
    put_calendar(stage)
    for number in range(3):
        stage.s3.put(FILES, "day.csv", str(number).encode())
        stage.s3.put(FILES, "day.txt", b"")
    stage.drive()
    stage.advance(900.0)
    return stage


def ends_unheard() -> StrictStage:
    """Its execution is stopped before it tells; reconcile lets the end be heard of."""
    stage = timed({"name": "hourly", "cron": "0 * * * *"})
    put_calendar(stage)
    after = {**AFTER_ETL, **DAYS}
    given = {"parameters": {"day": {"default": ""}}, "notify": HOOK}
    stage.put(document(TWO, scheduleId="next", triggers=[after], **given))
    stage.start("etl")
    until(stage, "Notify")
    for execution in stage.machine.running():
        stage.machine.abort(execution.name)
    stage.advance(1500.0)
    return stage


def hears_of_two_ends(*, is_told_late: bool = False) -> StrictStage:
    """What waits has a run that goes on: it is skipped, or its run makes room."""
    stage = timed({"name": "hourly", "cron": "0 * * * *"}, jobs={"a": ()})
    for name, overlap in (("skipping", "skip"), ("replacing", "cancel")):
        after = {**AFTER_ETL, "overlap": overlap}
        stage.put(document(wide(MANY), scheduleId=name, triggers=[after], notify=HOOK))
    for _ in range(2):
        header = stage.start("etl")
        if is_told_late:
            act_on(stage, header, Act.CANCEL)
            until(stage, "Notify")
            for execution in stage.machine.running():
                if execution.state == "Notify":
                    stage.machine.abort(execution.name)
        stage.advance(1300.0 if is_told_late else 130.0)
    return stage


TIMED_LIVES: Sequence[Callable[[], StrictStage]] = (
    fires,
    fires_with_many_jobs,
    goes_by_a_calendar,
    skips,
    cancels_the_run_before,
    partial(cancels_the_run_before, wide(MANY)),
    cancels_a_run_with_an_order,
    cancels_a_run_of_the_first_version,
    cancels_a_run_with_much_history,
    finds_no_documents,
    *(partial(hears_of_files_in_vain, is_long_ago=long_ago) for long_ago in (False, True)),
    misses,
    forgets_what_was_deleted,
    hears_of_files,
    ends_unheard,
    hears_of_two_ends,
    partial(hears_of_two_ends, is_told_late=True),
)
