"""DynamoDB, strict: items, batches, transactions and queries, with every limit that it has."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.simulation.chance import Chance
from tests.strict.answers import ACCOUNT, REGION, AwsError, Fault, Params, Permission, Service
from tests.strict.aws import StrictAws
from tests.strict.dynamodb_evaluating import Placeholders
from tests.strict.dynamodb_queries import Past, index_of, query, scan
from tests.strict.dynamodb_tables import Stored, Table, read_units, table_of, write_units
from tests.strict.dynamodb_values import Item, copied_item, invalid
from tests.strict.dynamodb_writes import WRITES, Delete, Put, Update, Write, kind_of

MAX_BATCH = 100  # keys of one BatchGetItem (API_BatchGetItem)
MAX_BATCH_BYTES = 16 * 1024 * 1024  # of one answer (API_BatchGetItem)
MAX_ACTIONS = 100  # of one transaction (API_TransactWriteItems)
MAX_TRANSACTION_BYTES = 4 * 1024 * 1024  # of all items together (API_TransactWriteItems)
TOKEN_LIFE = timedelta(minutes=10)  # of a ClientRequestToken (API_TransactWriteItems)
_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
_OLD_WAYS = {  # instead of expressions: not faked
    "AttributesToGet",
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
}

Answer = dict[str, Any]


class FakeDynamo:
    """All tables of the account.

    `lag` is how many seconds global indexes are behind their tables. Nothing expires by itself:
    `delete_expired` does what TTL does sooner or later.
    """

    def __init__(self, aws: StrictAws, lag: float = 0.0) -> None:
        self.tables: dict[str, Table] = {}
        self._aws = aws
        self._lag = round(lag * 1000)
        self._chance = Chance(f"dynamodb {aws.seed}")
        self._tokens: dict[str, tuple[int, Any]] = {}

    def service(self) -> Service:
        """What StrictAws serves."""
        return Service(
            operations={
                "CreateTable": self.create_table,
                "GetItem": self.get_item,
                "BatchGetItem": self.batch_get_item,
                "Query": self.query,
                "Scan": self.scan,
                "PutItem": lambda params: self._written(Put, params),
                "UpdateItem": lambda params: self._written(Update, params),
                "DeleteItem": lambda params: self._written(Delete, params),
                "TransactWriteItems": self.transact_write_items,
            },
            permissions=_permissions,
        )

    # The API

    def create_table(self, params: Params) -> Answer:
        table = self.create(params)
        return {"TableDescription": {"TableName": table.name, "TableStatus": "ACTIVE"}}

    def get_item(self, params: Params) -> Answer:
        table = self._table(params)
        is_consistent = params.get("ConsistentRead", False)
        words = Placeholders(params)
        wanted = words.read("ProjectionExpression")
        words.finish()
        key = table.key_of(params["Key"])
        past = self._past(table, is_consistent=is_consistent)
        stored = past[key] if key in past else table.items.get(key)
        self._reads(stored.size if stored else 0, is_consistent=is_consistent)
        return {"Item": copied_item(words.projected(wanted, stored.item))} if stored else {}

    def batch_get_item(self, params: Params) -> Answer:
        asked = params["RequestItems"]
        if sum(len(each["Keys"]) for each in asked.values()) > MAX_BATCH:
            raise invalid("Too many items requested for the BatchGetItem call")
        answer: Answer = {"Responses": {}, "UnprocessedKeys": {}}
        room = MAX_BATCH_BYTES
        for name, wanted in asked.items():
            found, size, unprocessed = self._batch(name, wanted, room)
            room -= size
            answer["Responses"][name] = found
            if unprocessed:
                answer["UnprocessedKeys"][name] = {**wanted, "Keys": unprocessed}
        return answer

    def query(self, params: Params) -> Answer:
        table = self._table(params)
        index = index_of(table, params)
        is_consistent = params.get("ConsistentRead", False)
        is_global = index is not None and index.is_global
        past = self._past(table, is_consistent=is_consistent, is_global=is_global)
        return query(table, params, self._aws.call, past)

    def scan(self, params: Params) -> Answer:
        return scan(self._table(params), params, self._aws.call)

    def transact_write_items(self, params: Params) -> Answer:
        actions = params["TransactItems"]
        if len(actions) > MAX_ACTIONS:
            raise invalid("Member must have length less than or equal to 100")
        writes = [self._action(action) for action in actions]
        if len({(write.table.name, write.key) for write in writes}) != len(writes):
            raise invalid("Transaction request cannot include multiple operations on one item")
        if self._is_done(params):
            for write in writes:
                self._reads(2 * _size(write.old), is_consistent=True)
            return {}
        reasons = [write.cancels() for write in writes]
        if self._aws.call.fault is Fault.CONFLICT and not any(reasons):
            told = "Transaction is ongoing for the item"
            self._chance.choice(reasons).update(Code="TransactionConflict", Message=told)
        if any(reasons):
            self._writes(sum(2 * write_units(_size(write.old)) for write in writes))
            raise _cancelled(reasons)
        self._commit(writes, [write.after() for write in writes])
        self._tokens[params["ClientRequestToken"]] = (self._now, actions)
        return {}

    # Behind it

    def create(self, definition: Mapping[str, Any]) -> Table:
        """Make a table as a template's properties or a CreateTable describe it."""
        table = table_of(definition)
        if table.name in self.tables:
            raise AwsError("ResourceInUseException", f"Table already exists: {table.name}")
        table.lag = self._lag
        self.tables[table.name] = table
        return table

    def items(self, table: str) -> list[Item]:
        """Every item of a table, in the order of keys."""
        items = self.tables[table].items
        return [copied_item(items[key].item) for key in sorted(items)]

    def delete_expired(self) -> int:
        """Do what TTL does to items whose time is over; how many those were."""
        ripe = [
            (table, key)
            for table in self.tables.values()
            for key, stored in table.items.items()
            if self._is_over(stored.item.get(table.expires, {}))
        ]
        for table, key in ripe:
            table.write(key, None, self._now)
        return len(ripe)

    def _is_over(self, expires: Mapping[str, Any]) -> bool:
        return "N" in expires and float(expires["N"]) * 1000 < self._now

    @property
    def _now(self) -> int:
        return self._aws.clock.milliseconds

    def _written(self, kind: type[Write], params: Params) -> Answer:
        write = kind(self._table(params), params)
        if not write.holds():
            self._writes(write_units(_size(write.old)))
            raise write.refused()
        new = write.after()
        self._writes(self._wrote(write, new))
        return write.returned(new)

    def _wrote(self, write: Write, new: Stored | None) -> float:
        """Do the write, and give the units of a plain one."""
        self._aws.call.written.append((write.table.name, write.key))
        return write.table.write(write.key, new, self._now)

    def _action(self, action: Params) -> Write:
        kind = kind_of(action)
        return WRITES[kind](self._table(action[kind]), action[kind])

    def _commit(self, writes: list[Write], after: list[Stored | None]) -> None:
        sizes = [max(_size(w.old), _size(new)) for w, new in zip(writes, after, strict=True)]
        if sum(sizes) > MAX_TRANSACTION_BYTES:
            raise invalid(
                "Transaction request exceeds the maximum aggregate size of 4 MB for its items"
            )
        for write, new in zip(writes, after, strict=True):
            # Each item is written twice, to prepare and to commit (transaction-apis).
            if write.is_check:
                self._writes(2 * write_units(_size(new)))
            else:
                self._writes(2 * self._wrote(write, new))

    def _is_done(self, params: Params) -> bool:
        at, actions = self._tokens.get(params["ClientRequestToken"], (None, None))
        if at is None or at + TOKEN_LIFE / timedelta(milliseconds=1) <= self._now:
            return False
        if actions != params["TransactItems"]:
            raise AwsError("IdempotentParameterMismatchException", "The token was used before")
        return True

    def _batch(self, name: str, wanted: Params, room: int) -> tuple[list[Item], int, list[Params]]:
        """The items of one table that there is room for, their size, and the keys left over."""
        table = self._table({**wanted, "TableName": name})
        is_consistent = wanted.get("ConsistentRead", False)
        words = Placeholders(wanted)
        projection = words.read("ProjectionExpression")
        words.finish()
        keys = [table.key_of(key) for key in wanted["Keys"]]
        if len(set(keys)) != len(keys):
            raise invalid("Provided list of item keys contains duplicates")
        past = self._past(table, is_consistent=is_consistent)
        found: list[Item] = []
        size, served = 0, self._served(len(keys))
        for position, key in enumerate(keys):
            stored = past[key] if key in past else table.items.get(key)
            if position >= served or size + _size(stored) > room:
                return found, size, wanted["Keys"][position:]
            self._reads(_size(stored), is_consistent=is_consistent)
            size += _size(stored)
            if stored:
                found.append(copied_item(words.projected(projection, stored.item)))
        self._chance.shuffle(found)  # "in no particular order" (API_BatchGetItem)
        return found, size, []

    def _served(self, count: int) -> int:
        is_partial = self._aws.call.fault is Fault.PARTIAL_BATCH
        return self._chance.randrange(count) if is_partial else count

    def _past(self, table: Table, *, is_consistent: bool, is_global: bool = False) -> Past:
        """The items that this read sees as they were, and what they were."""
        if is_consistent:
            return {}
        unseen = table.unseen(self._now) if is_global else 0
        most = table.remembered()
        if self._aws.call.fault is Fault.STALE_READ and unseen < most:
            unseen = self._chance.randint(unseen + 1, most)
        return table.before(unseen)

    def _table(self, params: Params) -> Table:
        old = sorted(_OLD_WAYS & params.keys())
        if old:
            raise NotImplementedError(f"{old} aren't faked: use expressions")
        name = params["TableName"]
        if name not in self.tables:
            raise AwsError("ResourceNotFoundException", "Requested resource not found")
        return self.tables[name]

    def _reads(self, size: int, *, is_consistent: bool) -> None:
        self._aws.call.read_units += read_units(size, consistent=is_consistent)

    def _writes(self, units: float) -> None:
        self._aws.call.write_units += units


def _size(stored: Stored | None) -> int:
    return stored.size if stored else 0


def _cancelled(reasons: list[Answer]) -> AwsError:
    codes = ", ".join(reason.get("Code", "None") for reason in reasons)
    return AwsError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=[reason or {"Code": "None"} for reason in reasons],
    )


def _permissions(operation: str, params: Params) -> tuple[Permission, ...]:
    match operation:
        case "TransactWriteItems":
            named = [(kind_of(each), each) for each in params["TransactItems"]]
            needed = [(WRITES[kind].action, each[kind]["TableName"]) for kind, each in named]
            return tuple(dict.fromkeys((action, _ARN + name) for action, name in needed))
        case "BatchGetItem":
            return tuple(("dynamodb:BatchGetItem", _ARN + name) for name in params["RequestItems"])
    index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
    return ((f"dynamodb:{operation}", f"{_ARN}{params['TableName']}{index}"),)
