"""The first version's items in files: documents, lists of them, and tables that were exported."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from chalicelib.core.attributes import is_typed, plain
from chalicelib.errors import InvalidInputError, Problem
from chalicelib.services.migrating import Kind, OldItem


def read_old_files(directory: Path) -> list[OldItem]:
    """Every item in the `.json` files of a directory: schedules first, then runs.

    A file holds one document, a list, or the answer of `aws dynamodb scan`. Raises
    InvalidInputError that names every file that can't be read.
    """
    if not directory.is_dir():
        raise InvalidInputError.at(str(directory), "is no directory")
    items: list[OldItem] = []
    problems: list[Problem] = []
    for path in sorted(directory.glob("*.json")):
        try:
            items.extend(_items_in(path))
        except OSError as error:
            problems.append(Problem(path.name, f"can't be read: {error.strerror}"))
        except (ValueError, RecursionError) as error:
            problems.append(Problem(path.name, f"is not JSON: {error}"))
    if problems:
        raise InvalidInputError(problems)
    if not items:
        raise InvalidInputError.at(str(directory), "has no .json file with items")
    return sorted(items, key=lambda item: item.kind is Kind.RUN)


def _items_in(path: Path) -> Iterator[OldItem]:
    content = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    if isinstance(content, Mapping) and isinstance(content.get("Items"), list):
        content = content["Items"]
    if not isinstance(content, list):
        yield _item(path.name, content)
        return
    for index, value in enumerate(content):
        yield _item(f"{path.name}[{index}]", value)


def _item(place: str, content: Any) -> OldItem:
    value = plain(content) if is_typed(content) else content
    return OldItem(_kind_of(value), place, value)


def _kind_of(value: Any) -> Kind:
    """A record of a run says when it was started; a schedule at most has a blank there."""
    output = value.get("output") if isinstance(value, Mapping) else None
    record = output if isinstance(output, Mapping) else value
    start = record.get("startDateTime") if isinstance(record, Mapping) else None
    return Kind.RUN if isinstance(start, str) and start.strip() else Kind.SCHEDULE
