"""Makes what the shop delivers in a day: orders, some of them broken, some sent again.

usage: make_delivery.py FOLDER DAY [ROWS]
"""

import csv
import hashlib
import random
import sys
from pathlib import Path

COUNTRIES = ("AT", "CH", "DE", "DK", "FR", "IT", "NL", "PL")
PRODUCTS = ("bottle", "chair", "kettle", "lamp", "table")
HEAD = ("order", "customer", "country", "product", "quantity", "cents", "ordered_at")

folder, day = Path(sys.argv[1]), sys.argv[2]
rows = int(sys.argv[3]) if len(sys.argv) > 3 else 20_000
dice = random.Random(day)  # the same day is the same delivery
orders = [
    [
        f"{day}-{number:06}",
        f"c{dice.randrange(5_000):04}",
        dice.choice(COUNTRIES),
        dice.choice(PRODUCTS),
        str(dice.randint(1, 9)),
        str(dice.randint(199, 49_999)),
        f"{day}T{dice.randrange(24):02}:{dice.randrange(60):02}:00Z",
    ]
    for number in range(rows)
]
for order in dice.sample(orders, rows // 200):
    order[dice.choice((1, 4, 5))] = dice.choice(("", "n/a", "-1"))
orders += [[*order[:4], "1", *order[5:]] for order in dice.sample(orders, rows // 100)]

folder.mkdir(parents=True, exist_ok=True)
path = folder / f"orders-{day}.csv"
with path.open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(orders)
digest = hashlib.sha256(path.read_bytes()).hexdigest()
path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
print(f"{path.name}: {len(orders)} rows")
