"""Counts as lines of a function's log that CloudWatch takes for metrics.

In its embedded metric format (CloudWatch guide, "Specification: Embedded metric format"): no call,
no permission, and nothing to pay where nothing was counted.
"""

import json
import sys
from collections.abc import Callable, Mapping

from chalicelib.ports import Clock

NAMESPACE = "BatchScheduler"
DIMENSION = "Stage"


def write_line(line: str) -> None:
    """Write to standard output, as it is: what Lambda's logger writes has words in front."""
    sys.stdout.write(line + "\n")


class LoggedMetrics:
    """ports.Metrics."""

    def __init__(
        self, stage: str, clock: Clock, write: Callable[[str], object] = write_line
    ) -> None:
        self._stage = stage
        self._clock = clock
        self._write = write

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the metrics of the stage."""
        metrics = {
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
        }
        at = int(self._clock().timestamp() * 1000)
        about = {"Timestamp": at, "CloudWatchMetrics": [metrics]}
        self._write(json.dumps({"_aws": about, DIMENSION: self._stage, **counts}))
