"""What a stage costs in a month in which nothing runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.cost.measuring import billed
from benchmarks.cost.prices import price
from cloudformation import rendering
from tests.strict.apart import ApartStage
from tests.strict.resources import memory_of
from tests.strict.stage import Setup

_HOURS = 730  # of a month, as AWS counts
BY_THE_CLOCK = ("reconcile", "tick")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the bill: US dollars a month."""

    what: str
    how_many: str
    dollars: float


def idle(hours: float = 24) -> list[Item]:
    """All that is charged for although nothing runs, dearest first; measured for so many hours."""
    return sorted((*_declared(), *_swept(hours)), key=lambda item: -item.dollars)


def _declared() -> Iterator[Item]:
    """What the template declares that has a price by the month."""
    resources = list(rendering.resources().values())
    kinds = [each["Type"] for each in resources]
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sum(_metrics(alarm) for alarm in alarms)
    told = f"{metrics} metrics read by {len(alarms)} alarms; 10 of an account are free"
    yield Item("alarms", told, price("alarm's metric a month", metrics))
    boards = kinds.count("AWS::CloudWatch::Dashboard")
    told = f"{boards}; 3 of an account are free"
    yield Item("dashboard", told, price("dashboard a month", boards))
    yield Item("tables, buckets, queues, state machine, rules, AWS Batch", "by use alone", 0.0)


def _metrics(alarm: dict[str, list[dict[str, object]]]) -> int:
    return sum("MetricStat" in each for each in alarm["Metrics"]) if "Metrics" in alarm else 1


def _swept(hours: float) -> Iterator[Item]:
    """What is called by the clock, measured for some hours, for each of a month."""
    stage = ApartStage(Setup(ticks=True))
    try:
        stage.advance(timedelta(hours=hours).total_seconds())
    finally:
        stage.close()
    others = {function for function, _ in stage.uses} - set(BY_THE_CLOCK)
    assert not others, f"something else runs: {others}"
    for function in BY_THE_CLOCK:
        yield from _function(function, stage, _HOURS / hours)


def _function(function: str, stage: ApartStage, times: float) -> Iterator[Item]:
    uses = [use for called, use in stage.uses if called == function]
    assert uses, f"{function} was never called"
    calls = [call for call in stage.aws.calls if call.caller == function]
    cpu = sum(use.cpu for use in uses) + stage.begun[function].cpu
    seconds = times * billed(function, cpu, calls) / 1000
    count, memory = times * len(uses), memory_of(function)
    told = f"{count:,.0f} calls, {seconds:,.0f} s of {memory} MB"
    yield Item(function, told, price("call", count) + price("GB-second", seconds * memory / 1024))
    reads, writes = (
        times * sum(units)
        for units in zip(*((call.read_units, call.write_units) for call in calls), strict=True)
    )
    told = f"{reads:,.0f} read units, {writes:,.0f} write units"
    units = price("read unit", reads) + price("write unit", writes)
    yield Item(f"what {function} asks of DynamoDB", told, units)
    yield Item(f"what {function} is traced by", "each call", price("trace", count))
