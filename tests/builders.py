"""Makes documents for tests: only what a test speaks of has to be written there."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.loading import load
from chalicelib.core.resolving import resolve
from chalicelib.core.schedule import JobSpec, Schedule

Fields = dict[str, Any]


def job(name: str, *upstream: str, **fields: Any) -> Fields:
    """A job that runs `true` unless `fields` say otherwise; None leaves a field out."""
    made = {"jobName": name, "jobDependencies": list(upstream), "command": ["true"], **fields}
    return {key: value for key, value in made.items() if value is not None}


def document(*jobs: Fields, **fields: Any) -> Fields:
    """The value of a document called `nightly`; one job when none are given.

    `finally_jobs` is its field `finally`, which is no name in Python.
    """
    made = {"scheduleId": "nightly", "jobList": list(jobs) or [job("only")], **fields}
    made["finally"] = made.pop("finally_jobs", None)
    return {key: value for key, value in made.items() if value is not None}


def loaded(*jobs: Fields, **fields: Any) -> ScheduleDocument:
    return load(document(*jobs, **fields))


def schedule(*jobs: Fields, given: Mapping[str, object] | None = None, **fields: Any) -> Schedule:
    """The schedule resolved with the values `given`."""
    return resolve(loaded(*jobs, **fields), given or {})[0]


def spec(*jobs: Fields, given: Mapping[str, object] | None = None, **fields: Any) -> JobSpec:
    """The first job of the schedule resolved."""
    return schedule(*jobs, given=given, **fields).jobs[0]


def graph(upstream: Mapping[str, list[str]], **fields: Any) -> Schedule:
    """A schedule of `true` jobs with these upstream jobs."""
    return schedule(*(job(name, *above) for name, above in upstream.items()), **fields)


def old_document() -> Fields:
    """A document in the format of the first version, as its tables and histories held it."""
    return {
        "scheduleId": "daily-pm-load",
        "category": "big-data-schedules",
        "scheduleName": "Evening load",
        "scheduleStatus": " ",
        "startDateTime": " ",
        "wait_time": "60",
        "jobList": [
            {
                "jobName": "FTP",
                "jobDefinition": "definition:1",
                "jobQueue": "queue",
                "jobDependencies": [],
                "jobStatus": "SUCCEEDED",
                "jobId": {"jobId": "802d951d-6393-48ab-96f1-86fd1fd5ac80"},
            },
            {
                "jobName": "Cleanse Data",
                "jobDefinition": "definition:1",
                "jobQueue": "queue",
                "jobDependencies": ["FTP"],
                "jobStatus": "SKIP",
                "jobId": "0404d370-6df6-4ed9-93ff-3a514c9f30d9",
            },
            {
                "jobName": "Load",
                "jobDefinition": "definition:1",
                "jobQueue": "queue",
                "jobDependencies": ["FTP", "Cleanse Data"],
                "jobStatus": " ",
                "jobId": " ",
            },
        ],
    }
