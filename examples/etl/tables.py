"""Reading and writing the CSV files of this example, whole or not at all."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

Row = Mapping[str, str]


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: Path, fields: Collection[str], rows: Collection[Row]) -> int:
    """Write rows and count them; a job that dies half-way leaves no half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer: csv.DictWriter[str] = csv.DictWriter(
            file, fields, extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)
    return len(rows)
