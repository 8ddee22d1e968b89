"""The first version's tables, in the tables of moto."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from chalicelib.aws.clients import Clients
from chalicelib.aws.old_tables import OldTables
from chalicelib.errors import BackendError, InvalidInputError, NotFoundError
from chalicelib.services.migrating import Kind, Migration, OldItem, migrate
from tests.unit.stores import world

SEED = Path(__file__).parents[1] / "seed"
FAILED = "daily-am-load/2018-09-22T19:55:26.747498Z"


def seed(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((SEED / f"{name}.json").read_text(encoding="utf-8"))
    return value


@pytest.fixture
def session() -> Iterator[Any]:
    with mock_aws():
        yield boto3.Session("key", "secret", region_name="eu-central-1")


@pytest.fixture
def database(session: Any) -> Any:
    """The resource of a region that has both old tables, empty."""
    database = session.resource("dynamodb")
    for table, *keys in (
        ("BatchSchedules", "scheduleId"),
        ("BatchScheduleHistory", "scheduleId", "startDateTime"),
    ):
        kinds = ("HASH", "RANGE")
        database.create_table(
            TableName=table,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}
                for key, kind in zip(keys, kinds, strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
    return database


def items_of(session: Any) -> list[OldItem]:
    return list(OldTables(Clients(session)).items())


def test_old_tables_are_read_whole_and_taken_over(session: Any, database: Any) -> None:
    database.Table("BatchSchedules").put_item(Item=seed("sample_schedule"))
    database.Table("BatchScheduleHistory").put_item(Item=seed("failed_example_schedule"))
    items = items_of(session)
    assert [(item.kind, item.place) for item in items] == [
        (Kind.SCHEDULE, "BatchSchedules: daily-pm-load"),
        (Kind.RUN, "BatchScheduleHistory: daily-am-load, 2018-09-22T19:55:26.747498"),
    ]
    assert [item.value for item in items] == [
        seed("sample_schedule"),
        seed("failed_example_schedule"),
    ]
    ports = world()
    judged = list(migrate(ports, items, Migration(actor="ada", apply=True)))
    assert [each.id for each in judged] == ["daily-pm-load", FAILED]
    assert ports.runs.get_header(FAILED).counts == {"SUCCEEDED": 3, "FAILED": 2}


def test_an_item_that_is_refused_can_be_found_by_what_it_is_called_however_wrong(
    session: Any, database: Any
) -> None:
    database.Table("BatchSchedules").put_item(Item={"scheduleId": "bad id!", "jobList": []})
    database.Table("BatchScheduleHistory").put_item(
        Item={"scheduleId": "daily", "startDateTime": "yesterday", "jobList": []}
    )
    judged = list(migrate(world(), items_of(session), Migration(actor="ada")))
    assert [(str(each.fate), each.place) for each in judged] == [
        ("refused", "BatchSchedules: bad id!"),
        ("refused", "BatchScheduleHistory: daily, yesterday"),
    ]


def test_the_items_of_a_table_with_another_key_are_counted(session: Any) -> None:
    session.resource("dynamodb").create_table(
        TableName="Odd",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    ).put_item(Item={"id": "a"})
    found = OldTables(Clients(session), schedules="Odd", history="Odd").items()
    assert [item.place for item in found] == ["Odd[0]", "Odd[0]"]


def test_pages_are_followed_to_the_last_item(session: Any, database: Any) -> None:
    table = database.Table("BatchScheduleHistory")
    for number in range(9):  # 2.7 MB; a page of a Scan has 1 MB
        table.put_item(
            Item={"scheduleId": f"s{number}", "startDateTime": "x", "category": "x" * 300_000}
        )
    client = Clients(session)["dynamodb"]
    assert "LastEvaluatedKey" in client.scan(TableName="BatchScheduleHistory")
    found = sorted(item.value["scheduleId"] for item in items_of(session))
    assert found == [f"s{number}" for number in range(9)]


def test_a_table_that_is_not_there_is_named(session: Any) -> None:
    with pytest.raises(NotFoundError, match="no table 'BatchSchedules'"):
        items_of(session)


def test_a_page_that_does_not_come_is_an_error_that_may_pass(session: Any, database: Any) -> None:
    def throttle(**_: object) -> tuple[AWSResponse, dict[str, Any]]:
        error = {"Code": "ThrottlingException", "Message": "slow down"}
        answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
        return AWSResponse("", 400, {}, None), answer

    clients = Clients(session)
    clients["dynamodb"].meta.events.register("before-call.dynamodb.Scan", throttle)
    with pytest.raises(BackendError, match="slow down") as caught:
        list(OldTables(clients).items())
    assert caught.value.retryable


@pytest.mark.parametrize("table", ["BatchSchedules-dev", "BatchScheduleHistory-prod"])
def test_tables_of_a_stage_are_never_scanned(session: Any, table: str) -> None:
    with pytest.raises(InvalidInputError, match="is a table of a stage"):
        OldTables(Clients(session), history=table)
