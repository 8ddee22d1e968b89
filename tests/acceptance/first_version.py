"""What users of the first version have, documents and messages, as if it were of this region."""

import json
from pathlib import Path
from typing import Any

from tests.aws import tables

SEED = Path(__file__).parents[1] / "seed"
JOBS = ["job1", "job2", "job3", "job4", "job5"]  # of `daily-am-load`


def seed(name: str) -> Any:
    text = (SEED / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text.replace("us-east-1", tables.REGION))


def old_record() -> dict[str, Any]:
    """A run of `daily-am-load` that failed at job3, as its table had it."""
    record: dict[str, Any] = seed("failed_example_schedule")
    return record


def old_schedule(wait_time: str = "1") -> dict[str, Any]:
    """`daily-am-load`, which is looked at every second unless it says otherwise."""
    record = old_record()
    kept = {key: value for key, value in record.items() if not key.endswith("DateTime")}
    jobs = [{**job, "jobStatus": " ", "jobId": " "} for job in record["jobList"]]
    return {**kept, "jobList": jobs, "scheduleStatus": " ", "wait_time": wait_time}


def start_message() -> dict[str, str]:
    message: dict[str, str] = seed("start_input")
    return message


def restart_message(started_at: str = "") -> dict[str, str]:
    """Of the run that the file names, or of another one."""
    message: dict[str, str] = seed("restart_input")
    return {**message, "startDateTime": started_at or message["startDateTime"]}
