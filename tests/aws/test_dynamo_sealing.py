"""Times on the items of ended runs: never without an archive, never on a run that lives."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.aws.dynamo_items import page_name
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.errors import ConflictError
from tests.aws.large_runs import begin_large
from tests.aws.tables import TABLES, TTL
from tests.aws.worlds import World, world
from tests.contract.dynamo_store import DynamoStore
from tests.contract.store_contents import RUN, START, change
from tests.simulation.faults import Crash, Fault, Tap

FEW, MANY = 2, 101  # items besides the run's own: one transaction; more than one
END = START + timedelta(hours=1)
LATER = END + timedelta(seconds=1)
UNTIL = START + timedelta(days=90)
PLACE = "s3://archive/run"

CRASHES = [(Fault.CRASH_BEFORE, FEW), (Fault.CRASH_AFTER, FEW), (Fault.CRASH_AFTER, MANY)]
each_cut = pytest.mark.parametrize(("fault", "count"), CRASHES)


@pytest.fixture
def here() -> Iterator[World]:
    with world() as opened:
        yield opened


def ended(here: World, count: int = FEW) -> RunHeader:
    store = here.store()
    before = begin_large(store, FEW).header
    for number in range(count - FEW):  # pages of earlier events are the run's as well
        key = {"run": {"S": RUN}, "jobName": {"S": page_name("job-00000", number)}}
        here.clients()["dynamodb"].put_item(TableName=TABLES.jobs, Item=key)
    after = replace(before, status=RunStatus.FAILED, ended_at=END, revision=1)
    store.record(before, [], after=after)
    return store.get_header(RUN)


def seal(store: DynamoStore) -> None:
    store.seal(store.get_header(RUN), PLACE, UNTIL)


def restart(store: DynamoStore) -> None:
    """One job again, in the next generation."""
    run = store.load_run(RUN)
    after = replace(run.header, status=RunStatus.RUNNING, ended_at=None, generation=2)
    after = replace(after, revision=run.header.revision + 1)
    first = next(iter(run.states))
    again = change(run.states[first], Act.RESTART, first, status=JobStatus.WAITING, reason="again")
    store.record(run.header, [again], after=after)


def times(here: World) -> set[datetime | None]:
    """The times at which the run's items may be deleted; None for never."""
    items = here.clients()["dynamodb"].query(
        TableName=TABLES.jobs,
        KeyConditionExpression="#run = :run",
        ExpressionAttributeNames={"#run": "run"},
        ExpressionAttributeValues={":run": {"S": RUN}},
    )["Items"]
    texts = [item.get(TTL[TABLES.jobs], {}).get("N") for item in items]
    return {datetime.fromtimestamp(int(text), START.tzinfo) if text else None for text in texts}


Act_ = Callable[[DynamoStore], None]


def points(act: Act_, count: int, *, is_sealed: bool = False) -> list[int]:
    """The calls at which to cut an act off: all of them, of large runs each transaction."""
    with world() as here:
        ended(here, count)
        if is_sealed:
            seal(here.store())
        act(here.store(tap := Tap()))
    chosen = [i for i, name in enumerate(tap.calls) if count == FEW or name.startswith("transact")]
    assert chosen
    return chosen


def cut_off(act: Act_, here: World, call: int, fault: Fault) -> None:
    with pytest.raises(Crash):
        act(here.store(Tap(faults={call: fault})))


@pytest.mark.parametrize("count", [FEW, MANY])
def test_every_item_is_given_its_time_with_a_day_to_spare(here: World, count: int) -> None:
    ended(here, count)
    seal(here.store())
    [time] = times(here)
    assert time is not None
    assert time - timedelta(days=1) + timedelta(seconds=1) >= UNTIL
    assert time <= UNTIL + timedelta(days=1)


def test_the_header_itself_has_no_time_that_dynamodb_knows(here: World) -> None:
    ended(here)
    seal(here.store())
    schedule_id, _, start = RUN.partition("/")
    item = here.item(TABLES.history, scheduleId=schedule_id, startDateTime=start)
    assert item["detailsUntil"] == {"S": "2027-02-21T01:02:03.000004Z"}
    assert TABLES.history not in TTL


def test_sealed_for_ever_no_item_is_written(here: World) -> None:
    about = ended(here, MANY)
    tap = Tap()
    here.store(tap).seal(about, PLACE, None)
    assert tap.calls == ["get_item", "update_item", "update_item"]
    assert times(here) == {None}


def test_a_look_for_unsealed_runs_costs_one_call_when_there_is_none(here: World) -> None:
    ended(here)
    seal(here.store())
    tap = Tap()
    assert list(here.store(tap).unsealed(LATER)) == []
    assert tap.calls == ["query"]


def test_a_run_that_is_sealed_already_costs_one_read(here: World) -> None:
    about = ended(here)
    seal(here.store())
    tap = Tap()
    here.store(tap).seal(about, PLACE, UNTIL)
    assert tap.calls == ["get_item"]


@each_cut
def test_f28_a_seal_that_is_cut_off_anywhere_is_found_and_done_again(
    fault: Fault, count: int
) -> None:
    for call in points(seal, count):
        with world() as here:
            ended(here, count)
            cut_off(seal, here, call, fault)
            about = here.store().get_header(RUN)
            found = list(here.store().unsealed(LATER))
            assert about.archive or times(here) == {None}, "a time without an archive"
            assert found == [about] or None not in times(here), "left without a time"
            seal(here.store())
            assert list(here.store().unsealed(LATER)) == []
            assert None not in times(here)
            assert here.store().get_header(RUN).expires_at == UNTIL


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_a_seal_that_is_cut_off_and_then_done_for_ever_leaves_no_time(fault: Fault) -> None:
    for call in points(seal, FEW):
        with world() as here:
            ended(here)
            cut_off(seal, here, call, fault)
            store = here.store()
            was_sealed = not list(store.unsealed(LATER))
            store.seal(store.get_header(RUN), PLACE, None)
            assert was_sealed or times(here) == {None}
            assert was_sealed or here.store().get_header(RUN).expires_at is None


@each_cut
def test_f28_a_restart_that_is_cut_off_leaves_no_run_that_lives_with_a_time(
    fault: Fault, count: int
) -> None:
    for call in points(restart, count, is_sealed=True):
        with world() as here:
            ended(here, count)
            seal(here.store())
            cut_off(restart, here, call, fault)
            about = here.store().get_header(RUN)
            if about.status is RunStatus.RUNNING:
                assert times(here) == {None}
                assert about.archive == ""
            elif None in times(here) or not about.archive:
                assert list(here.store().unsealed(LATER)) == [about], "nobody would seal it again"
                seal(here.store())
                assert None not in times(here)


def at_once(here: World, call: int, first: Act_, second: Act_) -> None:
    """Do `second` before that call of `first`; one of them may learn that it came second."""
    tap = Tap(hooks={call: lambda: tolerant(second, here.store())})
    tolerant(first, here.store(tap))


def tolerant(act: Act_, store: DynamoStore) -> None:
    with contextlib.suppress(ConflictError):
        act(store)


@pytest.mark.parametrize(("first", "count"), [(seal, FEW), (restart, FEW), (seal, MANY)])
def test_f28_a_run_that_is_restarted_while_it_is_sealed_never_lives_with_a_time(
    first: Act_, count: int
) -> None:
    for call in points(first, count):
        with world() as here:
            ended(here, count)
            at_once(here, call, first, restart if first is seal else seal)
            about = here.store().get_header(RUN)
            if about.status is RunStatus.RUNNING:
                assert times(here) == {None}
                assert (about.archive, about.expires_at) == ("", None)
            else:
                tolerant(seal, here.store())
                assert None not in times(here)


def test_two_who_seal_at_once_leave_one_time() -> None:
    other = UNTIL + timedelta(days=30)

    def seal_later(store: DynamoStore) -> None:
        store.seal(store.get_header(RUN), "other", other)

    for call in points(seal, FEW):
        with world() as here:
            ended(here)
            at_once(here, call, seal, seal_later)
            about = here.store().get_header(RUN)
            assert (about.archive, about.expires_at) in {(PLACE, UNTIL), ("other", other)}
            [time] = times(here)
            assert time is not None
            assert about.expires_at is not None
            assert abs(time - about.expires_at - timedelta(days=1)) < timedelta(seconds=1)
