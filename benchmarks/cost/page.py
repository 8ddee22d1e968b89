"""The page of costs, docs/cost.md."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from benchmarks.cost.idling import Item
from benchmarks.cost.loads import LONGEST, Load
from benchmarks.cost.measuring import Measured, Work
from benchmarks.cost.prices import PRICES, bill_of
from benchmarks.cost.reckoning import reckon, turns_of
from tests.strict.resources import memory_of

Row = Sequence[str]

_INTRODUCTION = """\
Made by `make cost`. Each run went from its document to its archive on the strict fake of AWS
([proofs](proofs.md)), function by function as deployed, each function in a process of its own. What
is counted there is exact: transitions, calls, DynamoDB's units. What is measured is CPU and memory,
on the machine where the command ran. Two things are assumed, and nothing here can check them: that
AWS answers a call in 10 ms (DynamoDB) or 50 ms (all others), and 600 bytes of log for a call of a
function.

The graph has 5, 20 or 100 layers for 10, 1,000 and 10,000 jobs; each job waits for three of the
layer before, and takes 0.5 to 1.2 times what a layer has of the hours. So hardly any two jobs end
together, and every end wakes the driver. AWS Batch charges nothing; what the jobs themselves cost
is not in here.
"""
_ASSERTED = """\
The command fails, and writes no page, unless in every run DescribeJobs was called at most once for
each hundred live jobs of a poll; no table was scanned; SubmitJob was called exactly once a job; a
job's item was written at most once for each change of its status, and once more when the run was
sealed; the run's header at most once a turn, and once more where it was handed over; and what a
step read was bounded by what was live and what moved in its turn, whatever had ended before. The
same is asserted of smaller runs by `make test`.
"""
_READS = """\
Read units of the steps of one turn, by how many jobs were live and over at its beginning: the
median of the turns in each quarter of the run.
"""
_FUNCTIONS = """\
CPU is of the machine here; what is billed is calculated for Lambda, where a function of 512 MB has
0.29 of a CPU.
"""
_BILL = """\
"Kept" is what lies in DynamoDB until it expires, after 90 days, and in the archive for a year. With
the default `wait_time` of 60 seconds the driver looks once a minute even where no event wakes it:
of a run whose few jobs take hours that is nearly all of its cost, and the first row shows what a
longer one saves.
"""
_SHOWN = (
    "SubmitJob",
    "DescribeJobs",
    "GetItem",
    "BatchGetItem",
    "Query",
    "UpdateItem",
    "TransactWriteItems",
    "SendTaskSuccess",
    "GetObject",
    "PutObject",
    "Publish",
)


def page(runs: Sequence[Measured], items: Sequence[Item]) -> str:
    by_load = {run.load: run for run in runs}
    reckoned = [
        reckon(run, long)
        for run in runs
        if run.load.hours == 1 and (long := replace(run.load, hours=24)) == LONGEST
        if long not in by_load
    ]
    shown = [(str(run.load), run) for run in runs]
    shown += [(f"{run.load}, reckoned", run) for run in reckoned]
    parts = [
        "# What it costs on AWS\n",
        _INTRODUCTION,
        "## A run, in US dollars\n",
        _table(_bill(name, run) for name, run in shown),
        _BILL,
        "## What is charged for\n",
        _table(_use(name, run) for name, run in shown),
        *(_reckoned(run, by_load) for run in reckoned),
        _ASSERTED,
        "## Calls\n",
        _table(map(_calls, runs)),
        "## What a turn reads\n",
        _READS,
        _table(row for run in runs for row in _quarters(run)),
        "## Functions\n",
        f"Of the run of {runs[-1].load}. {_FUNCTIONS}",
        _table(_work(name, work) for name, work in sorted(runs[-1].functions.items())),
        "Of all runs, the largest process and the longest call and turn, in CPU of this machine:\n",
        _table(map(_size, runs)),
        "## A month in which nothing runs\n",
        _table(map(_item, items)),
        f"Together {sum(item.dollars for item in items):.2f} US dollars, before what is free.\n",
        "## Prices\n",
        _table(_prices()),
    ]
    return "\n".join(parts)


def _reckoned(run: Measured, by_load: Mapping[Load, Measured]) -> str:
    """What to think of a run that was not measured."""
    tried = [
        f"of {long} it says {bill_of(reckon(by_load[hour], long)).total:.4f} dollars and "
        f"{turns_of(long):,} turns, measured were {bill_of(run).total:.4f} and {len(run.turns):,}"
        for long, run in by_load.items()
        if long.hours == 24 and (hour := replace(long, hours=1)) in by_load
    ]
    return (
        f"{run.load} is reckoned from the run over one hour: as much a turn, times the turns "
        f"that there are in 24 hours. The same way, {'; '.join(tried)}. "
        "`python -m benchmarks.cost --all` measures it.\n"
    )


def _bill(name: str, run: Measured) -> dict[str, str]:
    bill = bill_of(run)
    return {
        "run": name,
        "Step Functions": _dollars(bill.step_functions),
        "Lambda": _dollars(bill.functions),
        "DynamoDB": _dollars(bill.dynamodb),
        "S3, SNS, X-Ray, logs": _dollars(bill.others),
        "kept": _dollars(bill.kept),
        "together": _dollars(bill.total),
        "a job": _dollars(bill.total / run.load.jobs),
    }


def _use(name: str, run: Measured) -> dict[str, str]:
    milliseconds = sum(work.billed for work in run.functions.values())
    return {
        "run": name,
        "took, h": f"{run.seconds / 3600:.1f}",
        "turns": f"{len(run.turns):,}",
        "executions": str(run.executions),
        "transitions": f"{run.transitions:,}",
        "calls of functions": f"{sum(work.calls for work in run.functions.values()):,}",
        "Lambda, ms": f"{milliseconds:,.0f}",
        "read units": f"{run.reads:,.0f}",
        "write units": f"{run.writes:,.0f}",
        "archive, KB": f"{run.archived / 1024:,.0f}",
    }


def _calls(run: Measured) -> dict[str, str]:
    return {"run": str(run.load), **{each: f"{run.operations[each]:,}" for each in _SHOWN}}


def _quarters(run: Measured) -> Iterator[dict[str, str]]:
    for quarter in range(4):
        first, last = (len(run.turns) * at // 4 for at in (quarter, quarter + 1))
        turns = run.turns[first:last]
        if turns:
            live, over, reads = sorted(turns, key=lambda turn: turn[2])[len(turns) // 2]
            yield {
                "run": str(run.load) if quarter == 0 else "",
                "quarter": str(quarter + 1),
                "live": f"{live:,}",
                "over": f"{over:,}",
                "read units a turn": f"{reads:,.0f}",
            }


def _work(name: str, work: Work) -> dict[str, str]:
    return {
        "function": f"`{name}`",
        "MB": str(memory_of(name)),
        "calls": f"{work.calls:,}",
        "CPU, s": f"{work.cpu:,.1f}",
        "longest call, s": f"{work.slowest:.2f}",
        "billed, ms a call": f"{work.billed / max(1, work.calls):,.0f}",
        "peak, MiB": f"{work.peak:.0f}",
    }


def _size(run: Measured) -> dict[str, str]:
    return {
        "run": str(run.load),
        "peak, MiB": f"{run.peak:.0f}",
        "longest call, s": f"{max(work.slowest for work in run.functions.values()):.2f}",
        "longest turn, s": f"{run.slowest_turn:.2f}",
        "largest state, bytes": f"{run.largest:,}",
    }


def _item(item: Item) -> dict[str, str]:
    return {"item": item.what, "how many": item.how_many, "US dollars": f"{item.dollars:.2f}"}


def _prices() -> Iterator[dict[str, str]]:
    for unit, (dollars, source) in PRICES.items():
        yield {"a": unit, "US dollars": f"{dollars:.10f}".rstrip("0").rstrip("."), "source": source}


def _dollars(amount: float) -> str:
    return f"{amount:.4f}" if amount >= 0.0001 else f"{amount:.6f}"


def _table(rows: Iterable[dict[str, str]]) -> str:
    listed = list(rows)
    names = list(listed[0])
    lines = [names, ["---"] * len(names), *([row[name] for name in names] for row in listed)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
