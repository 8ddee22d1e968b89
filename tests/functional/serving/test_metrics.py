"""What the local server tells Prometheus."""

import json
import re

from prometheus_client.parser import text_string_to_metric_families

from chalicelib.cli.exits import Exit
from tests.functional.serving.conftest import Serve
from tests.functional.serving.servers import LocalServer

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(server: LocalServer) -> Samples:
    answer = server.request("GET", "/metrics")
    assert (answer.status, answer.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found["batch_scheduler_" + name, tuple(sorted(labels.items()))]


def test_runs_jobs_and_requests_are_counted(serve: Serve) -> None:
    server = serve()
    server.driven()
    server.put("one", {"jobName": "load", "command": ["true"]})
    server.put("held", {"jobName": "a", "command": ["true"], "hold": True},
               {"jobName": "b", "command": ["true"], "jobDependencies": ["a"]})  # fmt: skip
    server.ended(server.start("one"))
    server.start("held")
    server.request("GET", "/nothing/at/all")
    server.request("BREW", "/runs")
    found = samples(server)
    assert value(found, "runs", status="SUCCEEDED") == 1
    assert value(found, "runs", status="RUNNING") == 1
    assert value(found, "runs", status="FAILED") == 0
    assert value(found, "jobs", status="HELD") == 1
    assert value(found, "jobs", status="SUCCEEDED") == 0
    assert value(found, "engine_alive") == 1
    assert value(found, "engine_starts_total") == 1
    asked = {"method": "POST", "route": "/runs"}
    assert value(found, "http_requests_total", status="2xx", **asked) == 2
    assert value(found, "http_request_seconds_count", **asked) == 2
    assert value(found, "http_requests_total", method="GET", route="unknown", status="4xx") == 1
    assert value(found, "http_requests_total", method="other", route="/runs", status="4xx") == 1
    assert found["process_start_time_seconds", ()] > 1_700_000_000


def test_what_clients_write_makes_no_series(server: LocalServer) -> None:
    for text in ("/one", "/two?three=four", "/runs/five/six", '/"seven"'):
        server.request("GET", text)
    told = server.request("GET", "/metrics").text
    assert set(re.findall(r'route="([^"]*)"', told)) <= {
        "unknown", "/metrics", "/runs", "/runs/{schedule_id}/{started_at}",
    }  # fmt: skip


def test_only_who_may_look_at_everything_is_told(server: LocalServer) -> None:
    assert server.request("GET", "/metrics", headers={}).status == 401
    assert server.request("POST", "/metrics", {}).status == 405
    for words, status in (([], 200), (["--scope", "etl"], 403)):
        role = ["--role", "viewer", "--json"]
        code, printed, said = server.type("token", "create", "prometheus", *words, *role)
        assert code == Exit.DONE, said
        headers = {"Authorization": f"Bearer {json.loads(printed)['token']}"}
        assert server.request("GET", "/metrics", headers=headers).status == status
