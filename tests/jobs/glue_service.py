"""Glue's job runs and crawlers, strict in what `batch-job glue` asks of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Permission, Service

_ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")

Fields = dict[str, Any]


@dataclass(slots=True)
class Run:
    """A run of a job, or a crawl."""

    id: str
    of: str
    at: datetime
    request: Params
    state: str  # how it ends
    lasts: float
    error: str = ""
    stopped_at: datetime | None = None


@dataclass(slots=True)
class Glue:
    """One Region's, with the job `load` and the crawler `lake`.

    `lag` is how long GetJobRuns and ListCrawls miss a new one: no page says that they don't.
    """

    clock: Callable[[], datetime]
    lasts: float = 100.0
    ends: str = "SUCCEEDED"
    error: str = ""
    lag: float = 0.0
    stops_in: float = 5.0
    most: int = 1  # runs of the job at a time
    runs: list[Run] = field(default_factory=list)
    crawls: list[Run] = field(default_factory=list)

    def service(self) -> Service:
        return Service(
            operations={
                "StartJobRun": self.start_job_run,
                "GetJobRun": self.get_job_run,
                "GetJobRuns": self.get_job_runs,
                "BatchStopJobRun": self.batch_stop_job_run,
                "StartCrawler": self.start_crawler,
                "StopCrawler": self.stop_crawler,
                "ListCrawls": self.list_crawls,
            },
            permissions=_permissions,
            refusal="InvalidInputException",
            broken="InternalServiceException",
        )

    def begin(self, run: str, arguments: Params) -> None:
        """Let someone else begin a run of the job."""
        self.runs.append(self._run(run, "load", {"Arguments": arguments}))

    # Jobs

    def start_job_run(self, params: Params) -> Fields:
        self._check_job(params)
        if sum(self._state(run) not in _ENDED for run in self.runs) >= self.most:
            raise AwsError("ConcurrentRunsExceededException", "Concurrent runs exceeded for load")
        self.runs.append(self._run(f"jr_{len(self.runs):064x}", "load", params))
        return {"JobRunId": self.runs[-1].id}

    def get_job_run(self, params: Params) -> Fields:
        self._check_job(params)
        return {"JobRun": self._shown(self._found(params["RunId"]))}

    def get_job_runs(self, params: Params) -> Fields:
        self._check_job(params)
        shown = self.clock() - timedelta(seconds=self.lag)
        seen = [self._shown(run) for run in reversed(self.runs) if run.at <= shown]
        first = int(params.get("NextToken", "0"))
        last = first + params.get("MaxResults", 100)
        token = {"NextToken": str(last)} if last < len(seen) else {}
        return {"JobRuns": seen[first:last], **token}

    def batch_stop_job_run(self, params: Params) -> Fields:
        [run_id] = params["JobRunIds"]
        run = self._found(run_id)
        if self._state(run) in _ENDED:
            detail = {"ErrorCode": "JobRunNotInRunningState", "ErrorMessage": "It has ended"}
            error = {"JobName": "load", "JobRunId": run_id, "ErrorDetail": detail}
            return {"SuccessfulSubmissions": [], "Errors": [error]}
        run.stopped_at = run.stopped_at or self.clock()
        return {"SuccessfulSubmissions": [{"JobName": "load", "JobRunId": run_id}], "Errors": []}

    # Crawlers

    def start_crawler(self, params: Params) -> Fields:
        self._check_crawler(params["Name"])
        if self._is_crawling():
            raise AwsError("CrawlerRunningException", "Crawler with name lake has already started")
        self.crawls.append(self._run(f"crawl-{len(self.crawls)}", "lake", params))
        return {}

    def stop_crawler(self, params: Params) -> Fields:
        self._check_crawler(params["Name"])
        if not self._is_crawling():
            raise AwsError("CrawlerNotRunningException", "Crawler with name lake isn't running")
        if self.crawls[-1].stopped_at is not None:
            raise AwsError("CrawlerStoppingException", "Crawler with name lake is stopping")
        self.crawls[-1].stopped_at = self.clock()
        return {}

    def list_crawls(self, params: Params) -> Fields:
        self._check_crawler(params["CrawlerName"])
        shown = self.clock() - timedelta(seconds=self.lag)
        seen = [self._shown_crawl(crawl) for crawl in self.crawls if crawl.at <= shown]
        return {"Crawls": seen[: params.get("MaxResults", 20)]}

    # Behind them

    def goes_on(self, run: Run) -> bool:
        return self._state(run) not in _ENDED

    def _run(self, run_id: str, of: str, params: Params) -> Run:
        return Run(run_id, of, self.clock(), dict(params), self.ends, self.lasts, self.error)

    def _state(self, run: Run) -> str:
        past = (self.clock() - run.at).total_seconds()
        if run.stopped_at is not None:
            stopping = (self.clock() - run.stopped_at).total_seconds()
            return "STOPPING" if stopping < self.stops_in else "STOPPED"
        if past >= run.lasts:
            return run.state
        return "STARTING" if past < 10 else "RUNNING"

    def _shown(self, run: Run) -> Fields:
        told: Fields = {
            "Id": run.id,
            "JobName": "load",
            "StartedOn": run.at,
            "JobRunState": self._state(run),
            "Arguments": run.request.get("Arguments", {}),
            "LogGroupName": "/aws-glue/jobs",
        }
        return told | ({"ErrorMessage": run.error} if self._state(run) == "FAILED" else {})

    def _shown_crawl(self, crawl: Run) -> Fields:
        state = self._state(crawl)
        names = {"SUCCEEDED": "COMPLETED", "STARTING": "RUNNING", "STOPPING": "RUNNING"}
        told: Fields = {
            "CrawlId": crawl.id,
            "StartTime": crawl.at,
            "State": names.get(state, state),
            "LogGroup": "/aws-glue/crawlers",
            "LogStream": "lake",
        }
        if state == "SUCCEEDED":
            told["Summary"] = '{"TABLE": {"ADD": 2}}'
        return told | ({"ErrorMessage": crawl.error} if state == "FAILED" else {})

    def _is_crawling(self) -> bool:
        return any(self._state(crawl) not in _ENDED for crawl in self.crawls)

    def _check_job(self, params: Params) -> None:
        if params["JobName"] != "load":
            raise AwsError("EntityNotFoundException", f"Failed to start {params['JobName']}: none")

    def _check_crawler(self, name: str) -> None:
        if name != "lake":
            raise AwsError("EntityNotFoundException", f"Crawler {name} not found.")

    def _found(self, run_id: str) -> Run:
        for run in self.runs:
            if run.id == run_id:
                return run
        raise AwsError("EntityNotFoundException", f"Job Run {run_id} not found")


def _permissions(operation: str, params: Params) -> tuple[Permission, ...]:
    kind = "crawler" if "Craw" in operation else "job"
    name = params.get("JobName") or params.get("Name") or params.get("CrawlerName")
    return ((f"glue:{operation}", f"arn:aws:glue:{REGION}:{ACCOUNT}:{kind}/{name}"),)
