"""The calls of DynamoDB that the stores make: pages followed, batches drained, errors translated.

Reads are consistent unless they use an index that can't be.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_items import Item, to_attribute, to_item, to_values
from chalicelib.aws.translation import code_of, translated
from chalicelib.core.records import Record
from chalicelib.errors import BackendError

MAX_ACTIONS = 100  # of one transaction (API_TransactWriteItems)
_MAX_GET = 100  # keys of one BatchGetItem (API_BatchGetItem)
_ROUNDS = 20  # of a batch that comes back unprocessed, before it is left to a later call
_CONTENDED = 5  # tries of a transaction that met another one on the same item

_NAME = re.compile(r"#(\w+)")

Key = Mapping[str, str]


class ConditionFailedError(Exception):
    """A condition did not hold; never leaves chalicelib.aws. `items`: what was there, by action."""

    def __init__(self, items: Mapping[int, Record]) -> None:
        """`items` has an entry for each action whose condition failed, empty for no item."""
        super().__init__(str(sorted(items)))
        self.items = items


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write to one item.

    Expressions call an attribute `#name`, because many words are reserved; `values` are plain
    values for their placeholders.
    """

    table: str
    key: Key
    update: str = ""  # an update expression; empty with `item` empty: only a check
    item: Mapping[str, Any] = field(default_factory=dict)  # the whole item, for a put
    delete: bool = False
    condition: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """The members that PutItem, UpdateItem and each action of a transaction share."""
        request: dict[str, Any] = {"TableName": self.table}
        if self.item:
            request["Item"] = to_item({**self.item, **self.key})
        else:
            request["Key"] = to_item(self.key)
        if self.update:
            request["UpdateExpression"] = self.update
        if self.condition:
            request["ConditionExpression"] = self.condition
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        names = _names_in(self.update, self.condition)
        if names:
            request["ExpressionAttributeNames"] = names
        if self.values:
            request["ExpressionAttributeValues"] = {
                name: to_attribute(value) for name, value in self.values.items()
            }
        return request

    def action(self) -> dict[str, Any]:
        if self.item:
            kind = "Put"
        elif self.delete:
            kind = "Delete"
        else:
            kind = "Update" if self.update else "ConditionCheck"
        return {kind: self.request()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A Query. `fields` are the attributes wanted, empty for all that are there."""

    table: str
    condition: str
    values: Mapping[str, Any]
    index: str = ""
    consistent: bool = True
    newest_first: bool = False
    fields: Sequence[str] = ()
    filter: str = ""
    page: int | None = None  # items looked at by one call

    def request(self) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": self.condition,
            "ExpressionAttributeValues": to_item(self.values),
            "ConsistentRead": self.consistent,
            "ScanIndexForward": not self.newest_first,
            **_wanted(self.fields, _names_in(self.condition, self.filter)),
        }
        if self.index:
            request["IndexName"] = self.index
        if self.filter:
            request["FilterExpression"] = self.filter
        if self.page is not None:
            request["Limit"] = self.page
        return request


class DynamoCalls:
    """What the stores ask of DynamoDB. Raises BackendError, and ConditionFailedError as said."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def get(self, table: str, key: Key, fields: Sequence[str] = ()) -> Record | None:
        request = {"TableName": table, "Key": to_item(key), "ConsistentRead": True}
        with _asked("GetItem", table):
            answer = self._clients["dynamodb"].get_item(**request, **_wanted(fields))
        return to_values(answer["Item"]) if "Item" in answer else None

    def get_many(self, table: str, keys: Iterable[Key], fields: Sequence[str] = ()) -> list[Record]:
        """The items that exist, in no order."""
        wanted, found = [to_item(key) for key in keys], []
        for first in range(0, len(wanted), _MAX_GET):
            found += self._get_batch(table, wanted[first : first + _MAX_GET], fields)
        return [to_values(item) for item in found]

    def _get_batch(self, table: str, keys: list[Item], fields: Sequence[str]) -> list[Item]:
        asked = {table: {"Keys": keys, "ConsistentRead": True, **_wanted(fields)}}
        found: list[Item] = []
        for _ in range(_ROUNDS):
            with _asked("BatchGetItem", table):
                answer = self._clients["dynamodb"].batch_get_item(RequestItems=asked)
            found += answer.get("Responses", {}).get(table, [])
            asked = answer.get("UnprocessedKeys")
            if not asked:
                return found
        raise BackendError("DynamoDB", "BatchGetItem", "keys stay unprocessed", retryable=True)

    def query(self, question: Question) -> Iterator[Record]:
        """Items in the order of their sort keys, page by page as they are asked for."""
        request = question.request()
        while True:
            with _asked("Query", question.table):
                answer = self._clients["dynamodb"].query(**request)
            yield from map(to_values, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def scan(self, table: str) -> Iterator[Record]:
        """Every item, in no order: for tables that stay small."""
        request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        while True:
            with _asked("Scan", table):
                answer = self._clients["dynamodb"].scan(**request)
            yield from map(to_values, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def write(self, write: Write) -> None:
        """Put or update one item. Raises ConditionFailedError."""
        client = self._clients["dynamodb"]
        operation = "PutItem" if write.item else "UpdateItem"
        with _asked(operation, write.table):
            try:
                (client.put_item if write.item else client.update_item)(**write.request())
            except ClientError as error:
                if code_of(error) == "ConditionalCheckFailedException":
                    raise ConditionFailedError(
                        {0: to_values(error.response.get("Item", {}))}
                    ) from error
                raise

    def transact(self, writes: Sequence[Write]) -> None:
        """Write all or nothing, at most 100. Raises ConditionFailedError.

        A reply that was lost does no harm: botocore sends the same client token again.
        """
        request = [write.action() for write in writes]
        for _ in range(_CONTENDED):
            with _asked("TransactWriteItems", writes[0].table):
                try:
                    self._clients["dynamodb"].transact_write_items(TransactItems=request)
                except ClientError as error:
                    _understand(error)
                else:
                    return
        reason = "other writes to the same items keep coming between"
        raise BackendError("DynamoDB", "TransactWriteItems", reason, retryable=True)


def _asked(operation: str, table: str) -> AbstractContextManager[None]:
    return translated("DynamoDB", operation, f"table {table}")


def _understand(error: ClientError) -> None:
    """Return if the transaction may be sent again at once; else raise why not."""
    if code_of(error) != "TransactionCanceledException":
        raise error
    reasons = error.response.get("CancellationReasons", [])
    failed = {
        index: to_values(reason.get("Item", {}))
        for index, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    if failed:
        raise ConditionFailedError(failed) from error
    codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
    if codes == {"TransactionConflict"}:
        return
    told = "; ".join(sorted({str(reason.get("Message", "")) for reason in reasons} - {""}))
    passing = not codes & {"ValidationError", "ItemCollectionSizeLimitExceeded"}
    reason = f"{', '.join(sorted(codes))}: {told}"
    raise BackendError("DynamoDB", "TransactWriteItems", reason, retryable=passing) from error


def _names_in(*expressions: str) -> dict[str, str]:
    return {f"#{word}": word for text in expressions for word in _NAME.findall(text)}


def _wanted(fields: Sequence[str], names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The members that ask for some attributes only."""
    placeholders = {f"#{name}": name for name in fields}
    members: dict[str, Any] = {}
    if placeholders:
        members["ProjectionExpression"] = ", ".join(placeholders)
    if placeholders or names:
        members["ExpressionAttributeNames"] = {**placeholders, **(names or {})}
    return members
