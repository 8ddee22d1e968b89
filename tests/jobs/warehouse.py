"""A warehouse in a test's hands, and containers that run statements there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.jobs.containers import Containers, Ended, containers
from tests.jobs.data_api import DataApi

WHERE = ("--cluster", "cluster", "--database", "dev")
THREE = "delete from t;\ninsert into t select 1;\nupdate t set a = 2 -- all\n;"
TEXTS = ["delete from t", "insert into t select 1", "update t set a = 2"]


class Warehouse:
    """The Data API, and containers that run statements there."""

    def __init__(self, made: Containers) -> None:
        self.api = DataApi(made.clock)
        self.containers = made
        made.aws.serve("redshift-data", self.api.service())

    @property
    def calls(self) -> int:
        """How many requests there were."""
        return len(self.containers.aws.calls)

    def run(self, sql: str, *more: str) -> Ended:
        return self.containers.run("redshift", *WHERE, "--sql", sql, *more)


@contextmanager
def warehouse_in(directory: Path) -> Iterator[Warehouse]:
    """A warehouse; claims are in the directory."""
    with containers(directory) as made:
        yield Warehouse(made)
