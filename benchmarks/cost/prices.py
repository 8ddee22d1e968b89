"""What AWS charges, and what a run is charged with.

US dollars in us-east-1 as the pages of each service named them in November 2026, on demand, without
what is free. Other Regions differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.cost.measuring import Measured
from tests.strict.resources import settings

_MILLION = 1_000_000
_GB = 1024**3
_LOG_LINES = 600  # bytes that Lambda and we write to the log for a call; assumed

PRICES: Mapping[str, tuple[float, str]] = {
    "transition": (25.0 / _MILLION, "https://aws.amazon.com/step-functions/pricing/"),
    "call": (0.20 / _MILLION, "https://aws.amazon.com/lambda/pricing/"),
    "GB-second": (0.0000166667, "https://aws.amazon.com/lambda/pricing/"),
    "read unit": (0.125 / _MILLION, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "write unit": (0.625 / _MILLION, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "S3 PUT": (5.0 / _MILLION, "https://aws.amazon.com/s3/pricing/"),
    "S3 GET": (0.4 / _MILLION, "https://aws.amazon.com/s3/pricing/"),
    "notice": (0.50 / _MILLION, "https://aws.amazon.com/sns/pricing/"),
    "trace": (5.0 / _MILLION, "https://aws.amazon.com/xray/pricing/"),
    "GB of log": (0.50, "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm's metric a month": (0.10, "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard a month": (3.00, "https://aws.amazon.com/cloudwatch/pricing/"),
    "GB in DynamoDB a month": (0.25, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "GB to recover from a month": (0.20, "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "GB in S3 a month": (0.023, "https://aws.amazon.com/s3/pricing/"),
}
_PUTS = ("PutObject",)
_DAYS = 365 / 12  # of a month
_MONTHS_OF_ARCHIVE = 12
_GETS = ("GetObject", "HeadObject")


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars, by service."""

    step_functions: float
    functions: float
    dynamodb: float
    others: float
    kept: float  # what is stored of it, for as long as it is

    @property
    def total(self) -> float:
        return self.step_functions + self.functions + self.dynamodb + self.others + self.kept


def price(unit: str, count: float) -> float:
    return PRICES[unit][0] * count


def bill_of(run: Measured) -> Bill:
    """What a run is charged with besides its jobs; what is idle anyway is not in it."""
    calls = sum(work.calls for work in run.functions.values())
    waking = run.functions["job_state_changed"].calls
    return Bill(
        step_functions=price("transition", run.transitions),
        functions=price("call", calls) + price("GB-second", run.gigabyte_seconds()),
        dynamodb=price("read unit", run.reads) + price("write unit", run.writes),
        others=sum(
            (
                price("S3 PUT", sum(run.operations[each] for each in _PUTS)),
                price("S3 GET", sum(run.operations[each] for each in _GETS)),
                price("notice", run.operations["Publish"]),
                # At most: X-Ray samples, and traces an execution with all that it calls as one.
                price("trace", run.executions + waking),
                price("GB of log", calls * _LOG_LINES / _GB),
            )
        ),
        kept=_kept(run),
    )


def _kept(run: Measured) -> float:
    """Storage: details in DynamoDB until they expire, the archive in S3 for a year."""
    months = settings().stage.keep_days / _DAYS
    stored = price("GB in DynamoDB a month", 1) + price("GB to recover from a month", 1)
    return (
        run.stored / _GB * stored * months
        + price("GB in S3 a month", run.archived / _GB) * _MONTHS_OF_ARCHIVE
    )
