"""No statement is begun twice: lost answers, dead containers, SIGTERM, changed files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.containers import WHO, DeadError
from tests.jobs.data_api import Does
from tests.jobs.warehouse import TEXTS, THREE, WHERE, Warehouse, warehouse_in
from tests.strict.answers import Fault

FAULTS = [
    Fault.THROTTLE,
    Fault.LOST_REPLY,
    Fault.LOST_ON_THE_WAY,
    Fault.SERVER_ERROR,
    Fault.SERVER_ERROR_AFTER,
]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with warehouse_in(tmp_path) as made:
        yield made


def test_no_statement_is_begun_twice_whatever_becomes_of_any_request(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    for fault in FAULTS:
        warehouse.containers.fail_all("ExecuteStatement", fault, fault)
        warehouse.api.runs.clear()
        warehouse.containers.attempt_again(tmp_path / fault.name)

        ended = warehouse.run(THREE)

        assert ended.code == Exit.OK, ended.err
        assert warehouse.api.ran == TEXTS


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.LOST_REPLY, Fault.SERVER_ERROR])
def test_a_look_that_fails_is_repeated(warehouse: Warehouse, fault: Fault) -> None:
    warehouse.containers.fail_all("DescribeStatement", *[fault] * 5)

    assert warehouse.run("delete from t").code == Exit.OK
    assert warehouse.api.ran == ["delete from t"]


def test_a_container_that_dies_at_any_request_leaves_its_work_to_the_next(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.api.does = {"delete": Does(rows=3), "insert": Does(rows=40), "update": Does(rows=2)}
    warehouse.run(THREE)
    clean = warehouse.calls
    assert clean >= 6
    for index in range(clean):
        warehouse.containers.attempt_again(tmp_path / str(index))
        warehouse.api.runs.clear()
        warehouse.containers.die_at(index)
        with pytest.raises(DeadError):
            warehouse.run(THREE)
        warehouse.containers.aws.done = None

        ended = warehouse.run(THREE)

        assert ended.code == Exit.OK, ended.err
        assert warehouse.api.ran == TEXTS
        assert warehouse.containers.claim().outputs == {"rows": "45"}


def test_sigterm_at_any_request_cancels_the_statement_and_begins_no_other(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.run(THREE)
    clean = warehouse.calls
    for index in range(clean):
        warehouse.containers.attempt_again(tmp_path / str(index))
        warehouse.api.runs.clear()
        warehouse.containers.terminate_at(index)

        ended = warehouse.run(THREE)

        is_done = warehouse.api.ended == TEXTS
        assert ended.code == (Exit.OK if is_done else 143), ended.err
        assert is_done or index < clean - 1
        assert warehouse.api.ran == TEXTS[: len(warehouse.api.runs)]
        assert warehouse.api.unended == []


def test_a_statement_that_takes_too_long_is_cancelled(warehouse: Warehouse) -> None:
    warehouse.api.does = {"insert": Does(after=10_000)}

    ended = warehouse.run(THREE, "--timeout", "5m")

    assert ended.code == Exit.TIMED_OUT
    assert "statement 2 of 3 was cancelled" in ended.err
    assert warehouse.api.unended == []


def test_a_statement_that_is_not_listed_yet_is_found_by_its_client_token(
    warehouse: Warehouse,
) -> None:
    warehouse.api.late = 60
    warehouse.containers.fail_all("ExecuteStatement", Fault.LOST_REPLY, Fault.LOST_REPLY)

    assert warehouse.run(THREE).code == Exit.OK
    assert warehouse.api.ran == TEXTS


def test_a_statement_that_does_not_run_yet_is_cancelled_when_it_does(
    warehouse: Warehouse,
) -> None:
    warehouse.api.does = {"delete": Does(after=10_000)}
    warehouse.containers.terminate_at(0)

    ended = warehouse.run(THREE)

    assert ended.code == 143
    assert "statement 1 of 3 was cancelled: was aborted" in ended.err
    assert warehouse.api.unended == []


OTHER = "drop table t; drop table u; drop table v"


@pytest.mark.parametrize("other", [OTHER, THREE.replace("2", "3")])
@pytest.mark.parametrize("index", [0, 1, 3])
def test_another_script_in_between_begins_nothing_more(
    warehouse: Warehouse, index: int, other: str
) -> None:
    warehouse.containers.die_at(index)
    with pytest.raises(DeadError):
        warehouse.run(THREE)
    warehouse.containers.aws.done = None
    begun = list(warehouse.api.ran)

    ended = warehouse.run(other)

    assert ended.code == Exit.CHANGED
    assert "this attempt has begun other work than statement" in ended.err
    assert warehouse.api.ran == begun


def test_another_script_before_a_statement_that_was_not_begun_begins_none(
    warehouse: Warehouse,
) -> None:
    clean = warehouse.run("delete from t")
    assert clean.code == Exit.OK
    second = warehouse.calls  # the request that begins the statement after this one
    warehouse.containers.attempt_again(warehouse.containers.directory / "again")
    warehouse.api.runs.clear()
    warehouse.containers.fail({second: Fault.LOST_ON_THE_WAY})
    warehouse.containers.die_after(second)
    with pytest.raises(DeadError):
        warehouse.run(THREE)

    ended = warehouse.run(OTHER)

    assert ended.code == Exit.CHANGED
    assert "this attempt has begun other work than statement 2 of 3" in ended.err
    assert warehouse.api.ran == TEXTS[:1]


def test_another_statement_in_between_is_not_taken_for_the_one_that_ran(
    warehouse: Warehouse,
) -> None:
    warehouse.containers.die_at(0)
    with pytest.raises(DeadError):
        warehouse.run("delete from t where d = :day", "--parameter", "day=1")
    warehouse.containers.aws.done = None

    ended = warehouse.run("delete from t where d = :day", "--parameter", "day=2")

    assert ended.code == Exit.CHANGED
    assert len(warehouse.api.ran) == 1


def test_another_attempt_begins_from_the_first_statement(warehouse: Warehouse) -> None:
    warehouse.api.does = {"insert": Does(error="no")}
    warehouse.run(THREE)
    warehouse.api.does = {}

    second = replace(WHO, attempt=2, owner="aws-job-2")
    ended = warehouse.containers.run("redshift", *WHERE, "--sql", THREE, who=second)

    assert ended.code == Exit.OK
    assert warehouse.api.ran == TEXTS[:2] + TEXTS


def test_a_session_that_has_ended_fails_the_rest_of_its_script(warehouse: Warehouse) -> None:
    warehouse.containers.die_at(0)
    with pytest.raises(DeadError):
        warehouse.run("begin; delete from t; commit")
    warehouse.containers.aws.done = None
    warehouse.containers.clock.advance(3600)

    ended = warehouse.run("begin; delete from t; commit")

    assert ended.code == Exit.NOT_STARTED
    assert "Session is not available" in ended.err
    assert warehouse.api.ran == ["begin"]
