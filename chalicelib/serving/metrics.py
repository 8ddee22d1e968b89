"""What the server tells Prometheus: of runs, of jobs, of the requests it answered, of itself.

The text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
"""

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client import Counter as Total
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from chalicelib.api.local_gateway import Asked, Reply
from chalicelib.bootstrap import OwnEdition
from chalicelib.core.lifecycle import JobStatus, RunStatus

PATH = "/metrics"

# Two fifths of a millisecond is what a look takes on an idle machine; 10 s nobody waits for.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_MANY = 10_000  # unfinished runs whose jobs are counted


class Metrics:
    """Counts requests, from any thread.

    Only what is in our tables becomes a label: no text of a client's makes a series of its own.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Total(
            "batch_scheduler_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "batch_scheduler_http_request_seconds",
            "Time from the end of a request to the beginning of its answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._starts = Total(
            "batch_scheduler_engine_starts",
            "How often the server started its engine's process.",
            registry=self._registry,
        )

    def note_start(self) -> None:
        """Count a start of the engine's process."""
        self._starts.inc()

    def note(self, asked: Asked, reply: Reply, seconds: float) -> None:
        """Count a request and its answer."""
        method = asked.method if asked.method in _METHODS else "other"
        self._requests.labels(method, reply.route, f"{reply.status // 100}xx").inc()
        self._seconds.labels(method, reply.route).observe(seconds)

    def page(self, edition: OwnEdition) -> Reply:
        """All of it as it is now. Raises BackendError."""
        stored = CollectorRegistry(auto_describe=False)
        stored.register(_Stored(edition))
        text = generate_latest(stored) + generate_latest(self._registry)
        headers = [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4), ("Cache-Control", "no-store")]
        return Reply(HTTPStatus.OK.value, headers, text, PATH)


class _Stored(Collector):
    """What is on record in the state directory."""

    def __init__(self, edition: OwnEdition) -> None:
        self._edition = edition

    def collect(self) -> Iterator[GaugeMetricFamily]:
        counts = self._edition.run_counts()
        runs = GaugeMetricFamily("batch_scheduler_runs", "Runs on record.", labels=("status",))
        for status in RunStatus:
            runs.add_metric((status.value,), counts.get(status.value, 0))
        yield runs
        told = "Jobs of the runs that have not ended."
        jobs = GaugeMetricFamily("batch_scheduler_jobs", told, labels=("status",))
        live: Counter[str] = Counter()
        for header in self._edition.ports.runs.find_headers(status=RunStatus.RUNNING, limit=_MANY):
            live.update(header.counts)
        for each in JobStatus:
            jobs.add_metric((each.value,), live[each.value])
        yield jobs
        told = "Whether an engine drives the runs of the state directory."
        driven = float(self._edition.holder() is not None)
        yield GaugeMetricFamily("batch_scheduler_engine_alive", told, value=driven)
