"""Services over HTTP, started once for all tests of a module and empty for each."""

from collections.abc import Iterator

import pytest

from tests.jobs.objects import Objects
from tests.jobs.objects import objects as served_objects
from tests.jobs.table_server import Tables, table_server


@pytest.fixture
def objects() -> Iterator[Objects]:
    with served_objects() as kept:
        yield kept
    assert not kept.faults, "batch-job sent what S3 would not be asked"


@pytest.fixture
def served_tables() -> Iterator[Tables]:
    with table_server() as kept:
        yield kept
