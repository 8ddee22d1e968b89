"""The bare loop: starts what is ready, two at a time, one SQLite commit a job, nothing else.

usage: python -m benchmarks.loop GRAPH.json DATABASE
"""

import json
import os
import sqlite3
import sys
from collections import deque
from pathlib import Path

SLOTS = 2


def main(document: Path, database: Path) -> None:
    """Run every job of the document once, in an order that its dependencies allow."""
    jobs = json.loads(document.read_text())["jobList"]
    waiting = {job["jobName"]: len(job["jobDependencies"]) for job in jobs}
    downstream: dict[str, list[str]] = {name: [] for name in waiting}
    for job in jobs:
        for upstream in job["jobDependencies"]:
            downstream[upstream].append(job["jobName"])
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE done (name TEXT PRIMARY KEY, code INTEGER)")
    ready = deque(name for name, count in waiting.items() if not count)
    running: dict[int, str] = {}
    while ready or running:
        while ready and len(running) < SLOTS:
            running[os.posix_spawn("/bin/true", ["true"], os.environ)] = ready.popleft()
        pid, status = os.wait()
        name = running.pop(pid)
        connection.execute("INSERT INTO done VALUES (?, ?)", (name, status))
        for other in downstream[name]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    connection.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
