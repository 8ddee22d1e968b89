"""A crawl: a run of a Glue crawler, which runs one at a time and tells nobody who began it.

StartCrawler has no token and answers no id. Ours is the first crawl that is newer than all there
were before it was asked for.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from fetch_and_run.aws import beginning, client, code_of, console, log_page, looking
from fetch_and_run.work import LINK, AgainError, InDoubtError, Outcome, Remote
from fetch_and_run.world import World

_SERVICE = "Glue"
_NEVER = "1970-01-01T00:00:00+00:00"
# API_CrawlerHistory; what is none of these goes on.
_ENDED = {"COMPLETED": "has succeeded", "FAILED": "has failed", "STOPPED": "was stopped"}


class Crawl:
    """One crawl, known by the newest one before it."""

    settling = 0.0

    def __init__(self, crawler: str, world: World) -> None:
        self._crawler = crawler
        self._world = world
        self.what = f"Glue crawler {crawler}"

    @cached_property
    def _glue(self) -> Any:
        return client(self._world, "glue")

    def start(self, _: str) -> Remote:
        before = max((crawl["StartTime"] for crawl in self._crawls()), default=None)
        with beginning(_SERVICE):
            try:
                self._glue.start_crawler(Name=self._crawler)
            except ClientError as error:
                if code_of(error) == "CrawlerRunningException":
                    raise AgainError("it is running already, for someone else") from error
                if code_of(error) == "OperationTimeoutException":  # a 400 of what may have begun
                    raise InDoubtError("Glue answered that it took too long") from error
                raise
        return {"after": before.isoformat() if before else _NEVER, LINK: self._page()}

    def find(self, _: str) -> Remote | None:
        raise InDoubtError(
            f"Glue can't tell who began a crawl: look into the crawler's runs, {self._page()}"
        )

    def look(self, remote: Remote) -> Outcome | None:
        crawl = self._ours(remote)
        if crawl is None or crawl["State"] not in _ENDED:
            return None
        logs = ""
        if crawl.get("LogGroup"):
            logs = log_page(self._glue, crawl["LogGroup"], crawl.get("LogStream", ""))
        reason = _ENDED[crawl["State"]]
        if crawl["State"] == "COMPLETED":
            print(crawl.get("Summary", ""), file=self._world.out, flush=True)
            return Outcome(succeeded=True, reason=reason, logs=logs)
        why = crawl.get("ErrorMessage", "")
        return Outcome(succeeded=False, reason=f"{reason}: {why}" if why else reason, logs=logs)

    def cancel(self, remote: Remote) -> None:
        crawl = self._ours(remote)
        if crawl is not None and crawl["State"] in _ENDED:
            return  # another's crawl may be under way by now
        with looking(_SERVICE):
            try:
                self._glue.stop_crawler(Name=self._crawler)
            except ClientError as error:
                if code_of(error) not in ("CrawlerNotRunningException", "CrawlerStoppingException"):
                    raise

    def describe(self) -> Mapping[str, object]:
        return {
            "service": "glue",
            "operation": "StartCrawler",
            "parameters": {"Name": self._crawler},
        }

    def _ours(self, remote: Remote) -> Mapping[str, Any] | None:
        after = datetime.fromisoformat(remote["after"])
        newer = [crawl for crawl in self._crawls() if crawl["StartTime"] > after]
        return min(newer, key=lambda crawl: crawl["StartTime"], default=None)

    def _crawls(self) -> list[Mapping[str, Any]]:
        with looking(_SERVICE):
            found: list[Mapping[str, Any]] = self._glue.list_crawls(
                CrawlerName=self._crawler, MaxResults=100
            )["Crawls"]
        return found

    def _page(self) -> str:
        region = self._glue.meta.region_name
        name = quote(self._crawler, safe="")
        return console(
            self._glue, f"glue/home?region={region}#/v2/data-catalog/crawlers/view/{name}"
        )
