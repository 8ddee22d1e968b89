"""A table of parts for the tests of DynamoDB, and how they ask for them."""

from typing import Any, NamedTuple

from chalicelib.local.memory_queue import VirtualClock
from tests.strict.asking import Act, Answer
from tests.strict.aws import StrictAws
from tests.strict.dynamodb import FakeDynamo

KB = 1024
MB = 1024 * KB
N = {"N": "1"}
PARTS = {
    "TableName": "parts",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "name", "AttributeType": "S"},
        {"AttributeName": "ordinal", "AttributeType": "N"},
        {"AttributeName": "color", "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "name", "KeyType": "RANGE"},
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "byOrdinal",
            "KeySchema": [
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "ordinal", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["weight"]},
        }
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "byColor",
            "KeySchema": [{"AttributeName": "color", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}


class Bench(NamedTuple):
    """A table of parts, and who answers."""

    aws: StrictAws
    fake: FakeDynamo
    client: Any
    clock: VirtualClock


def bench(lag: float = 0.0) -> Bench:
    clock = VirtualClock()
    aws = StrictAws(clock)
    fake = FakeDynamo(aws, lag)
    aws.serve("dynamodb", fake.service())
    client = aws.client("dynamodb")
    client.create_table(**PARTS)
    aws.calls.clear()
    return Bench(aws, fake, client, clock)


def part(name: str = "a", **attributes: Any) -> Answer:
    return {"id": {"S": "1"}, "name": {"S": name}, **attributes}


def key(name: str = "a") -> Answer:
    return part(name)


def text(size: int) -> Answer:
    return {"S": "x" * size}


def put(client: Any, name: str = "a", **attributes: Any) -> Any:
    return client.put_item(TableName="parts", Item=part(name, **attributes))


def get(client: Any, name: str = "a") -> Any:
    return client.get_item(TableName="parts", Key=key(name)).get("Item")


def query(client: Any, **members: Any) -> Any:
    return client.query(
        TableName="parts",
        **{
            "KeyConditionExpression": "id = :id",
            "ExpressionAttributeValues": {":id": {"S": "1"}},
            **members,
        },
    )


def update(client: Any, expression: str, name: str = "a", **values: Any) -> Any:
    members = {"ExpressionAttributeValues": {f":{k}": v for k, v in values.items()}}
    return client.update_item(
        TableName="parts", Key=key(name), UpdateExpression=expression, **(members if values else {})
    )


def putting(*names: str, **attributes: Any) -> list[Answer]:
    return [{"Put": {"TableName": "parts", "Item": part(name, **attributes)}} for name in names]


# An item of one attribute: "id" + "1" and "name" + "a" are 8 bytes, and "text" itself 4.
KEYS = len("id1namea")


def put_of(client: Any, size: int) -> None:
    put(client, text=text(size - KEYS - len("text")))


def condition_of(text: str, client: Any) -> None:
    client.put_item(
        TableName="parts",
        Item=part(),
        ConditionExpression=text,
        **({"ExpressionAttributeValues": {":v": {"S": "v"}}} if ":v" in text else {}),
    )


def asking(**members: Any) -> Act:
    return lambda client: query(client, **members)
