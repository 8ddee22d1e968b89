"""The strict DynamoDB: conditions, transactions, pages, indexes, and what calls cost."""

from typing import Any, NamedTuple

import pytest

from tests.strict.answers import Fault
from tests.strict.asking import Act, Answer, name_of, refused
from tests.strict.parts import (
    KB,
    KEYS,
    MB,
    Bench,
    N,
    asking,
    bench,
    condition_of,
    get,
    key,
    part,
    put,
    put_of,
    putting,
    query,
    text,
    update,
)


@pytest.fixture
def here() -> Bench:
    return bench()


# Conditions and transactions


def test_a_condition_that_fails_shows_the_item_that_was_there(here: Bench) -> None:
    put(here.client, weight=N)
    members = {"TableName": "parts", "Item": part(), "ConditionExpression": "weight = :s"}
    values = {":s": {"N": "2"}}
    answer = error_of(here.client.put_item, **members, ExpressionAttributeValues=values,
                      ReturnValuesOnConditionCheckFailure="ALL_OLD")  # fmt: skip
    assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
    assert answer["Item"] == part(weight=N)
    without = error_of(here.client.put_item, **members, ExpressionAttributeValues=values)
    assert "Item" not in without


def error_of(act: Act, **members: Any) -> Answer:
    with pytest.raises(Exception, match="An error occurred") as caught:
        act(**members)
    answer: Answer = vars(caught.value)["response"]
    return answer


def test_a_transaction_is_done_whole_or_not_at_all_and_says_what_kept_it(here: Bench) -> None:
    put(here.client, "b", weight=N)
    actions = putting("a", "b", "c")
    actions[1]["Put"] |= {
        "ConditionExpression": "attribute_not_exists(id)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    answer = error_of(here.client.transact_write_items, TransactItems=actions)
    assert answer["Error"]["Code"] == "TransactionCanceledException"
    assert [each["Code"] for each in answer["CancellationReasons"]] == [
        "None", "ConditionalCheckFailed", "None",
    ]  # fmt: skip
    assert answer["CancellationReasons"][1]["Item"] == part("b", weight=N)
    assert "[None, ConditionalCheckFailed, None]" in answer["Error"]["Message"]
    assert here.fake.items("parts") == [part("b", weight=N)]


def test_an_update_that_makes_an_item_too_large_cancels_its_transaction(here: Bench) -> None:
    put_of(here.client, 400 * KB)
    growing = {
        "Update": {
            "TableName": "parts",
            "Key": key(),
            "UpdateExpression": "SET more = :m",
            "ExpressionAttributeValues": {":m": N},
        }
    }
    answer = error_of(here.client.transact_write_items, TransactItems=[*putting("b"), growing])
    assert [each["Code"] for each in answer["CancellationReasons"]] == ["None", "ValidationError"]
    assert get(here.client, "b") is None


def test_a_transaction_sent_again_with_its_token_is_done_once(here: Bench) -> None:
    adding = [
        {
            "Update": {
                "TableName": "parts",
                "Key": key(),
                "UpdateExpression": "ADD weight :one",
                "ExpressionAttributeValues": {":one": N},
            }
        }
    ]
    send = here.client.transact_write_items
    for _ in range(2):
        send(TransactItems=adding, ClientRequestToken="token")
    assert get(here.client)["weight"] == N
    code, _ = refused(send, TransactItems=putting("b"), ClientRequestToken="token")
    assert code == "IdempotentParameterMismatchException"
    here.clock.advance(600)  # ten minutes later it is another one
    send(TransactItems=adding, ClientRequestToken="token")
    assert get(here.client)["weight"] == {"N": "2"}


def test_a_transaction_that_meets_another_one_is_cancelled(here: Bench) -> None:
    here.aws.faults = lambda *_: Fault.CONFLICT
    answer = error_of(here.client.transact_write_items, TransactItems=putting("a", "b"))
    codes = [each["Code"] for each in answer["CancellationReasons"]]
    assert sorted(codes) == ["None", "TransactionConflict"]
    assert here.fake.items("parts") == []


# Pages, projections, indexes


def test_a_page_of_a_query_holds_a_megabyte(here: Bench) -> None:
    size = MB // 4
    for name in "abcdef":
        put(here.client, name, t=text(size - KEYS - 1))
    first = query(here.client)
    assert [item["name"]["S"] for item in first["Items"]] == ["a", "b", "c", "d"]
    assert first["LastEvaluatedKey"] == key("d")
    rest = query(here.client, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["name"]["S"] for item in rest["Items"]] == ["e", "f"]
    assert "LastEvaluatedKey" not in rest


def test_a_filter_comes_after_the_page_and_its_limit(here: Bench) -> None:
    for name in "abcd":
        put(here.client, name, **({"keep": N} if name in "bd" else {}))
    page = query(here.client, Limit=2, FilterExpression="attribute_exists(keep)")
    assert (page["Count"], page["ScannedCount"]) == (1, 2)
    assert page["LastEvaluatedKey"] == key("b")


def test_a_page_that_ends_at_its_limit_does_not_say_that_it_is_the_last(here: Bench) -> None:
    put(here.client)
    page = query(here.client, Limit=1)
    assert page["LastEvaluatedKey"] == key()
    assert query(here.client, ExclusiveStartKey=page["LastEvaluatedKey"])["Items"] == []


def test_the_newest_come_first_when_asked_so(here: Bench) -> None:
    for name in ("a", "b", "é", "Z"):
        put(here.client, name)
    found = query(here.client, ScanIndexForward=False)["Items"]
    assert [item["name"]["S"] for item in found] == ["é", "b", "a", "Z"]  # by bytes of UTF-8


def test_an_index_holds_only_items_that_have_its_key_and_what_it_projects(here: Bench) -> None:
    put(here.client, "a", ordinal={"N": "10"}, weight=N, maker=N)
    put(here.client, "b", ordinal={"N": "9"})
    put(here.client, "c", weight=N)
    found = query(here.client, IndexName="byOrdinal", ConsistentRead=True)["Items"]
    assert found == [part("b", ordinal={"N": "9"}), part("a", ordinal={"N": "10"}, weight=N)]
    update(here.client, "REMOVE ordinal")
    assert len(query(here.client, IndexName="byOrdinal", ConsistentRead=True)["Items"]) == 1


def test_a_local_index_fetches_what_it_lacks_and_counts_it(here: Bench) -> None:
    put(here.client, ordinal=N, maker=text(8000))
    answer = query(here.client, IndexName="byOrdinal", ConsistentRead=True,
                   ProjectionExpression="maker")  # fmt: skip
    assert answer["Items"] == [{"maker": text(8000)}]
    assert here.aws.calls[-1].read_units == 1 + 2


def test_a_global_index_gives_only_what_it_projects(here: Bench) -> None:
    put(here.client, color={"S": "1"}, weight=N)
    by_color = {"IndexName": "byColor", "KeyConditionExpression": "color = :id"}
    code, message = refused(query, here.client, **by_color, ProjectionExpression="weight")
    assert code == "ValidationException"
    assert "byColor does not project" in message


def test_a_global_index_is_behind_its_table(here: Bench) -> None:
    late = bench(lag=2.0)
    put(late.client, "a", color={"S": "1"})
    by_color = {"IndexName": "byColor", "KeyConditionExpression": "color = :id"}
    assert query(late.client, **by_color)["Items"] == []
    late.clock.advance(2.0)
    assert query(late.client, **by_color)["Items"] == [part("a", color={"S": "1"})]
    update(late.client, "SET color = :c", c={"S": "2"})
    assert query(late.client, **by_color)["Items"] == [part("a", color={"S": "1"})]
    late.clock.advance(2.0)
    assert query(late.client, **by_color)["Items"] == []


def test_a_read_that_is_not_consistent_may_be_stale_and_a_consistent_one_never(
    here: Bench,
) -> None:
    put(here.client)
    here.aws.faults = lambda *_: Fault.STALE_READ
    get_item = here.client.get_item
    assert "Item" not in get_item(TableName="parts", Key=key())
    assert get_item(TableName="parts", Key=key(), ConsistentRead=True)["Item"] == part()
    assert query(here.client)["Items"] == []
    assert query(here.client, ConsistentRead=True)["Items"] == [part()]
    keys = {"parts": {"Keys": [key()]}}
    assert here.client.batch_get_item(RequestItems=keys)["Responses"] == {"parts": []}


def test_part_of_a_batch_may_come_back_unprocessed(here: Bench) -> None:
    for name in "abc":
        put(here.client, name)
    asked = {"parts": {"Keys": [key(name) for name in "abc"], "ConsistentRead": True}}
    here.aws.faults = lambda *_: Fault.PARTIAL_BATCH
    answer = here.client.batch_get_item(RequestItems=asked)
    found, left = answer["Responses"]["parts"], answer["UnprocessedKeys"]["parts"]
    assert left["ConsistentRead"] is True
    assert 1 <= len(left["Keys"]) == 3 - len(found)


def test_a_batch_answers_16_megabytes_and_leaves_the_rest(here: Bench) -> None:
    for number in range(42):
        put(here.client, f"{number:02d}", t=text(400_000 - KEYS - 2))
    keys = [key(f"{number:02d}") for number in range(42)]
    answer = here.client.batch_get_item(RequestItems={"parts": {"Keys": keys}})
    assert len(answer["Responses"]["parts"]) == 16 * MB // 400_000
    assert len(answer["UnprocessedKeys"]["parts"]["Keys"]) == 42 - 16 * MB // 400_000


# What is counted, kept and deleted


class Cost(NamedTuple):
    """What a call takes in units."""

    name: str
    act: Act
    reads: float = 0
    writes: float = 0


COSTS = (
    Cost("a put of 1 KB", lambda c: put_of(c, KB), writes=1),
    Cost("a put of one byte more", lambda c: put_of(c, KB + 1), writes=2),
    Cost("a put that an index holds too", lambda c: put(c, color={"S": "1"}), writes=2),
    Cost("a put that a condition kept from being done",
         lambda c: refused(condition_of, "attribute_exists(x)", c), writes=1),
    Cost("a transaction", lambda c: c.transact_write_items(TransactItems=putting("b", "c")),
         writes=4),
    Cost("a read of nothing", get, reads=0.5),
    Cost("a consistent read of nothing",
         lambda c: c.get_item(TableName="parts", Key=key(), ConsistentRead=True), reads=1),
    Cost("a query of nothing", query, reads=0.5),
    Cost("a consistent query of nothing", asking(ConsistentRead=True), reads=1),
)  # fmt: skip


@pytest.mark.parametrize("row", COSTS, ids=name_of)
def test_a_call_counts_its_units(here: Bench, row: Cost) -> None:
    row.act(here.client)
    assert here.aws.units() == (row.reads, row.writes)


def test_a_query_counts_the_bytes_it_looks_at_and_not_the_items(here: Bench) -> None:
    for number in range(100):
        put(here.client, f"{number:02d}", t=text(80 - KEYS - 2))
    before = here.aws.units()[0]
    query(here.client, ConsistentRead=True, FilterExpression="attribute_exists(x)")
    assert here.aws.units()[0] - before == 2  # 8,000 bytes


def test_nothing_expires_by_itself_and_then_only_what_is_due(here: Bench) -> None:
    here.fake.tables["parts"].expires = "expiresAt"
    at = here.clock.milliseconds // 1000
    put(here.client, "a", expiresAt={"N": str(at + 60)})
    put(here.client, "b", expiresAt={"N": str(at + 120)})
    put(here.client, "c", expiresAt={"S": "never"})
    here.clock.advance(90)
    assert len(query(here.client)["Items"]) == 3
    assert here.fake.delete_expired() == 1
    assert [item["name"]["S"] for item in query(here.client)["Items"]] == ["b", "c"]


def test_what_a_caller_does_to_an_answer_or_a_request_changes_nothing(here: Bench) -> None:
    item = part(list={"L": [{"S": "x"}]})
    here.client.put_item(TableName="parts", Item=item)
    item["list"]["L"].clear()
    get(here.client)["list"]["L"].clear()
    assert get(here.client)["list"] == {"L": [{"S": "x"}]}


def test_numbers_are_equal_however_they_are_written(here: Bench) -> None:
    put(here.client, ordinal={"N": "1.50"})
    assert get(here.client)["ordinal"] == {"N": "1.5"}
