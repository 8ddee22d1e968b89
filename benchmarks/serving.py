"""Times the local server with wrk, and writes its section of benchmarks/RESULTS.md.

usage: python -m benchmarks.serving [--repeats N] [--quick]

wrk (Debian's package of that name) asks over 8 connections from the same machine, so it and what it
asks for share the processors; the load of the machine before each measuring is told beside it.
"""

import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.graphs import layered, write_document
from benchmarks.results import write_section
from benchmarks.run import ROOT, compile_all, place, program

HEADING = "## The local server"
CONNECTIONS = 8
SECONDS = 8
READS, P99, STARTS = 1500, 20.0, 100  # a second; ms; a second
SLOTS = "8"
JOB = ["sleep", "0.1"]  # 1,000 of them in 8 slots last longer than the measuring
INTRODUCTION = (
    "Made by `python -m benchmarks.serving` ({} repeats; {} CPUs): `wrk` asks {} connections at "
    "once for {} s. Reads are `GET /runs/{{id}}` of a run of 1,000 jobs (20 x 50, `sleep 0.1`, "
    "{} slots) that goes on meanwhile in the same state directory. Starts are `POST /runs` of a "
    "schedule of one job, each answered once the run is on the disk; the runs are driven meanwhile."
)
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Figures:
    """What wrk found, and how many processes wanted to run in the minute before."""

    per_second: float
    p50: float  # ms
    p99: float
    failed: int  # answers that were not 2xx, and sockets that broke
    load: float


class Server:
    """A server in a process of its own."""

    def __init__(self, state: Path) -> None:
        environment = {**os.environ, "BATCH_SCHEDULER_VCPUS": SLOTS}
        command = program("serve", "--port", "0", "--state", str(state))
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().split()[-1]
        self.token = (state / "api-token").read_text().strip()

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """The JSON of an answer that must be good."""
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, path, value and json.dumps(value), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status < 300, text
        return json.loads(text)

    def wrk(self, path: str, *options: str) -> Figures:
        load = os.getloadavg()[0]
        found = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--latency", *options,
             "-H", f"Authorization: Bearer {self.token}", f"{self.url}{path}"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", found)
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", found)
        failed = sum(map(int, broken.groups())) if broken else 0
        return Figures(
            per_second=float(re.findall(r"Requests/sec: +([\d.]+)", found)[0]),
            p50=_milliseconds(found, "50%"),
            p99=_milliseconds(found, "99%"),
            failed=failed + (int(refused[1]) if refused else 0),
            load=load,
        )


def _milliseconds(found: str, quantile: str) -> float:
    [(number, unit)] = re.findall(rf"{quantile} +([\d.]+)(us|ms|s)\s", found)
    return float(number) * _UNITS[unit]


@contextmanager
def served(directory: Path) -> Iterator[Server]:
    server = Server(directory / "state")
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0


def put(directory: Path, document: Path) -> None:
    state = str(directory / "state")
    subprocess.run(program("put", str(document), "--state", state), check=True, cwd=ROOT,
                   stdout=subprocess.DEVNULL)  # fmt: skip


def reads() -> Figures:
    """Looks at a large run that goes on meanwhile."""
    with place() as directory, served(directory) as server:
        document = directory / "graph.json"
        write_document(layered(20, 50), document, JOB)
        put(directory, document)
        run = f"/runs/{server.ask('POST', '/runs', {'scheduleId': 'bench'})['runId']}"
        while not server.ask("GET", run)["counts"].get("SUCCEEDED"):
            pass
        before = server.ask("GET", run)["counts"]["SUCCEEDED"]
        figures = server.wrk(run)
        after = server.ask("GET", run)
        assert after["scheduleStatus"] == "RUNNING", "the run was over before the measuring was"
        assert after["counts"]["SUCCEEDED"] > before
        return figures


def starts() -> Figures:
    """Starts of a small schedule, each of which must be there afterwards."""
    with place() as directory, served(directory) as server:
        document = directory / "graph.json"
        write_document({"only": []}, document)
        put(directory, document)
        script = directory / "post.lua"
        script.write_text(
            'wrk.method = "POST"\n'
            """wrk.body = '{"scheduleId": "bench"}'\n"""
            'wrk.headers["Content-Type"] = "application/json"\n'
        )
        figures = server.wrk("/runs", "-s", str(script))
        stored = count_runs(directory / "state")
        asked = figures.per_second * SECONDS
        assert stored >= asked * 0.95, f"{stored} runs of about {asked:.0f} answers are on record"
        return figures


def count_runs(state: Path) -> int:
    uri = f"{(state / 'batch-scheduler.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM runs").fetchone()[0])


def report(read: list[Figures], start: list[Figures]) -> str:
    """The section, targets beside figures."""
    lines = [
        HEADING,
        "",
        INTRODUCTION.format(len(read), os.cpu_count(), CONNECTIONS, SECONDS, SLOTS),
        "",
        "| | a second, best | median | p50, ms | p99, ms, best | median | load before |",
        "|---|---|---|---|---|---|---|",
        _row("reads", read),
        _row("starts", start),
        "",
        "| target | figure, best | met | median | met |",
        "|---|---|---|---|---|",
        *_targets(read, start),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, figures: list[Figures]) -> str:
    rates, late = [each.per_second for each in figures], [each.p99 for each in figures]
    p50 = statistics.median(each.p50 for each in figures)
    loads = f"{min(each.load for each in figures):.1f} to {max(each.load for each in figures):.1f}"
    return (
        f"| {name} | {max(rates):,.0f} | {statistics.median(rates):,.0f} | {p50:.1f} | "
        f"{min(late):.1f} | {statistics.median(late):.1f} | {loads} |"
    )


def _targets(read: list[Figures], start: list[Figures]) -> Iterator[str]:
    rates, late = [each.per_second for each in read], [each.p99 for each in read]
    yield _target(f"at least {READS:,} reads a second", max(rates), statistics.median(rates), READS)
    yield _target(f"p99 of a read at most {P99:g} ms", -min(late), -statistics.median(late), -P99)
    rates = [each.per_second for each in start]
    yield _target(
        f"at least {STARTS} starts a second", max(rates), statistics.median(rates), STARTS
    )
    failed = sum(each.failed for each in [*read, *start])
    yield _target("no request fails", -failed, -failed, 0)


def _target(words: str, best: float, median: float, least: float) -> str:
    cells = [
        f"{abs(each):,.1f} | {'yes' if each >= least else '**no**'}" for each in (best, median)
    ]
    return f"| {words} | {' | '.join(cells)} |"


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description="Times the local server with wrk.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repeat, nothing written")
    options = parser.parse_args()
    assert shutil.which("wrk"), "wrk is not installed: apt-get install wrk"
    compile_all()
    read, start = [], []
    for turn in range(1 if options.quick else options.repeats):
        read.append(reads())
        start.append(starts())
        print(f"repeat {turn + 1}: {read[-1]}, {start[-1]}")
    section = report(read, start)
    print(section)
    if not options.quick:
        write_section(HEADING, section)


if __name__ == "__main__":
    main()
