"""Times this scheduler beside a bare loop and make, and writes benchmarks/RESULTS.md.

usage: python -m benchmarks.run [--repeats N] [--quick]

Every figure is the median over the repeats of a whole command's wall time, host start and empty
state directory included. The contenders take turns, so that a slower machine slows all of them.
"""

import argparse
import compileall
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.graphs import Graph, chain, fan, layered, write_document, write_makefile

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("RESULTS.md")
GRAPHS: Mapping[str, Callable[[], Graph]] = {
    "1 job": lambda: chain(1),
    "chain of 100": lambda: chain(100),
    "fan 1 → 998 → 1": lambda: fan(998),
    "1,000 jobs (20 x 50)": lambda: layered(20, 50),
    "10,000 jobs (100 x 100)": lambda: layered(100, 100),
}
SMALL, LARGE = "1,000 jobs (20 x 50)", "10,000 jobs (100 x 100)"
INTRODUCTION = (
    "Made by `make bench` ({} repeats, medians; Python {}, {} CPUs). Jobs are `true`, 2 slots; "
    "every time is a whole command from an empty state directory, host start included, with its "
    "bytecode made before. The loop "
    "is `benchmarks/loop.py`: one SQLite commit a job (WAL, NORMAL) and nothing else. make is "
    "`make -j2` with a stamp file a job."
)
MADE_OF = (
    "What a run of 10,000 is made of, in seconds of CPU: the jobs themselves {:.1f}, which the "
    "loop pays too; the host {:.1f}, about a third of it in posix_spawn; the engine {:.1f}, about "
    "40 % of it before the first job. The loop takes {:.1f}, jobs included. Two CPUs share that "
    "and are busy nearly all of the time once jobs run: so the wall time hangs on the sum, and on "
    "what is done before the first job, by one CPU while the other has nothing to do."
)
# The host is looked at after a run; longer than it takes to read a large document, so that no
# second one has to be started.
ENVIRONMENT = {**os.environ, "BATCH_SCHEDULER_VCPUS": "2", "BATCH_SCHEDULER_HOST_IDLE": "3"}


@dataclass(slots=True)
class Timings:
    """Seconds of each contender on one graph, in the order of the repeats."""

    ours: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    make: list[float] = field(default_factory=list)


def timed(command: list[str]) -> float:
    """Wall seconds of a command that must succeed."""
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chalicelib.cli.main", *arguments]


def loop(document: Path, database: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.loop", str(document), str(database)]


@contextmanager
def place() -> Iterator[Path]:
    """An empty directory that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="batch-scheduler-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def compile_all() -> None:
    """Make the bytecode of all contenders, as is done where a program is installed."""
    for package in ("chalicelib", "benchmarks"):
        assert compileall.compile_dir(ROOT / package, quiet=1)


def measure(graph: Graph, timings: Timings) -> None:
    """One turn of each contender."""
    with place() as directory:
        document = directory / "graph.json"
        write_document(graph, document)
        write_makefile(graph, directory / "Makefile")
        timings.loop.append(timed(loop(document, directory / "loop.db")))
        timings.make.append(timed(["make", "-j2", "-s", "-C", str(directory)]))
        state = directory / "state"
        timings.ours.append(timed(program("run", str(document), "--state", str(state))))
        check(state, len(graph))


def check(state: Path, jobs: int) -> None:
    """The run that was timed did all of its jobs, and each is on record as done."""
    found = subprocess.run(
        program("status", "--state", str(state), "--json"),
        cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    counts = json.loads(found.stdout)["run"]["counts"]
    assert counts == {"SUCCEEDED": jobs}, counts


@dataclass(slots=True)
class Use:
    """What one run takes of the machine: MiB at the highest of each, and seconds of CPU."""

    engine_mib: float = 0.0
    host_mib: float = 0.0
    engine_cpu: float = 0.0
    host_cpu: float = 0.0
    jobs_cpu: float = 0.0
    loop_cpu: float = 0.0


def use_of(graph: Graph) -> Use:
    """What engine, host and jobs take over one run, and what the loop takes."""
    with place() as directory:
        document, state, use = directory / "graph.json", directory / "state", Use()
        write_document(graph, document)
        use.engine_cpu, use.engine_mib = used(program("run", str(document), "--state", str(state)))
        look_at_host(state, use)
        use.loop_cpu, _ = used(loop(document, directory / "loop.db"))
        return use


def used(command: list[str]) -> tuple[float, float]:
    """Seconds of CPU of a command and what it waited for, and its MiB at the highest."""
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def look_at_host(state: Path, use: Use) -> None:
    """Read the figures of the host, which stays for a while after its last job."""
    ticks = os.sysconf("SC_CLK_TCK")
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if "chalicelib.local.host" not in words or str(state) not in words:
                continue
            peak = (process / "status").read_text().split("VmHWM:")[1].split()[0]
            times = (process / "stat").read_text().rpartition(")")[2].split()[11:15]
        except (OSError, IndexError):
            continue  # it ended while we looked
        use.host_mib = int(peak) / 1024
        use.host_cpu = (int(times[0]) + int(times[1])) / ticks
        use.jobs_cpu = (int(times[2]) + int(times[3])) / ticks
        return
    raise AssertionError("the host has gone before it was looked at")


def small_costs() -> dict[str, float]:
    """Seconds of `--help`, and of `status` on a finished run of 10,000 jobs."""
    with place() as directory:
        document, state = directory / "graph.json", directory / "state"
        write_document(GRAPHS[LARGE](), document)
        timed(program("run", str(document), "--state", str(state)))
        status = program("status", "--state", str(state))
        validate = program("validate", str(document))
        return {
            "`--help`": statistics.median(timed(program("--help")) for _ in range(7)),
            "`status` of 10,000 jobs": statistics.median(timed(status) for _ in range(5)),
            "`validate` of 10,000 jobs": statistics.median(timed(validate) for _ in range(5)),
        }


def report(results: Mapping[str, Timings], use: Use,
           costs: Mapping[str, float], repeats: int) -> str:  # fmt: skip
    """The page of results, targets beside figures."""
    lines = [
        "# What it costs",
        "",
        INTRODUCTION.format(repeats, platform.python_version(), os.cpu_count()),
        "",
        "| graph | ours, s | bare loop, s | make, s | ours / loop | ours / make |",
        "|---|---|---|---|---|---|",
    ]
    for name, timing in results.items():
        ours, loop, make = map(statistics.median, (timing.ours, timing.loop, timing.make))
        ratio = ratios(timing.ours, timing.loop)
        lines.append(f"| {name} | {ours:.2f} | {loop:.2f} | {make:.2f} | {ratio:.2f} | "
                     f"{ratios(timing.ours, timing.make):.2f} |")  # fmt: skip
    lines += ["", "| target | figure | met |", "|---|---|---|"]
    for target, figure, met in targets(results, use, costs):
        lines.append(f"| {target} | {figure} | {'yes' if met else '**no**'} |")
    lines += ["", MADE_OF.format(use.jobs_cpu, use.host_cpu, use.engine_cpu, use.loop_cpu)]
    return "\n".join(lines) + "\n"


def ratios(first: list[float], second: list[float]) -> float:
    """The median of the ratios pair by pair."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def targets(
    results: Mapping[str, Timings], use: Use, costs: Mapping[str, float]
) -> Iterator[tuple[str, str, bool]]:
    """Each target with what was measured, and whether it was met."""
    large, small, one = results[LARGE], results[SMALL], results["1 job"]
    to_loop, to_make = ratios(large.ours, large.loop), ratios(large.ours, large.make)
    yield "10,000 jobs: at most 1.25 x the loop", f"{to_loop:.2f} x", to_loop <= 1.25
    yield "10,000 jobs: less than make", f"{to_make:.2f} x", to_make < 1
    over = statistics.median(a - b for a, b in zip(small.ours, small.make, strict=True))
    yield "1,000 jobs: less than make plus 0.3 s", f"make {over:+.2f} s", over < 0.3
    each = statistics.median(large.ours) / 10, statistics.median(small.ours)
    growth = each[0] / each[1]
    words = f"{growth:.2f} x ({each[0]:.2f} ms and {each[1]:.2f} ms)"
    yield "cost a job at 10,000: at most 1.1 x at 1,000", words, growth <= 1.1
    both = use.engine_mib + use.host_mib
    words = f"{both:.0f} MiB ({use.engine_mib:.0f} + {use.host_mib:.0f})"
    yield "peak memory of engine + host at 10,000: at most 150 MiB", words, both <= 150
    single = statistics.median(one.ours)
    yield "a run of one job: at most 0.4 s", f"{single:.2f} s", single <= 0.4
    limits = {"`--help`": 0.15, "`status` of 10,000 jobs": 0.5, "`validate` of 10,000 jobs": 1.5}
    for name, limit in limits.items():
        yield f"{name}: at most {limit:g} s", f"{costs[name]:.2f} s", costs[name] <= limit


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(
        description="Times this scheduler beside a bare loop and make."
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one repeat, nothing written")
    options = parser.parse_args()
    repeats = 1 if options.quick else options.repeats
    compile_all()
    results = {name: Timings() for name in GRAPHS}
    for turn in range(repeats):
        for name, graph in GRAPHS.items():
            measure(graph(), results[name])
            print(f"repeat {turn + 1} of {repeats}: {name}: {results[name].ours[-1]:.2f} s")
    page = report(results, use_of(GRAPHS[LARGE]()), small_costs(), repeats)
    print(page)
    if not options.quick:
        _, heading, others = RESULTS.read_text().partition("\n## ")
        RESULTS.write_text(page + heading + others)


if __name__ == "__main__":
    main()
