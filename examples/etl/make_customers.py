"""Makes the raw customers: some twice, some without a region."""

import random
import sys
from pathlib import Path

import tables

REGIONS = ("north", "south", "east", "west", "")
CUSTOMERS = 2_000

folder = Path(sys.argv[1])
chance = random.Random(1)  # the same customers every time
rows = [
    {"customer": f"C{number:05}", "region": chance.choice(REGIONS)} for number in range(CUSTOMERS)
]
rows += chance.sample(rows, CUSTOMERS // 20)
count = tables.write(folder / "raw" / "customers.csv", ("customer", "region"), rows)
print(f"{count} customers, some of them twice")
