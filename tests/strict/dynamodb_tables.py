"""DynamoDB's tables: items by key, indexes kept with every write, and what a write costs."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.strict.dynamodb_values import Item, Value, accepted_item, invalid, item_size, plain

MAX_ITEM = 400 * 1024  # bytes, names included (ServiceQuotas)
MAX_PARTITION_KEY = 2048  # bytes (ServiceQuotas)
MAX_SORT_KEY = 1024  # bytes (ServiceQuotas)
_MOST_PROJECTED = 100  # NonKeyAttributes of all indexes together (ServiceQuotas)
_MOST_LOCAL, _MOST_GLOBAL = 5, 20  # indexes of a table (ServiceQuotas)
_REMEMBERED = 64  # writes that a stale read may not have seen

Key = tuple[Any, ...]


class Stored(NamedTuple):
    """An item and its size in bytes."""

    item: Item
    size: int


class Written(NamedTuple):
    """One write: when (ms since 1970), to what, and what was there before it."""

    at: int
    key: Key
    before: Stored | None


Row = tuple[Key, Stored]


@dataclass(slots=True)
class Schema:
    """The key of a table or of an index, and what an index keeps of an item."""

    keys: tuple[str, ...]
    types: Mapping[str, str]
    name: str = ""
    is_global: bool = False
    kept: frozenset[str] | None = None  # None: all attributes

    def key_of(self, item: Item) -> Key | None:
        """None for an item that an index does not hold."""
        if not all(name in item for name in self.keys):
            return None
        return tuple(plain(item[name])[1] for name in self.keys)

    def check(self, item: Item) -> None:
        """Refuse key attributes of the wrong type, empty or too long; an index may lack them."""
        for position, name in enumerate(self.keys):
            value = item.get(name)
            if value is not None:
                self._check_value(name, value, MAX_SORT_KEY if position else MAX_PARTITION_KEY)
            elif not self.name:
                raise invalid(
                    f"One or more parameter values were invalid: Missing the key {name} in the item"
                )

    def _check_value(self, name: str, value: Value, most: int) -> None:
        kind, where = self.types[name], f" IndexName: {self.name}" if self.name else ""
        if kind not in value:
            raise invalid(
                f"One or more parameter values were invalid: Type mismatch for key {name} "
                f"expected: {kind} actual: {next(iter(value))}{where}"
            )
        content = value[kind]
        size = len(content.encode() if isinstance(content, str) else content)
        if not size:
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key "
                f"attribute cannot contain an empty string value. Key: {name}{where}"
            )
        if size > most and kind != "N":
            raise invalid(
                "One or more parameter values were invalid: Size of key "
                f"{name} has exceeded the maximum size limit of {most} bytes"
            )


@dataclass(slots=True)
class Rows:
    """Items by partition, each partition in the order of its keys."""

    _partitions: dict[Any, dict[Key, Stored]] = field(default_factory=dict)
    _order: dict[Any, list[Key]] = field(default_factory=dict)

    def put(self, partition: Any, key: Key, stored: Stored) -> None:
        rows = self._partitions.setdefault(partition, {})
        if key not in rows:
            insort(self._order.setdefault(partition, []), key)
        rows[key] = stored

    def drop(self, partition: Any, key: Key) -> None:
        if self._partitions.get(partition, {}).pop(key, None) is not None:
            order = self._order[partition]
            del order[bisect_left(order, key)]

    def in_order(self, partition: Any) -> list[Row]:
        rows = self._partitions.get(partition, {})
        return [(key, rows[key]) for key in self._order.get(partition, ())]


class Table:
    """One table. A key is the contents of the key attributes, as they sort."""

    def __init__(self, name: str, schema: Schema, indexes: list[Schema]) -> None:
        self.name = name
        self.schema = schema
        self.indexes = {index.name: index for index in indexes}
        self.items: dict[Key, Stored] = {}
        self.expires = ""  # the attribute of its TTL
        self.lag = 0  # ms that global indexes are behind
        self._rows = Rows()
        self._index_rows = {name: Rows() for name in self.indexes}
        self._written: deque[Written] = deque()

    def key_of(self, key: Item) -> Key:
        """The key that a request gives: exactly the key attributes."""
        if key.keys() != set(self.schema.keys):
            raise invalid("The provided key element does not match the schema")
        taken = accepted_item(key)
        self.schema.check(taken)
        return tuple(plain(taken[name])[1] for name in self.schema.keys)

    def key_in(self, item: Item) -> Key:
        """The key of an item that was checked."""
        return tuple(plain(item[name])[1] for name in self.schema.keys)

    def checked(self, item: Item) -> Stored:
        """The item as it would be stored. Raises ValidationException."""
        taken = accepted_item(item)
        for schema in (self.schema, *self.indexes.values()):
            schema.check(taken)
        size = item_size(taken)
        if size > MAX_ITEM:
            raise invalid("Item size has exceeded the maximum allowed size")
        return Stored(taken, size)

    def write(self, key: Key, new: Stored | None, at: int) -> float:
        """Put or delete, and give the write units of a plain write, those of the indexes too."""
        old = self.items.get(key)
        self._written.append(Written(at, key, old))
        while len(self._written) > _REMEMBERED and self._written[0].at <= at - self.lag:
            self._written.popleft()
        if new is None:
            self.items.pop(key, None)
            self._rows.drop(key[0], key)
        else:
            self.items[key] = new
            self._rows.put(key[0], key, new)
        units = write_units(max(old.size if old else 0, new.size if new else 0))
        return units + sum(self._write_index(name, key, old, new) for name in self.indexes)

    def _write_index(self, name: str, key: Key, old: Stored | None, new: Stored | None) -> float:
        index, rows = self.indexes[name], self._index_rows[name]
        before, after = self._entry(index, old), self._entry(index, new)
        if before is not None and after is not None and before[0] == after[0]:
            if before[1].item == after[1].item:
                return 0.0
            rows.put(after[0][0], (*after[0][1:], *key), after[1])
            return write_units(max(before[1].size, after[1].size))
        units = 0.0
        if before is not None:
            rows.drop(before[0][0], (*before[0][1:], *key))
            units += write_units(before[1].size)
        if after is not None:
            rows.put(after[0][0], (*after[0][1:], *key), after[1])
            units += write_units(after[1].size)
        return units

    def _entry(self, index: Schema, stored: Stored | None) -> Row | None:
        """The index's key and its copy of the item."""
        key = None if stored is None else index.key_of(stored.item)
        if stored is None or key is None:
            return None
        if index.kept is None:
            return key, stored
        kept = {*index.kept, *index.keys, *self.schema.keys}
        item = {name: value for name, value in stored.item.items() if name in kept}
        return key, Stored(item, item_size(item))

    def before(self, writes: int) -> dict[Key, Stored | None]:
        """What the items that were written last were before that many writes."""
        last = list(self._written)[-writes:] if writes else []
        return {each.key: each.before for each in reversed(last)}

    def unseen(self, now: int) -> int:
        """How many writes the global indexes don't have yet."""
        return sum(each.at > now - self.lag for each in self._written) if self.lag else 0

    def remembered(self) -> int:
        """How many writes a stale read may not have seen."""
        return len(self._written)

    def in_order(
        self, index: Schema | None, partition: Any, past: Mapping[Key, Stored | None]
    ) -> list[Row]:
        """The rows of a partition by sort key, then by the table's key; `past` as they were."""
        rows = self._rows if index is None else self._index_rows[index.name]
        found = rows.in_order(partition)
        if past:
            width = len(self.schema.keys)
            found = [row for row in found if row[0][-width:] not in past]
            found += self._past_rows(index, partition, past)
            found.sort(key=lambda row: row[0])
        return found

    def _past_rows(
        self, index: Schema | None, partition: Any, past: Mapping[Key, Stored | None]
    ) -> Iterator[Row]:
        for key, stored in past.items():
            if index is None:
                if stored is not None and key[0] == partition:
                    yield key, stored
                continue
            entry = self._entry(index, stored)
            if entry is not None and entry[0][0] == partition:
                yield (*entry[0][1:], *key), entry[1]


def table_of(definition: Mapping[str, Any]) -> Table:
    """The table that a CreateTable, or the properties of a template, describe."""
    types = {d["AttributeName"]: d["AttributeType"] for d in definition["AttributeDefinitions"]}
    local = [_index(each, types) for each in definition.get("LocalSecondaryIndexes", ())]
    far = [_index(each, types, True) for each in definition.get("GlobalSecondaryIndexes", ())]
    schema, indexes = Schema(_keys(definition), types), [*local, *far]
    used = {*schema.keys, *(name for index in indexes for name in index.keys)}
    if used != types.keys():
        raise invalid(
            "One or more parameter values were invalid: Some AttributeDefinitions are not used or "
            f"missing: {sorted(used ^ types.keys())}"
        )
    if any(index.keys[0] != schema.keys[0] for index in local):
        raise invalid("Table KeySchema and local index: the partition key must be the same")
    if len(local) > _MOST_LOCAL or len(far) > _MOST_GLOBAL:
        raise invalid("One or more parameter values were invalid: number of indexes exceeded")
    if sum(len(index.kept or ()) for index in indexes) > _MOST_PROJECTED:
        raise invalid("Cannot have more than 100 NonKeyAttributes in all indexes")
    table = Table(definition["TableName"], schema, indexes)
    table.expires = definition.get("TimeToLiveSpecification", {}).get("AttributeName", "")
    return table


def _index(definition: Mapping[str, Any], types: Mapping[str, str], far: bool = False) -> Schema:
    projection = definition["Projection"]
    kept: frozenset[str] | None = frozenset(projection.get("NonKeyAttributes", ()))
    if projection["ProjectionType"] == "ALL":
        kept = None
    return Schema(_keys(definition), types, definition["IndexName"], far, kept)


def _keys(definition: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(each["AttributeName"] for each in definition["KeySchema"])


def write_units(size: int) -> float:
    """1 KB each (ServiceQuotas)."""
    return float(max(1, -(-size // 1024)))


def read_units(size: int, *, consistent: bool) -> float:
    """4 KB each, half of it for an eventually consistent read (ServiceQuotas)."""
    return max(1, -(-size // 4096)) * (1.0 if consistent else 0.5)
