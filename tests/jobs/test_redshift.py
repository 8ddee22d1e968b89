"""`batch-job redshift`, before a strict fake of the Data API."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.data_api import Does
from tests.jobs.warehouse import TEXTS, THREE, WHERE, Warehouse, warehouse_in
from tests.strict.answers import Fault


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with warehouse_in(tmp_path) as made:
        yield made


def test_statements_run_one_after_the_other_and_tell_the_rows_they_affected(
    warehouse: Warehouse,
) -> None:
    warehouse.api.does = {"delete": Does(rows=3), "insert": Does(rows=40), "update": Does(rows=2)}

    ended = warehouse.run(THREE)

    assert ended.code == Exit.OK
    assert warehouse.api.ran == TEXTS
    ends = [run.at for run in warehouse.api.runs]
    assert ends == sorted(ends)
    assert ends[1].timestamp() - ends[0].timestamp() >= 5
    claim = warehouse.containers.claim()
    assert claim.outputs == {"rows": "45"}
    assert claim.links["logs"].endswith("#cluster-details?cluster=cluster")
    assert "statement 3 of 3 has finished (2 rows)" in ended.out.splitlines()[-1]


def test_a_statement_that_fails_ends_the_script_with_its_number_its_text_and_the_error(
    warehouse: Warehouse,
) -> None:
    warehouse.api.does = {"insert": Does(error="column \n b does not exist")}

    ended = warehouse.run(THREE)

    assert ended.code == Exit.FAILED
    assert warehouse.api.ran == TEXTS[:2]
    assert ended.err.splitlines()[-1].startswith(
        "batch-job: statement 2 of 3 has failed: ERROR: column b does not exist "
        "(line 2: insert into t select 1); see https://eu-central-1.console.aws.amazon.com/"
    )


def test_what_a_query_returns_is_printed_and_counts_for_no_affected_row(
    warehouse: Warehouse,
) -> None:
    rows = tuple((number, None, "x", True) for number in range(120))
    columns = ("n", "none", "text", "flag")
    warehouse.api.does = {"select": Does(result=rows, columns=columns), "delete": Does(rows=1)}

    ended = warehouse.run("delete from t; select * from t")

    lines = ended.out.splitlines()
    assert lines[3:5] == ["n\tnone\ttext\tflag", "0\t\tx\tTrue"]
    assert "(20 more rows)" in lines
    assert "statement 2 of 2 has finished (120 rows returned)" in ended.out
    assert warehouse.containers.claim().outputs == {"rows": "1"}


def test_a_result_that_can_t_be_had_fails_no_statement(warehouse: Warehouse) -> None:
    warehouse.api.does = {"select": Does(result=((1,),), columns=("n",))}
    warehouse.containers.fail_all("GetStatementResult", Fault.LOST_REPLY)

    ended = warehouse.run("select 1")

    assert ended.code == Exit.OK
    assert "(its result can't be had: " in ended.out


def test_each_statement_is_given_the_parameters_that_it_names(warehouse: Warehouse) -> None:
    sql = "delete from t where d = :day; insert into t values (:day, :n); select ':day'"

    ended = warehouse.run(sql, "--parameter", "day=2026-01-01", "--parameter", "n=a=b")

    assert ended.code == Exit.OK
    given = [run.request.get("Parameters") for run in warehouse.api.runs]
    day, number = {"name": "day", "value": "2026-01-01"}, {"name": "n", "value": "a=b"}
    assert given == [[day], [day, number], None]


@pytest.mark.parametrize(
    ("sql", "more", "code", "told"),
    [
        ("select 'a", [], Exit.REFUSED, "--sql: the quote that begins on line 1 has no end"),
        ("-- nothing", [], Exit.REFUSED, "--sql has no statement"),
        ("select ':a'", ["--parameter", "a=1"], Exit.REFUSED, "no statement has :a outside"),
        (f"select 1; select '{'x' * 100_000}'", [], Exit.REFUSED, "statement 2, on line 1, is"),
        ("select :a", ["--parameter", "a="], Exit.USAGE, "'a=' is no parameter"),
        ("select :a", ["--parameter", "a=1", "--parameter", "a=2"], Exit.USAGE, "given twice"),
    ],
)
def test_what_can_t_be_run_is_refused_before_anything_is(
    warehouse: Warehouse, sql: str, more: list[str], code: Exit, told: str
) -> None:
    ended = warehouse.run(sql, *more)

    assert ended.code == code
    assert told in ended.err
    assert warehouse.calls == 0


def test_a_user_is_for_a_cluster_alone(warehouse: Warehouse) -> None:
    where = ("--workgroup", "workgroup", "--database", "dev", "--user", "etl")

    ended = warehouse.containers.run("redshift", *where, "--sql", "select 1")

    assert ended.code == Exit.USAGE
    assert "--user is for a --cluster" in ended.err


def test_a_workgroup_is_asked_with_the_secret_that_is_named(warehouse: Warehouse) -> None:
    secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:etl-a1b2c3"  # noqa: S105
    where = ("--workgroup", "workgroup", "--database", "dev", "--secret", secret)

    ended = warehouse.containers.run("redshift", *where, "--sql", "select 1")

    request = warehouse.api.runs[0].request
    assert ended.code == Exit.OK
    assert (request["WorkgroupName"], request["SecretArn"]) == ("workgroup", secret)
    assert "DbUser" not in request
    assert "ClusterIdentifier" not in request


def test_a_script_with_a_transaction_runs_in_one_session(warehouse: Warehouse) -> None:
    ended = warehouse.run("begin; delete from t; commit")

    assert ended.code == Exit.OK
    assert len({run.session for run in warehouse.api.runs}) == 1
    assert warehouse.api.runs[0].session


def test_a_script_that_needs_no_session_leaves_none_behind(warehouse: Warehouse) -> None:
    warehouse.run(THREE)

    assert [run.session for run in warehouse.api.runs] == ["", "", ""]


def test_a_warehouse_that_refuses_is_told_with_its_words(warehouse: Warehouse) -> None:
    where = ("--cluster", "other", "--database", "dev")

    ended = warehouse.containers.run("redshift", *where, "--sql", "select 1")

    assert ended.code == Exit.NOT_STARTED
    assert "Redshift endpoint doesn't exist in this region" in ended.err


def test_a_dry_run_prints_each_request_and_makes_none(warehouse: Warehouse) -> None:
    ended = warehouse.run("select 1; select :a", "--parameter", "a=1", "--dry-run")

    texts = ended.out.replace("}\n{", "}\0{").split("\0")
    requests = [json.loads(text)["parameters"] for text in texts]
    assert [request["Sql"] for request in requests] == ["select 1", "select :a"]
    assert requests[1]["Parameters"] == [{"name": "a", "value": "1"}]
    assert warehouse.calls == 0


@pytest.mark.parametrize(
    ("allowed", "code"), [("s3://scripts/edw", Exit.OK), ("s3://scripts/x", Exit.REFUSED)]
)
def test_a_dry_run_says_whether_the_file_may_be_fetched(
    warehouse: Warehouse, allowed: str, code: Exit
) -> None:
    warehouse.containers.environment["BATCH_FILE_ALLOWED"] = allowed
    file = ("--file", "s3://scripts/edw/load.sql")

    ended = warehouse.containers.run("redshift", *WHERE, *file, "--dry-run")

    assert ended.code == code
    assert ("is not below s3://scripts/x" in ended.err) is (code is Exit.REFUSED)


def test_a_file_of_the_image_is_read(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "load.sql"
    path.write_text("\ufeff" + THREE)

    ended = warehouse.containers.run("redshift", *WHERE, "--file", str(path))

    assert ended.code == Exit.OK
    assert warehouse.api.ran == TEXTS


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (None, Exit.NOT_FETCHED, "can't be read: No such file or directory"),
        (b"select '\xff'", Exit.REFUSED, "is no text in UTF-8: byte 8"),
        (b"select 1\0", Exit.REFUSED, "is no text: it has a NUL character"),
        (b"-" * (4 * 1024**2 + 1), Exit.REFUSED, "has 4194305 bytes"),
    ],
)
def test_a_file_that_is_no_text_is_refused(
    warehouse: Warehouse, tmp_path: Path, content: bytes | None, code: Exit, told: str
) -> None:
    path = tmp_path / "load.sql"
    if content is not None:
        path.write_bytes(content)

    ended = warehouse.containers.run("redshift", *WHERE, "--file", str(path))

    assert ended.code == code
    assert told in ended.err
