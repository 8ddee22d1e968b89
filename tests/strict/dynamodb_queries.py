"""DynamoDB's Query and Scan: pages of at most 1 MB, filters after the limit, indexes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.strict.answers import Call, Params
from tests.strict.dynamodb_evaluating import Placeholders
from tests.strict.dynamodb_expressions import Tree
from tests.strict.dynamodb_tables import Key, Row, Schema, Stored, Table, read_units
from tests.strict.dynamodb_values import Item, accepted_item, copied_item, invalid, plain

MAX_PAGE = 1024 * 1024  # bytes looked at by one call (API_Query)
_SORT_TESTS = {"=", "<", "<=", ">", ">=", "between", "begins_with"}

Past = Mapping[Key, Stored | None]


def query(table: Table, params: Params, call: Call, past: Past) -> dict[str, Any]:
    """Answer a Query; `past` holds the items that this read sees as they were."""
    index = index_of(table, params)
    words = Placeholders(params)
    tree = words.read("KeyConditionExpression")
    if tree is None:
        raise invalid("Either the KeyConditions or KeyConditionExpression parameter must be given")
    partition, rest = _key_condition(tree, words, index or table.schema)
    rows = table.in_order(index, partition, past)
    if rest is not None:
        rows = [row for row in rows if words.holds(rest, row[1].item)]
    is_forward = params.get("ScanIndexForward", True)
    ordered = rows if is_forward else rows[::-1]
    return _Reading(table, index, params, call, words).page(ordered, is_forward=is_forward)


def scan(table: Table, params: Params, call: Call) -> dict[str, Any]:
    """Answer a Scan of a table: every item, in the order of keys so that it is always the same."""
    if "IndexName" in params or "TotalSegments" in params:
        raise NotImplementedError("Scans of an index or in segments aren't faked")
    rows = [(key, table.items[key]) for key in sorted(table.items)]
    return _Reading(table, None, params, call, Placeholders(params)).page(rows, is_forward=True)


def index_of(table: Table, params: Params) -> Schema | None:
    name = params.get("IndexName")
    if name is None:
        return None
    if name not in table.indexes:
        raise invalid(f"The table does not have the specified index: {name}")
    index = table.indexes[name]
    if index.is_global and params.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return index


@dataclass(frozen=True, slots=True)
class _Reading:
    """One call that reads many items."""

    table: Table
    index: Schema | None
    params: Params
    call: Call
    words: Placeholders

    def page(self, rows: list[Row], *, is_forward: bool) -> dict[str, Any]:
        words, params = self.words, self.params
        kept, wanted = words.read("FilterExpression"), words.read("ProjectionExpression")
        words.finish()
        self._check_filter(kept)
        left = list(self._after(params.get("ExclusiveStartKey"), rows, is_forward))
        taken, size, has_more = _cut(left, params.get("Limit"))
        self.call.read_units += self._units(size)
        found = [row for row in taken if words.holds(kept, row[1].item)]
        answer: dict[str, Any] = {"Count": len(found), "ScannedCount": len(taken)}
        if params.get("Select") != "COUNT":
            answer["Items"] = [
                copied_item(words.projected(wanted, self._whole(wanted, row))) for row in found
            ]
        if has_more:
            last = taken[-1][1].item
            answer["LastEvaluatedKey"] = copied_item({name: last[name] for name in self._names()})
        return answer

    def _names(self) -> set[str]:
        return {*self.table.schema.keys, *(self.index.keys if self.index else ())}

    def _units(self, size: int) -> float:
        return read_units(size, consistent=self.params.get("ConsistentRead", False))

    def _whole(self, wanted: Any, row: Row) -> Item:
        """The item, fetched from the table where a local index lacks what is wanted."""
        key, stored = row
        index = self.index
        if index is None or index.kept is None:
            return stored.item
        names = {self.words.name(path) for path in wanted or ()}
        lacking = sorted(names - {*index.kept, *self._names()})
        if not lacking and self.params.get("Select") != "ALL_ATTRIBUTES":
            return stored.item
        if index.is_global:
            raise invalid(
                "One or more parameter values were invalid: Global secondary index "
                f"{index.name} does not project {lacking}"
            )
        fetched = self.table.items[key[-len(self.table.schema.keys) :]]
        self.call.read_units += self._units(fetched.size)
        return fetched.item

    def _check_filter(self, tree: Any) -> None:
        """A filter may not name the key attributes of what is queried."""
        if not isinstance(tree, tuple) or self.call.operation == "Scan":
            return
        if tree and tree[0] == "path":
            name = self.words.name(tree)
            if name in (self.index or self.table.schema).keys:
                raise invalid(
                    "Filter Expression can only contain non-primary key attributes: Primary key "
                    f"attribute: {name}"
                )
            return
        for each in tree[1:]:
            self._check_filter(each)

    def _after(self, start: Item | None, rows: list[Row], is_forward: bool) -> Iterator[Row]:
        if start is None:
            yield from rows
            return
        if start.keys() != self._names():
            raise invalid("The provided starting key is invalid")
        taken = accepted_item(start)
        key: Key = self.table.key_in(taken)
        if self.index is not None:
            key = (*(plain(taken[name])[1] for name in self.index.keys[1:]), *key)
        for row in rows:
            if (row[0] > key) if is_forward else (row[0] < key):
                yield row


def _cut(rows: list[Row], limit: int | None) -> tuple[list[Row], int, bool]:
    """The rows of one page, their bytes, and whether the reader must ask again.

    A page that ends at its limit says so even when nothing follows, as DynamoDB's do.
    """
    size = 0
    for count, (_, stored) in enumerate(rows):
        if limit is not None and count == limit:
            return rows[:count], size, True
        if count and size + stored.size > MAX_PAGE:
            return rows[:count], size, True
        size += stored.size
    return rows, size, limit is not None and len(rows) == limit


def _key_condition(tree: Tree, words: Placeholders, schema: Schema) -> tuple[Any, Tree | None]:
    """The partition that is asked for, and the condition on the sort key."""
    parts = list(_conjuncts(tree))
    if any(part[1][0] != "path" for part in parts):
        raise invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
    named = {words.name(part[1]): part for part in parts}
    if len(named) != len(parts):
        raise invalid("KeyConditionExpressions must only contain one condition per key")
    first = named.pop(schema.keys[0], None)
    if first is None:
        raise invalid(f"Query condition missed key schema element: {schema.keys[0]}")
    if first[0] != "=" or first[2][0] != "value":
        raise invalid("Query key condition not supported")
    sort = schema.keys[1] if len(schema.keys) > 1 else ""
    if named.keys() - {sort}:
        raise invalid("Query key condition not supported")
    rest = named.get(sort)
    if rest is not None and rest[0] not in _SORT_TESTS:
        raise invalid("Invalid operator used in KeyConditionExpression")
    for part in (first, *named.values()):
        _check_values(part, words, schema)
    return plain(words.values[first[2][1]])[1], rest


def _check_values(part: Tree, words: Placeholders, schema: Schema) -> None:
    name = words.name(part[1])
    for operand in part[2:]:
        if operand[0] != "value":
            raise invalid("Invalid condition in KeyConditionExpression: Multiple attribute names")
        value = words.values[operand[1]]
        if schema.types[name] not in value:
            raise invalid(
                "One or more parameter values were invalid: Condition parameter type does not "
                "match schema type"
            )
        if "" in value.values() and name == schema.keys[0]:
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key "
                f"attribute cannot contain an empty string value. Key: {name}"
            )


def _conjuncts(tree: Tree) -> Iterator[Tree]:
    if tree[0] == "and":
        yield from _conjuncts(tree[1])
        yield from _conjuncts(tree[2])
    elif tree[0] in ("or", "not"):
        raise invalid("Invalid operator used in KeyConditionExpression: OR, NOT")
    else:
        yield tree
