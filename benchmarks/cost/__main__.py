"""Measures what runs cost on AWS, and writes docs/cost.md.

usage: python -m benchmarks.cost [--all] [--jobs N] [--workers N]

A run over 24 hours takes many more turns than one over an hour: the largest takes an hour of CPU
and is reckoned unless --all is given; the others take a quarter of that. With --jobs only runs of
at most so many jobs are measured, and nothing is written.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.cost.idling import idle
from benchmarks.cost.loads import LOADS, LONGEST, Load
from benchmarks.cost.measuring import Measured, measure
from benchmarks.cost.page import page

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"


def measured(loads: list[Load], workers: int) -> list[Measured]:
    """The runs in the order of the loads; the longest are begun first."""
    longest_first = sorted(loads, key=lambda load: -load.jobs * load.hours)
    with ProcessPoolExecutor(workers) as pool:
        begun = {load: pool.submit(measure, load) for load in longest_first}
        return [begun[load].result() for load in loads]


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Measures what runs cost on AWS.")
    parser.add_argument("--all", action="store_true", help="measure the longest run too")
    parser.add_argument("--jobs", type=int, help="measure no larger runs, and write nothing")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    loads = [load for load in LOADS if load.jobs <= (options.jobs or load.jobs)]
    if not options.all:
        loads = [load for load in loads if load != LONGEST]
    made = page(measured(loads, options.workers), idle())
    print(made)
    if options.jobs is None:
        PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
