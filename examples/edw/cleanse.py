"""Parts a day's orders from the rows that are none, and keeps both."""

import sys
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from lake import Lake, tell

lake, day = Lake(sys.argv[1]), sys.argv[2]
raw = lake.read_csv("raw", f"orders-{day}.csv")

is_number = pc.and_(
    pc.match_substring_regex(raw["quantity"], r"^[1-9][0-9]{0,5}$"),
    pc.match_substring_regex(raw["cents"], r"^[0-9]{1,9}$"),
)
is_whole = pc.and_(pc.match_substring_regex(raw["customer"], r"^c[0-9]{4}$"), is_number)
is_of_day = pc.starts_with(raw["ordered_at"], day)
is_good = pc.and_(is_whole, is_of_day)

good = raw.filter(is_good)
# The shop sends an order again when it changes: the last one counts.
numbered = good.append_column("row", pa.array(range(good.num_rows)))
orders = good.take(numbered.group_by("order").aggregate([("row", "max")])["row_max"])
orders = orders.set_column(4, "quantity", orders["quantity"].cast(pa.int64()))
orders = orders.set_column(5, "cents", orders["cents"].cast(pa.int64()))
orders = orders.append_column("day", pa.array([date.fromisoformat(day)] * orders.num_rows))

rows = lake.write("clean", f"orders-{day}.parquet", orders.sort_by("order"))
rejected = lake.write("rejected", f"orders-{day}.parquet", raw.filter(pc.invert(is_good)))
print(f"{rows} orders, {rejected} rows rejected, {good.num_rows - rows} sent again")
tell(rows=rows, rejected=rejected)
