"""Records of the first version in the table of histories, as it wrote them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.errors import ConflictError
from tests.aws.tables import TABLES
from tests.aws.tapped import calls_of
from tests.aws.worlds import World, world
from tests.contract.dynamo_store import DynamoStore
from tests.contract.store_contents import change
from tests.simulation.faults import Crash, Fault, Tap

SEED = Path(__file__).parents[1] / "seed" / "running_history_record.json"
START = "2018-09-07T04:20:00.884784"


@pytest.fixture
def here() -> Iterator[World]:
    with world() as opened:
        yield opened


def old_record() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(SEED.read_text())
    inner: dict[str, Any] = record.get("output", record)
    return inner


def put(here: World, start: str = START) -> str:
    """Store the record as the first version did; gives the run's id as it is today."""
    record = {**old_record(), "startDateTime": start, "scheduleStatus": "FAILED"}
    serialized = TypeSerializer().serialize(record)["M"]
    here.clients()["dynamodb"].put_item(TableName=TABLES.history, Item=serialized)
    return f"{record['scheduleId']}/{START}Z"


def fail_one(store: DynamoStore, run_id: str) -> None:
    run = store.load_run(run_id)
    name = next(iter(run.states))
    failed = change(run.states[name], Act.OBSERVE, name, status=JobStatus.FAILED, reason="bad")
    store.record(run.header, [failed])


@pytest.mark.parametrize("start", [START, START + "Z"], ids=["no zone", "zone"])
def test_an_old_record_is_a_run_to_every_reader(here: World, start: str) -> None:
    run_id = put(here, start)
    store = here.store()
    run = store.load_run(run_id)
    names = [job["jobName"] for job in old_record()["jobList"]]
    assert list(run.specs) == names
    assert store.get_header(run_id) == run.header
    assert run.header.run_id == run_id
    assert [each.run_id for each in store.find_headers()] == [run_id]
    assert [each.run_id for each in store.find_headers(schedule_id=run.header.schedule_id)] == [
        run_id
    ]
    assert [each.spec.name for each in store.find_jobs(run_id)] == names
    assert [each.state for each in store.get_jobs(run_id, names[:1])] == [run.states[names[0]]]
    assert store.events(run_id) == []
    assert store.load_for_turn(run_id).states == run.states


@pytest.mark.parametrize("start", [START, START + "Z"], ids=["no zone", "zone"])
def test_an_old_record_becomes_a_run_of_today_with_its_first_change(
    here: World, start: str
) -> None:
    run_id = put(here, start)
    before = here.store().load_run(run_id)
    fail_one(here.store(), run_id)
    after = here.store().load_run(run_id)
    assert list(after.specs.values()) == list(before.specs.values())
    name = next(iter(after.states))
    assert after.states[name].status is JobStatus.FAILED
    assert {n: s for n, s in after.states.items() if n != name} == {
        n: s for n, s in before.states.items() if n != name
    }
    assert here.store().load_for_turn(run_id).states[name].status is JobStatus.FAILED
    assert [each.run_id for each in here.store().find_headers()] == [run_id]


def test_an_old_record_can_be_restarted(here: World) -> None:
    run_id = put(here)
    store = here.store()
    run = store.load_run(run_id)
    after = replace(run.header, status=RunStatus.RUNNING, generation=2, revision=1)
    store.record(run.header, [], after=after)
    assert here.store().get_header(run_id).generation == 2


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("start", [START, START + "Z"], ids=["no zone", "zone"])
def test_an_old_record_is_never_lost_on_the_way(start: str, fault: Fault) -> None:
    for call in range(100):
        with world() as here:
            run_id = put(here, start)
            tap = Tap(faults={call: fault})
            crashed = False
            try:
                fail_one(here.store(tap), run_id)
            except Crash:
                crashed = True
            assert [each.run_id for each in here.store().find_headers()] == [run_id]
            run = here.store().load_run(run_id)
            if JobStatus.FAILED not in {state.status for state in run.states.values()}:
                fail_one(here.store(), run_id)
            assert list(here.store().load_run(run_id).specs) == list(run.specs)
        if not crashed:
            return
    raise AssertionError("it takes fewer calls")


def test_two_who_take_an_old_record_over_leave_one_run(here: World) -> None:
    run_id = put(here)
    whole = here.store().load_run(run_id)
    taking = calls_of(tap := Tap(), lambda: here.store(tap).load_run(run_id))
    other = Tap(hooks={len(taking) + 2: lambda: fail_one(here.store(), run_id)})
    with pytest.raises(ConflictError):
        fail_one(here.store(other), run_id)
    assert len(here.store().find_headers()) == 1
    assert list(here.store().load_run(run_id).specs) == list(whole.specs)


def test_an_old_record_that_can_not_be_read_hides_no_other(here: World) -> None:
    run_id = put(here)
    broken = {"scheduleId": {"S": "broken"}, "startDateTime": {"S": "2019-01-01T00:00:00"}}
    here.clients()["dynamodb"].put_item(
        TableName=TABLES.history,
        Item={**broken, "scheduleStatus": {"S": "FAILED"}, "jobList": {"S": "nonsense"}},
    )
    assert [each.run_id for each in here.store().find_headers()] == [run_id]
