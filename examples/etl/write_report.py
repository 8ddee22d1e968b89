"""Writes the report that all this was for."""

import sys
from pathlib import Path

import tables

folder, day = Path(sys.argv[1]), sys.argv[2]
lines = [f"Orders of the seven days to {day}", ""]
for column in ("day", "region"):
    lines.append(f"{column:12}{'orders':>8}{'euro':>16}")
    for row in tables.read(folder / f"by-{column}.csv"):
        euro = int(row["euro_cents"]) / 100
        lines.append(f"{row[column]:12}{row['orders']:>8}{euro:>16,.2f}")
    lines.append("")
report = folder / "report.txt"
report.write_text("\n".join(lines), encoding="utf-8")
print(f"written: {report}")
