"""Loads a day into the warehouse in one transaction: again, it takes the place of itself."""

import os
import sys

import duckdb
from lake import Lake, tell

LAYERS = {"orders": "clean", "sums": "sums"}  # of the tables
DUCKDB = """
CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM rows LIMIT 0;
DELETE FROM {table} WHERE day = DATE '{day}';
INSERT INTO {table} SELECT * FROM rows;
"""
REDSHIFT = """
DELETE FROM {table} WHERE day = DATE '{day}';
COPY {table} FROM '{root}/{layer}/{table}-{day}.parquet' IAM_ROLE default FORMAT AS PARQUET;
"""

root, day, warehouse, expected = sys.argv[1:]
kind, _, place = warehouse.partition(":")

if kind == "redshift":
    workgroup, _, database = place.partition("/")
    loads = (
        REDSHIFT.format(table=table, layer=layer, root=root, day=day)
        for table, layer in LAYERS.items()
    )
    sql = f"BEGIN; {''.join(loads)} COMMIT;"
    command = ["batch-job", "redshift", "--workgroup", workgroup, "--database", database]
    os.execvp(command[0], [*command, "--sql", sql])  # noqa: S606 - it is this job from now on
if kind != "duckdb":
    sys.exit(f"{warehouse!r} is no warehouse: duckdb:FILE or redshift:WORKGROUP/DATABASE")

lake = Lake(root)
with duckdb.connect(place) as stored:
    stored.begin()
    for table, layer in LAYERS.items():
        stored.register("rows", lake.read(layer, f"{table}-{day}.parquet"))
        stored.execute(DUCKDB.format(table=table, day=day))
        stored.unregister("rows")
    counted = "SELECT count(*) FROM orders WHERE day = $1"
    [(loaded,)] = stored.execute(counted, [day]).fetchall()
    if loaded != int(expected):
        stored.rollback()
        sys.exit(f"{loaded} orders of {day} would be loaded, and {expected} were cleaned")
    stored.commit()
print(f"{loaded} orders of {day} are in {place}")
tell(rows=loaded)
