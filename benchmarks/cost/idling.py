"""What a stage costs in a month in which nothing runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.cost.measuring import billed
from benchmarks.cost.prices import price
from cloudformation import rendering
from tests.strict.apart import ApartStage
from tests.strict.resources import memory_of

_HOURS = 730  # of a month, as AWS counts
_DAY = 24


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the bill: US dollars a month."""

    what: str
    how_many: str
    dollars: float


def idle() -> list[Item]:
    """All that is charged for although nothing runs, dearest first."""
    return sorted((*_declared(), *_reconcile()), key=lambda item: -item.dollars)


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


def _reconcile() -> Iterator[Item]:
    """The only function that runs: a day of it, measured, for each of a month."""
    stage = ApartStage()
    try:
        stage.advance(timedelta(hours=_DAY).total_seconds())
        calls, days = stage.aws.calls, _HOURS / _DAY
        uses = [use for function, use in stage.uses if function == "reconcile"]
        assert uses, "reconcile was never called"
        assert len(uses) == len(stage.uses), "something else runs"
        cpu = sum(use.cpu for use in uses) + stage.begun["reconcile"].cpu
        reads, writes = stage.aws.units()
    finally:
        stage.close()
    seconds = days * billed("reconcile", cpu, calls) / 1000
    count = days * len(uses)
    told = f"{count:,.0f} calls, {seconds:,.0f} s of {memory_of('reconcile')} MB"
    lambda_price = price("call", count) + price(
        "GB-second", seconds * memory_of("reconcile") / 1024
    )
    yield Item("reconcile", told, lambda_price)
    told = f"{days * reads:,.0f} read units, {days * writes:,.0f} write units"
    units = price("read unit", days * reads) + price("write unit", days * writes)
    yield Item("what reconcile asks of DynamoDB", told, units)
    yield Item("what reconcile is traced by", "each call", price("trace", count))
