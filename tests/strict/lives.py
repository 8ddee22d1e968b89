"""Lives of a stage that between them do everything that its functions may do on AWS."""

import json
from collections.abc import Callable, Sequence
from functools import partial

from chalicelib.core.batch import Submission
from chalicelib.core.lifecycle import Act
from chalicelib.local.slots import Capacity
from chalicelib.local.webhooks import Request
from tests.simulation.faults import Crash
from tests.strict.acting import (
    BUCKET,
    CHAIN,
    FULL,
    HISTORY,
    MANY,
    SEED,
    STATES,
    TWO,
    abort,
    act_on,
    befall,
    begun,
    by_hand,
    document,
    ends,
    loses_its_driver,
    meant,
    meanwhile,
    old_record,
    own_events,
    reserve_late,
    until,
    wide,
)
from tests.strict.answers import ACCOUNT, REGION, Fault
from tests.strict.resources import QUEUE, TOPIC
from tests.strict.stage import Setup, StrictStage

HOOK = "https://hooks.example.com/services/T0CANARY9"
RULES = [
    {"on": ["jobFailed", "failed", "stuck"], "webhook": {"url": HOOK, "secret": "HOOK"}},
    {"on": ["failed"], "topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC}"},
]

# Nothing is unusual


def succeeds() -> StrictStage:
    stage, _ = begun(CHAIN)
    stage.drive()
    return stage


def starts_by_hand() -> StrictStage:
    """As people did with the first version: a run of few jobs, and one of many."""
    stage = StrictStage(Setup(script=ends()))
    message = json.loads((SEED / "start_input.json").read_text())
    for name, jobs in {"daily": wide(3), "all": wide(MANY)}.items():
        stage.put(document(jobs, scheduleId=name))
        by_hand(stage, name, message | {"scheduleId": name})
    stage.drive()
    return stage


def uses_another_queue() -> StrictStage:
    stage = StrictStage(Setup(script=ends()))
    listed = document(TWO)
    listed["jobList"][0]["jobQueue"] = f"{QUEUE}-spot"
    stage.put(listed)
    stage.start("etl")
    stage.drive()
    return stage


def fails_and_is_restarted() -> StrictStage:
    stage, header = begun(CHAIN, Setup(script=ends("b")))
    stage.drive()
    act_on(stage, header, Act.RESTART)
    stage.drive()
    return stage


def restarts_by_hand(count: int) -> StrictStage:
    jobs = wide(count)
    stage, header = begun(jobs, Setup(script=ends(*jobs)))
    stage.drive()
    by_hand(stage, "again", meant(header, "RESTART"))
    stage.drive()
    return stage


def is_driven_already() -> StrictStage:
    """Somebody starts another execution for a run that has one."""
    stage, header = begun(TWO, Setup(script=ends(seconds=600.0)))
    stage.advance(30.0)
    by_hand(stage, "meddler", meant(header, "CONTINUE"))
    stage.drive()
    return stage


def tries_again_and_again() -> StrictStage:
    """Jobs have more events than items hold: `a` when it is submitted, `b` when it has ended."""

    def script(submission: Submission, _attempt: int) -> tuple[float, int]:
        tags = submission.tags
        attempt = int(tags["batch-scheduler:attempt"])
        is_longer = tags["batch-scheduler:job"] == "b" and attempt == 1
        return 90.0 if is_longer else 30.0, int(attempt <= 12)

    stage = StrictStage(Setup(script=script))
    listed = document(TWO)
    listed["jobList"] = [{**each, "retry": {"attempts": 13}} for each in listed["jobList"]]
    stage.put(listed)
    stage.start("etl")
    stage.drive()
    return stage


def is_cancelled() -> StrictStage:
    """While some jobs run and others wait for room."""
    setup = Setup(script=ends(seconds=3600.0), capacity=Capacity(1, 4096))
    stage, header = begun(wide(MANY), setup)
    stage.advance(60.0)
    act_on(stage, header, Act.CANCEL)
    stage.drive()
    return stage


def passes_what_is_queued() -> StrictStage:
    stage, header = begun(CHAIN, Setup(script=ends(seconds=600.0)))
    stage.advance(60.0)
    act_on(stage, header, Act.PASS, "b")
    stage.drive()
    return stage


def hands_over() -> StrictStage:
    stage, _ = begun(CHAIN, Setup(script=ends(), turns=1))
    stage.drive()
    return stage


def takes_uploads() -> StrictStage:
    """Good ones, the same again, a bad one, and one that is gone when it is looked at."""
    stage = StrictStage()
    good = json.dumps(document(TWO)).encode()
    for key, content in {"etl": good, "again": good, "bad": b"{", "gone": good}.items():
        stage.s3.put(BUCKET, f"{key}.json", content)
    stage.s3.delete(BUCKET, "gone.json")
    stage.drive()
    return stage


def takes_uploads_with_triggers() -> StrictStage:
    """One that waits for another schedule's runs, and then for a third's."""
    stage = StrictStage()
    for other in ("load", "clean"):
        triggers = [{"onRun": {"schedule": other}}, {"cron": "0 2 * * *", "calendar": "de"}]
        content = json.dumps(document(TWO) | {"triggers": triggers}).encode()
        stage.s3.put(BUCKET, "etl.json", content)
        stage.drive()
    return stage


def takes_over_an_old_record(started: str) -> StrictStage:
    """A run of the first version that failed is restarted by its own message, and fails again."""
    stage = StrictStage(Setup(script=ends("job3", attempts=2)))
    stage.aws.client("dynamodb").put_item(TableName=HISTORY, Item=old_record(started, "FAILED"))
    message = {"scheduleId": "etl", "startDateTime": started, "scheduleStatus": "RESTART"}
    by_hand(stage, "again", message)
    stage.drive()
    return stage


def tells_by_rules() -> StrictStage:
    """A job fails while the run goes on, and then the run: a webhook and a topic are told."""
    stage, _ = begun(CHAIN, Setup(script=ends("a")), notify=RULES)
    stage.drive()
    return stage


def tells_of_stuck_jobs() -> StrictStage:
    """A job waits in RUNNABLE for longer than it may."""
    setup = Setup(script=ends(seconds=1200.0), capacity=Capacity(1, 4096))
    listed = document(TWO, notify=RULES)
    listed["jobList"] = [{**each, "runnableTimeout": 300} for each in listed["jobList"]]
    stage = StrictStage(setup)
    stage.put(listed)
    stage.start("etl")
    stage.drive()
    stage.advance(600.0)
    return stage


def tells_later() -> StrictStage:
    """Nobody answers the first notices; reconcile delivers them."""
    stage, _ = begun(CHAIN, Setup(script=ends("a")), notify=RULES)
    answers = iter([503] * 3)

    def hook(request: Request) -> int:
        stage.hooked.append(request)
        return next(answers, 200)

    stage.hook = hook
    stage.drive()
    stage.advance(1500.0)
    return stage


def is_aborted_before_it_tells_by_rules() -> StrictStage:
    """Reconcile posts the end, and delivers it."""
    stage, _ = begun(TWO, Setup(script=ends("a")), notify=RULES)
    until(stage, "Notify")
    abort(stage)
    stage.advance(1500.0)
    return stage


def recovers(*, is_told_late: bool) -> StrictStage:
    """In the next run, and by a restart; the driver tells of it, or reconcile does."""
    failing = {"b"}

    def script(submission: Submission, _attempt: int) -> tuple[float, int]:
        return 60.0, int(submission.tags["batch-scheduler:job"] in failing)

    stage, header = begun(CHAIN, Setup(script=script), notify=[{"webhook": {"url": HOOK}}])
    stage.drive()
    failing.clear()
    for again in (lambda: stage.start("etl"), lambda: act_on(stage, header, Act.RESTART)):
        again()
        if is_told_late:
            until(stage, "Notify")
            abort(stage)
        stage.drive()
        stage.advance(1500.0)
    return stage


# Something goes wrong


def loses_an_answer() -> StrictStage:
    """The queue took a job, and nobody heard of it; nor does it show new jobs for a while."""
    stage, _ = begun(wide(MANY), Setup(script=ends(), listing_lag=90.0))
    befall(stage, Fault.LOST_REPLY, "submit_jobs", "SubmitJob")
    stage.drive()
    return stage


def ends_what_is_not_shown_yet() -> StrictStage:
    stage, header = begun(TWO, Setup(script=ends(seconds=600.0), listing_lag=90.0))
    stage.advance(30.0)
    act_on(stage, header, Act.CANCEL)
    stage.drive()
    return stage


def has_no_driver() -> StrictStage:
    """Its execution is never started; that which reconcile starts fails, and gives up."""
    stage = StrictStage(Setup(script=ends(seconds=1200.0)))
    stage.put(document(TWO))
    befall(stage, Fault.LOST_REQUEST, "", "StartExecution")
    stage.start("etl")
    stage.advance(320.0)
    befall(stage, Fault.CRASH_BEFORE, "poll_jobs", times=10)
    stage.drive()
    return stage


def is_archived_late() -> StrictStage:
    """Its second end is archived by reconcile, in the place of the first."""
    stage, header = begun(CHAIN, Setup(script=ends("b")))
    stage.drive()
    act_on(stage, header, Act.RESTART)
    befall(stage, Fault.SERVER_ERROR, "notify", "PutObject", times=10)
    stage.drive()
    stage.advance(1500.0)
    return stage


def is_aborted_before_it_tells() -> StrictStage:
    """A record of the first version ends; reconcile archives it, and tells of its end."""
    stage = StrictStage(Setup(script=ends()))
    item = old_record(_OLD[0], "RUNNING")
    stage.aws.client("dynamodb").put_item(TableName=HISTORY, Item=item)
    by_hand(
        stage,
        "again",
        {"scheduleId": "etl", "startDateTime": _OLD[0], "scheduleStatus": "CONTINUE"},
    )
    until(stage, "Notify")
    abort(stage)
    stage.advance(1500.0)
    return stage


def sleeps_over_a_reservation() -> StrictStage:
    """A function that hung for an hour reserves, and dies, when its driver has gone to sleep."""
    listed = document({"a": ()})
    listed["jobList"][0]["hold"] = True
    stage = StrictStage(Setup(script=ends()))
    stage.put(listed)
    header = stage.start("etl")
    stage.advance(60.0)
    reserve_late(stage, header, "a")
    stage.advance(600.0)
    return stage


def is_aborted() -> StrictStage:
    """While nothing runs, and while a function does that then goes on."""
    stage, _ = begun(TWO, Setup(script=ends(seconds=600.0)))
    stage.advance(30.0)
    abort(stage)
    stage.drive()
    return stage


def is_aborted_within(function: str) -> StrictStage:
    """Another execution has the run before the function looks at it."""
    stage, _ = begun(TWO, Setup(script=ends(seconds=600.0)))
    until(stage, STATES[function])
    meanwhile(stage, partial(abort, stage), function, "GetItem")
    stage.drive()
    return stage


def is_aborted_with_an_old_record(started: str, *, is_told: bool) -> StrictStage:
    """Who takes it up finds the record as the first version left it."""
    stage = StrictStage(Setup(script=ends()))
    item = old_record(started, "RUNNING")
    stage.aws.client("dynamodb").put_item(TableName=HISTORY, Item=item)
    if not is_told:
        stage.bus.delays = lambda _event: ()

    def gone() -> None:
        abort(stage)
        raise Crash

    meanwhile(stage, gone, "get_schedule", "GetItem")
    stage.advance(310.0)
    stage.drive()
    return stage


def is_cut_off_while_it_polls(*, is_aborted: bool) -> StrictStage:
    """What ended is written down, and the board calls it open; another call, or driver, goes on."""
    stage, _ = begun(wide(2), Setup(script=ends(seconds=90.0)))
    stage.advance(70.0)
    befall(stage, Fault.CRASH_AFTER, "poll_jobs", "TransactWriteItems")
    if is_aborted:
        until(stage, STATES["poll_jobs"])
        stage.step()
        abort(stage)
    stage.drive()
    return stage


def moves_within(function: str) -> StrictStage:
    """An operator's act comes between what the function reads and what it writes."""
    stage, header = begun(CHAIN, Setup(script=ends(seconds=600.0)))
    until(stage, STATES[function])
    writes = "UpdateItem" if function == "record_history" else "TransactWriteItems"
    meanwhile(stage, partial(act_on, stage, header, Act.PASS, "c"), function, writes)
    stage.drive()
    return stage


def leaves_an_order_to(function: str) -> StrictStage:
    """An order over many jobs is decided just before a function is called, and not carried out."""
    jobs = wide(MANY)
    stage, header = begun(jobs, Setup(script=ends(*jobs), is_warm=False))
    until(stage, STATES.get(function, "WaitForChange"))
    befall(stage, Fault.CRASH_AFTER, "", "PutItem")
    try:
        act_on(stage, header, Act.RESTART if function == "notify" else Act.PASS, "*")
    except Crash:
        pass
    else:
        raise AssertionError("the order was carried out")
    if function == "execution_ended":
        abort(stage)
    if function == "reconcile":
        loses_its_driver(stage)
    stage.drive()
    return stage


def turns_a_page_by(function: str) -> StrictStage:
    """The run's own item is full when a function has something to add."""
    stage, header = begun({"a": ()}, Setup(script=ends(seconds=36_000.0), turns=1))
    most = FULL - (function == "get_schedule")  # the driver that fails before it adds one as well
    while own_events(stage, header) < most:
        if not stage.step():
            stage.pass_time()
    match function:
        case "execution_ended":
            abort(stage)
        case "reconcile":
            loses_its_driver(stage)
        case "get_schedule" | "notify":
            befall(stage, Fault.CRASH_BEFORE, "poll_jobs", times=10)
    stage.advance(900.0)
    return stage


def finds_no_documents(function: str) -> StrictStage:
    """Somebody emptied the bucket: that nothing is there is told, and not taken for a denial."""
    stage, _ = begun(TWO, Setup(script=ends("a", "b", seconds=600.0), is_warm=False))
    until(stage, STATES.get(function, "WaitForChange"))
    for key in list(stage.s3.buckets[BUCKET].objects):
        stage.s3.delete(BUCKET, key)
    if function == "execution_ended":
        abort(stage)
    if function == "reconcile":
        loses_its_driver(stage)
    stage.advance(600.0)
    return stage


_OLD = ("2018-09-24T22:01:52.337998", "2018-09-25T22:01:52.337998Z")
_DRIVING = ("get_schedule", "submit_jobs", "poll_jobs", "record_history", "notify")
_TAKING_UP = ("execution_ended", "reconcile")
LIVES: Sequence[Callable[[], StrictStage]] = (
    succeeds,
    starts_by_hand,
    uses_another_queue,
    fails_and_is_restarted,
    partial(restarts_by_hand, 3),
    partial(restarts_by_hand, MANY),
    is_driven_already,
    tries_again_and_again,
    is_cancelled,
    passes_what_is_queued,
    hands_over,
    takes_uploads,
    takes_uploads_with_triggers,
    tells_by_rules,
    tells_of_stuck_jobs,
    tells_later,
    *(partial(recovers, is_told_late=late) for late in (False, True)),
    is_aborted_before_it_tells_by_rules,
    loses_an_answer,
    ends_what_is_not_shown_yet,
    has_no_driver,
    is_archived_late,
    is_aborted_before_it_tells,
    sleeps_over_a_reservation,
    is_aborted,
    *(partial(takes_over_an_old_record, started) for started in _OLD),
    *(partial(is_aborted_with_an_old_record, _OLD[0], is_told=told) for told in (True, False)),
    *(partial(is_cut_off_while_it_polls, is_aborted=aborted) for aborted in (True, False)),
    *(partial(is_aborted_within, name) for name in ("submit_jobs", "poll_jobs", "record_history")),
    *(partial(moves_within, name) for name in ("submit_jobs", "poll_jobs", "record_history")),
    *(partial(leaves_an_order_to, name) for name in (*_DRIVING, *_TAKING_UP)),
    *(partial(finds_no_documents, name) for name in (*_DRIVING, *_TAKING_UP)),
    *(
        partial(turns_a_page_by, name)
        for name in ("get_schedule", "record_history", "notify", *_TAKING_UP)
    ),
)
