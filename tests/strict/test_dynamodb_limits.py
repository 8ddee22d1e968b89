"""The strict DynamoDB holds to every limit that touches the stores; each has a row here."""

from typing import Any, NamedTuple

import pytest

from tests.strict.asking import Act, Answer, Bound, most, name_of, refused
from tests.strict.parts import (
    KB,
    KEYS,
    MB,
    PARTS,
    Bench,
    N,
    asking,
    bench,
    condition_of,
    key,
    part,
    put,
    put_of,
    putting,
    text,
    update,
)


@pytest.fixture
def here() -> Bench:
    return bench()


def grown_to(client: Any, size: int) -> None:
    put(client)
    update(client, "SET #text = :text".replace("#text", "texts"), text=text(size - KEYS - 5))


def number_of(digits: str) -> Act:
    return lambda client, size: put(client, ordinal={"N": digits.format("1" * size, size)})


def nested(client: Any, depth: int) -> None:
    value: Answer = {"S": "x"}
    for _ in range(depth):
        value = {"L": [value]}
    put(client, deep=value)


def transaction_of(client: Any, size: int) -> None:
    """Items of 400,000 bytes, and one more for the rest."""
    sizes = [400_000] * (size // 400_000) + [size % 400_000]
    actions = [
        {"Put": {"TableName": "parts", "Item": part(f"{n:02d}", t=text(each - KEYS - 2))}}
        for n, each in enumerate(sizes)
    ]
    client.transact_write_items(TransactItems=actions)


def asked_of(client: Any, count: int) -> None:
    keys = [key(f"{number}") for number in range(count)]
    client.batch_get_item(RequestItems={"parts": {"Keys": keys}})


def sized(size: int) -> str:
    """A condition of that many bytes, which holds."""
    form = "NOT size({}) < :v"
    return form.format("x" * (size - len(form) + 2))


def operators(count: int) -> str:
    """A condition of that many operators, which holds."""
    negated = ["NOT x = :v"] * (1 + count % 2)
    compared = ["x = :v"] * ((count + 1 - len(negated)) // 2 - len(negated))
    return " OR ".join([*negated, *compared])


BOUNDS = (
    most("an item of 400 KB", put_of, 400 * KB),
    most("an item that an update makes 400 KB", grown_to, 400 * KB),
    most("a partition key of 2,048 bytes", lambda c, n: put(c, id=text(n)), 2048),
    most("a sort key of 1,024 bytes", lambda c, n: put(c, name="x" * n), 1024),
    most("a number of 38 digits", number_of("{0}"), 38),
    most("a number of less than 1E126", number_of("9E{1}"), 125),
    Bound("a number of at least 1E-130", number_of("1E-{1}"), 130, 131),
    most("32 levels of nesting", nested, 32),
    most("100 actions of a transaction",
         lambda c, n: c.transact_write_items(TransactItems=putting(*map(str, range(n)))), 100),
    most("4 MB of all items of a transaction", transaction_of, 4 * MB),
    most("100 keys of a BatchGetItem", asked_of, 100),
    most("an expression of 4,096 bytes", lambda c, n: condition_of(sized(n), c), 4096),
    most("300 operators of an expression", lambda c, n: condition_of(operators(n), c), 300),
    most("100 operands of IN",
         lambda c, n: condition_of(f"NOT x IN ({', '.join([':v'] * n)})", c), 100),
)  # fmt: skip


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_what_is_beyond_a_limit_is_refused(here: Bench, bound: Bound) -> None:
    bound.hold(here.client)


class Refusal(NamedTuple):
    """What is refused whatever its size."""

    name: str
    act: Act
    words: str
    code: str = "ValidationException"


def updating(expression: str, **values: Any) -> Act:
    return lambda client: update(client, expression, **values)


REFUSALS = (
    Refusal("an empty partition key", lambda c: put(c, id={"S": ""}), "empty string"),
    Refusal("an empty sort key", lambda c: put(c, name=""), "empty string"),
    Refusal("an empty key of an index", lambda c: put(c, color={"S": ""}), "empty string"),
    Refusal("a key of another type", lambda c: put(c, id=N), "Type mismatch for key id"),
    Refusal("an index's key of another type", lambda c: put(c, color=N), "Type mismatch"),
    Refusal("an item without its key",
            lambda c: c.put_item(TableName="parts", Item={"id": {"S": "1"}}), "Missing the key"),
    Refusal("a key that lacks a part",
            lambda c: c.get_item(TableName="parts", Key={"id": {"S": "1"}}), "does not match"),
    Refusal("a key that has more",
            lambda c: c.get_item(TableName="parts", Key=part(color=N)), "does not match"),
    Refusal("a number that is none", lambda c: put(c, x={"N": "one"}), "cannot be converted"),
    Refusal("not a number", lambda c: put(c, x={"N": "NaN"}), "cannot be converted"),
    Refusal("an empty set", lambda c: put(c, x={"SS": []}), "may not be empty"),
    Refusal("a set with the same twice", lambda c: put(c, x={"NS": ["1", "1.0"]}), "duplicates"),
    Refusal("a NULL that is false", lambda c: put(c, x={"NULL": False}), "value of true"),
    Refusal("a reserved word", updating("SET status = :s", s=N), "reserved keyword: status"),
    Refusal("a word that is written otherwise", updating("SET Status = :s", s=N), "reserved"),
    Refusal("an update of a key", updating("SET id = :i", i=text(1)), "part of the key"),
    Refusal("two paths that overlap", updating("SET x = :a, x.y = :a", a=N), "overlap"),
    Refusal("a path into nothing", updating("SET x.y = :a", a=N), "document path"),
    Refusal("an attribute that is not there", updating("SET x = y"), "does not exist"),
    Refusal("a value that is not given", updating("SET x = :a"), "is not defined"),
    Refusal("a value that is not used", updating("SET x = :a", a=N, b=N), "unused"),
    Refusal("one clause twice", updating("SET x = :a SET y = :a", a=N), "only be used once"),
    Refusal("the sum of a text", updating("SET x = :a + :a", a=text(1)), "operand type: S"),
    Refusal("a text added", updating("ADD x :a", a=text(1)), "operand type: S"),
    Refusal("an update of nothing", updating(" "), "can not be empty"),
    Refusal("an unfinished condition", lambda c: condition_of("x =", c), "Syntax error"),
    Refusal("a condition that begins with a number",
            lambda c: c.put_item(TableName="parts", Item=part(), ConditionExpression="x < :v",
                                 ExpressionAttributeValues={":v": {"BOOL": True}}),
            "operand type: BOOL"),
    Refusal("a consistent read of a global index",
            asking(IndexName="byColor", ConsistentRead=True, KeyConditionExpression="color = :id"),
            "Consistent reads are not supported on global secondary indexes"),
    Refusal("an index that there is not", asking(IndexName="other"), "not have the specified"),
    Refusal("a query without the partition", asking(KeyConditionExpression="#n = :id",
            ExpressionAttributeNames={"#n": "name"}), "missed key schema element: id"),
    Refusal("a query of a range of partitions", asking(KeyConditionExpression="id > :id"),
            "not supported"),
    Refusal("a query by another attribute",
            asking(KeyConditionExpression="id = :id AND x = :id"), "not supported"),
    Refusal("a query with OR", asking(KeyConditionExpression="id = :id OR id = :id"), "OR"),
    Refusal("a query by contains",
            asking(KeyConditionExpression="id = :id AND contains(#n, :id)",
                   ExpressionAttributeNames={"#n": "name"}), "Invalid operator"),
    Refusal("a query by a key of another type",
            asking(ExpressionAttributeValues={":id": N}), "does not match schema type"),
    Refusal("a filter by the key",
            asking(FilterExpression="#n = :id", ExpressionAttributeNames={"#n": "name"}),
            "non-primary key attributes"),
    Refusal("a start that is no key", asking(ExclusiveStartKey={"id": {"S": "1"}}),
            "starting key is invalid"),
    Refusal("the same key twice in a batch",
            lambda c: c.batch_get_item(RequestItems={"parts": {"Keys": [key(), key()]}}),
            "duplicates"),
    Refusal("one item twice in a transaction",
            lambda c: c.transact_write_items(TransactItems=putting("a", "a")),
            "multiple operations on one item"),
    Refusal("an action that is two",
            lambda c: c.transact_write_items(TransactItems=[
                {**putting("a")[0], "Delete": {"TableName": "parts", "Key": key("b")}}]),
            "only contain one of"),
    Refusal("a table that there is not",
            lambda c: c.get_item(TableName="other", Key=key()), "not found",
            "ResourceNotFoundException"),
    Refusal("a table that there is", lambda c: c.create_table(**PARTS), "already exists",
            "ResourceInUseException"),
    Refusal("a table's name of two letters", lambda c: c.create_table(**PARTS | {
            "TableName": "a" * 1025}), "more than 1024"),
)  # fmt: skip


@pytest.mark.parametrize("row", REFUSALS, ids=name_of)
def test_what_dynamodb_does_not_take_is_refused_in_its_words(here: Bench, row: Refusal) -> None:
    code, message = refused(row.act, here.client)
    assert (code, row.words in message) == (row.code, True), f"{code}: {message}"
    assert here.fake.items("parts") == []
