"""What people write into the table by hand: a status, also one in the old words, also nonsense."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.errors import ConflictError, InvalidInputError
from tests.aws.tables import TABLES
from tests.aws.worlds import World, world
from tests.contract.store_contents import RUN, begin, change, reserve

WAITING, PASS, FAILED = JobStatus.WAITING, JobStatus.PASS, JobStatus.FAILED


@pytest.fixture
def here() -> Iterator[World]:
    with world() as opened:
        yield opened


def type_status(here: World, text: str, job: str = "make") -> None:
    here.clients()["dynamodb"].update_item(
        TableName=TABLES.jobs,
        Key={"run": {"S": RUN}, "jobName": {"S": job}},
        UpdateExpression="SET jobStatus = :status",
        ExpressionAttributeValues={":status": {"S": text}},
    )


@pytest.mark.parametrize(
    ("text", "meant"), [("PASS", PASS), ("SKIP", PASS), ("pass ", PASS), (" ", WAITING)]
)
def test_a_status_that_a_person_typed_is_believed_by_a_whole_load(
    here: World, text: str, meant: JobStatus
) -> None:
    begin(here.store())
    type_status(here, text)
    assert here.store().load_run(RUN).states["make"].status is meant


@pytest.mark.parametrize("text", ["PASS", "SKIP", "pass "])
def test_a_driver_that_does_not_know_of_it_conflicts_and_sees_it_then(
    here: World, text: str
) -> None:
    begin(here.store())
    driver = here.store()
    run = driver.load_for_turn(RUN)
    type_status(here, text)
    with pytest.raises(ConflictError, match="load the run again"):
        driver.record(run.header, [change(run.states["make"], status=JobStatus.RESERVED)])
    again = driver.load_run(RUN)
    driver.close_turn(again)
    assert driver.load_for_turn(RUN).states["make"].status is PASS
    assert driver.get_header(RUN).counts[PASS] == 2


@pytest.mark.parametrize("text", ["SKIP", "pass "])
def test_what_starts_from_a_status_in_other_words_is_written(here: World, text: str) -> None:
    begin(here.store())
    type_status(here, text)
    store = here.store()
    run = store.load_run(RUN)
    again = change(run.states["make"], Act.RERUN, status=WAITING, reason="rerun by ann")
    store.record(run.header, [again], after=replace(run.header, revision=1))
    assert here.store().load_run(RUN).states["make"] == again.after


def test_a_failed_job_that_a_person_lets_run_again_is_read_by_the_next_turn(here: World) -> None:
    store = here.store()
    failed = change(reserve(store, begin(store)).after, Act.REFUSE, status=FAILED)
    store.record(store.get_header(RUN), [failed])
    type_status(here, " ")
    run = here.store().load_run(RUN)
    assert run.states["make"].status is WAITING
    closing = here.store()
    closing.close_turn(run)
    assert closing.load_for_turn(RUN).states["make"] == run.states["make"]


def test_nonsense_is_told_with_the_job_and_what_is_allowed(here: World) -> None:
    begin(here.store())
    type_status(here, "DONE", "clean")
    with pytest.raises(InvalidInputError, match=r"job 'clean'.*'DONE' is no status.*allowed.*PASS"):
        here.store().load_run(RUN)


def test_an_item_that_is_no_run_hides_no_other_and_says_what_it_lacks(here: World) -> None:
    begin(here.store())
    item = {"scheduleId": "odd", "startDateTime": "2026-01-01T00:00:00.000000Z"}
    statused = {name: {"S": text} for name, text in (*item.items(), ("scheduleStatus", "RUNNING"))}
    here.clients()["dynamodb"].put_item(TableName=TABLES.history, Item=statused)
    assert [each.run_id for each in here.store().find_headers()] == [RUN]
    assert [each.run_id for each in here.store().find_headers(status=RunStatus.RUNNING)] == [RUN]
    with pytest.raises(InvalidInputError, match=r"odd/2026.*is no run: it has no counts, board"):
        here.store().get_header("odd/2026-01-01T00:00:00.000000Z")
