"""The first version's tables, read from the first item to the last: for `migrate`, once."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import code_of, translated
from chalicelib.core.attributes import plain
from chalicelib.errors import InvalidInputError, NotFoundError
from chalicelib.services.migrating import Kind, OldItem

SCHEDULES = "BatchSchedules"
HISTORY = "BatchScheduleHistory"

_HINT = "Other names: --schedules-table and --history-table."
# Tables of a stage: their items are read by key, and a Scan of them would cost their whole size.
_OURS = ("BatchSchedules-", "BatchScheduleHistory-", "BatchScheduleJobs-")


class OldTables:
    """The two tables of the first version; nothing is ever written to them."""

    def __init__(
        self, clients: Clients, schedules: str = SCHEDULES, history: str = HISTORY
    ) -> None:
        """Raises InvalidInputError for the name of a table that is ours."""
        for table in (schedules, history):
            if table.startswith(_OURS):
                raise InvalidInputError.at(table, "is a table of a stage, not of the first version")
        self._clients = clients
        self._tables = {Kind.SCHEDULE: schedules, Kind.RUN: history}

    def items(self) -> Iterator[OldItem]:
        """Every item of both tables, page by page: schedules first, then runs.

        Raises NotFoundError for a table that is not there, and BackendError.
        """
        for kind, table in self._tables.items():
            for index, item in enumerate(self._scan(table)):
                value = plain(item)
                yield OldItem(kind, _place(table, index, value), value)

    def _scan(self, table: str) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        while True:
            page = self._page(request)
            yield from page.get("Items", ())
            if not page.get("LastEvaluatedKey"):
                return
            request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _page(self, request: dict[str, Any]) -> dict[str, Any]:
        with translated("DynamoDB", "Scan"):
            try:
                page: dict[str, Any] = self._clients["dynamodb"].scan(**request)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                table = request["TableName"]
                raise NotFoundError("table", table, _HINT) from error
        return page


def _place(table: str, index: int, value: Mapping[str, Any]) -> str:
    """Where a person finds the item: by its key, as it is written there, however wrong."""
    key = [str(value[name]) for name in ("scheduleId", "startDateTime") if name in value]
    return f"{table}: {', '.join(key)}" if key else f"{table}[{index}]"
