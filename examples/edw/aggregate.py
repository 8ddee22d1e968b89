"""Sums a day's orders by country and product."""

import sys

import pyarrow.compute as pc
from lake import Lake, tell

lake, day = Lake(sys.argv[1]), sys.argv[2]
orders = lake.read("clean", f"orders-{day}.parquet")
orders = orders.append_column("total", pc.multiply(orders["quantity"], orders["cents"]))
sums = orders.group_by(["day", "country", "product"]).aggregate(
    [("order", "count"), ("quantity", "sum"), ("total", "sum")]
)
sums = sums.rename_columns(["day", "country", "product", "orders", "pieces", "cents"])
groups = lake.write("sums", f"sums-{day}.parquet", sums.sort_by("country"))
cents = pc.sum(sums["cents"]).as_py()
print(f"{groups} sums of {orders.num_rows} orders, {cents / 100:,.2f} in all")
tell(groups=groups, cents=cents)
