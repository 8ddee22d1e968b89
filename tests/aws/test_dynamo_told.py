"""What jobs told, in items: a transaction has 4 MB, and jobs may tell more than that at once."""

from dataclasses import replace

import pytest

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_moves import Move, parts_of
from chalicelib.core.claims import MAX_TOLD, Told
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Change, JobState, initial_states
from chalicelib.core.schedule import JobSpec
from chalicelib.local.memory_queue import VirtualClock
from tests.aws import tables
from tests.contract.dynamo_store import DynamoStore
from tests.contract.store_contents import RUN, START, header
from tests.strict.stores import stores

MUCH = Told(outputs={f"n{number}": "ü" * 512 for number in range(31)})


def move(told: int) -> Move:
    return Move("a", 0, JobStatus.RUNNING, {"told": "x" * told} if told else {})


@pytest.mark.parametrize("is_order", [False, True], ids=["facts", "an order"])
def test_f23_many_jobs_that_told_much_are_recorded_all_the_same(is_order: bool) -> None:
    clock = VirtualClock()
    clients = Clients(stores(clock))
    tables.make(clients)
    store = DynamoStore(clients, clock)
    specs = [JobSpec(name=f"job-{number}") for number in range(90)]
    about = header()
    store.create_run(about, specs, initial_states(specs))
    assert MAX_TOLD - 2048 < MUCH.size <= MAX_TOLD
    ended = JobState(status=JobStatus.SUCCEEDED, version=1, told=MUCH)
    changes = [Change(each.name, Act.OBSERVE, JobState(), ended, START) for each in specs]
    after = replace(about, revision=1) if is_order else None
    store.record(store.get_header(RUN), changes, after=after)
    assert [record.state for record in store.find_jobs(RUN)] == [ended] * 90


def test_moves_that_told_nothing_are_parted_by_their_number_alone() -> None:
    assert [len(part) for part in parts_of([move(0)] * 250, 99)] == [99, 99, 52]
    assert [len(part) for part in parts_of([move(0)] * 99, 99)] == [99]
    assert parts_of([], 99) == [[]]


def test_moves_are_parted_where_they_would_be_too_much() -> None:
    sizes = [500_000, 200_000, 100_000, 800_000, 900_000, 1]
    parts = parts_of([move(size) for size in sizes], 99)
    assert [len(part) for part in parts] == [2, 1, 1, 1, 1]
