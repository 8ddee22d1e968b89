"""Asks the warehouse what it has of each day and country."""

import sys

import duckdb

QUESTION = """
SELECT day, country, count(*) AS orders, sum(quantity * cents) / 100 AS euros
FROM orders GROUP BY ALL ORDER BY ALL
"""

with duckdb.connect(sys.argv[1], read_only=True) as warehouse:
    warehouse.sql(QUESTION).show()
