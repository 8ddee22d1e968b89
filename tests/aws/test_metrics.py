"""Counts as CloudWatch reads them out of a log."""

import json

import pytest

from chalicelib.aws.metrics import LoggedMetrics
from tests.unit.runs import NOW


def test_what_is_counted_is_one_line_that_names_each_metric_with_the_stage() -> None:
    lines: list[str] = []
    LoggedMetrics("dev", lambda: NOW, lines.append).count({"TicksStarted": 3, "TicksBroken": 1})
    [line] = lines
    assert "\n" not in line
    told = json.loads(line)
    about = told.pop("_aws")
    assert told == {"Stage": "dev", "TicksStarted": 3, "TicksBroken": 1}
    [metrics] = about["CloudWatchMetrics"]
    assert metrics["Namespace"] == "BatchScheduler"
    assert metrics["Dimensions"] == [["Stage"]]
    assert [each["Name"] for each in metrics["Metrics"]] == ["TicksStarted", "TicksBroken"]
    assert about["Timestamp"] == NOW.timestamp() * 1000


def test_a_line_goes_to_standard_output_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    LoggedMetrics("dev", lambda: NOW).count({"TicksStarted": 1})
    assert json.loads(capsys.readouterr().out)["TicksStarted"] == 1
