"""Marks and tokens of runs in DynamoDB: a change is never slept through, and leaves no litter."""

from collections.abc import Iterator

import pytest

from chalicelib.aws.dynamo_wakes import DynamoWakes
from chalicelib.core.run import JobState
from chalicelib.core.schedule import JobSpec
from tests.aws.tables import TABLES
from tests.aws.worlds import World, world
from tests.contract.store_contents import header, run_of

RUN = run_of("etl")


@pytest.fixture
def here() -> Iterator[World]:
    with world() as made:
        spec = JobSpec(name="load", request={"jobDefinition": "load:1", "jobQueue": "daily"})
        made.store().create_run(header(RUN), [spec], {"load": JobState()})
        yield made


def wakes(here: World) -> DynamoWakes:
    return DynamoWakes(here.clients(), TABLES)


def test_a_change_takes_the_token_of_who_waits_once(here: World) -> None:
    assert wakes(here).arm(RUN, "token")
    assert wakes(here).mark(RUN) == "token"
    assert wakes(here).mark(RUN) == ""


def test_who_begins_to_wait_after_a_change_does_not_wait(here: World) -> None:
    assert wakes(here).mark(RUN) == ""
    assert not wakes(here).arm(RUN, "token")
    assert wakes(here).arm(RUN, "another")


def test_who_waits_again_is_woken_by_the_newer_token(here: World) -> None:
    wakes(here).arm(RUN, "old")
    wakes(here).arm(RUN, "new")
    assert wakes(here).mark(RUN) == "new"


def test_a_burst_of_changes_is_written_once(here: World) -> None:
    for _ in range(5):
        wakes(here).mark(RUN)
    assert here.item(TABLES.jobs, run=RUN, jobName=" #wake")["dirty"] == {"BOOL": True}
    assert not wakes(here).arm(RUN, "token")
    assert wakes(here).arm(RUN, "token")


def test_a_job_of_another_stages_run_leaves_nothing_here(here: World) -> None:
    foreign = run_of("other")
    assert wakes(here).mark(foreign) == ""
    assert not here.item(TABLES.jobs, run=foreign, jobName=" #wake")
