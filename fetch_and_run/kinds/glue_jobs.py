"""A run of a Glue job, found again by an argument of its own: StartJobRun has no client token."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from fetch_and_run.aws import beginning, client, code_of, console, log_page, looking
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.remote_record import claimed_at
from fetch_and_run.work import LINK, AgainError, InDoubtError, Outcome, Remote
from fetch_and_run.world import World

OWN_ARGUMENT = "--batch-scheduler-token"

_SERVICE = "Glue"
_MOST_PAGES = 10  # of 200 runs, newest first (API_GetJobRuns), to look for a token in
_SKEW = timedelta(minutes=5)  # how far Glue's clock may be from this one's
_FULL = {
    "ConcurrentRunsExceededException": "as many runs of it as it allows are under way",
    "ResourceNumberLimitExceededException": "the account has as many Glue resources as it may",
}
# API_JobRun; what is neither here nor SUCCEEDED goes on.
_ENDED = {
    "FAILED": "has failed",
    "ERROR": "has failed",
    "TIMEOUT": "took longer than Glue lets it",
    "STOPPED": "was stopped",
    "EXPIRED": "has expired",
}


class GlueJobRun:
    """One run. `settings` are members of StartJobRun's request."""

    settling = 60.0  # no page says how soon GetJobRuns shows a new run

    def __init__(
        self, job: str, arguments: Mapping[str, str], settings: Mapping[str, Any], world: World
    ) -> None:
        self._job = job
        self._arguments = arguments
        self._settings = settings
        self._world = world
        self._made_at = world.now()
        self.what = f"Glue job {job}"

    @cached_property
    def _glue(self) -> Any:
        return client(self._world, "glue")

    def start(self, token: str) -> Remote:
        with beginning(_SERVICE):
            try:
                return self._remote(self._glue.start_job_run(**self._request(token))["JobRunId"])
            except ClientError as error:
                if code_of(error) in _FULL:
                    raise AgainError(_FULL[code_of(error)]) from error
                if code_of(error) == "OperationTimeoutException":  # a 400 of what may have begun
                    raise InDoubtError("Glue answered that it took too long") from error
                raise

    def find(self, token: str) -> Remote | None:
        since = claimed_at(self._world, self._made_at) - _SKEW
        page: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            with looking(_SERVICE):
                found = self._glue.get_job_runs(JobName=self._job, MaxResults=200, **page)
            for run in found["JobRuns"]:
                if run.get("Arguments", {}).get(OWN_ARGUMENT) == token:
                    return self._remote(run["Id"])
            is_older = any(run["StartedOn"] < since for run in found["JobRuns"])
            if is_older or not found.get("NextToken"):
                return None
            page = {"NextToken": found["NextToken"]}
        raise InDoubtError(f"it is not among the newest {_MOST_PAGES * 200} runs of the job")

    def look(self, remote: Remote) -> Outcome | None:
        with looking(_SERVICE):
            run = self._glue.get_job_run(JobName=self._job, RunId=remote["run"])["JobRun"]
        state = run["JobRunState"]
        if state == "SUCCEEDED":
            return Outcome(succeeded=True, reason="has succeeded", logs=self._logs(run, "output"))
        if state not in _ENDED:
            return None
        why = run.get("ErrorMessage", "")
        reason = f"{_ENDED[state]}: {why}" if why else _ENDED[state]
        return Outcome(succeeded=False, reason=reason, logs=self._logs(run, "error"))

    def cancel(self, remote: Remote) -> None:
        with looking(_SERVICE):
            answer = self._glue.batch_stop_job_run(JobName=self._job, JobRunIds=[remote["run"]])
        for refused in answer.get("Errors", []):
            detail = refused.get("ErrorDetail", {})
            reason = f"Glue answered {detail.get('ErrorCode')}: {detail.get('ErrorMessage')}"
            raise JobError(Exit.UNKNOWN, reason)

    def describe(self) -> Mapping[str, object]:
        return {
            "service": "glue",
            "operation": "StartJobRun",
            "parameters": self._request("<token>"),
        }

    def _request(self, token: str) -> dict[str, Any]:
        arguments = {**self._arguments, OWN_ARGUMENT: token}
        return {"JobName": self._job, "Arguments": arguments, **self._settings}

    def _remote(self, run: str) -> Remote:
        region = self._glue.meta.region_name
        page = f"gluestudio/home?region={region}#/job/{quote(self._job, safe='')}/run/{run}"
        return {"run": run, LINK: console(self._glue, page)}

    def _logs(self, run: Mapping[str, Any], kind: str) -> str:
        group = run.get("LogGroupName", "/aws-glue/jobs").rstrip("/")
        return log_page(self._glue, f"{group}/{kind}", run["Id"])
