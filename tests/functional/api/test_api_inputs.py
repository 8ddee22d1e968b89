"""Whatever is sent, the answer is a problem document and nothing has changed; ETags and gzip."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.asking import MAX_BODY
from chalicelib.core.access import Role
from chalicelib.core.reading import MAX_BYTES
from chalicelib.errors import BackendError
from chalicelib.local.memory_queue import VirtualClock
from tests.builders import document, job
from tests.functional.api.desks import desk_with, memory_desk
from tests.unit.served import MemoryEdition

RUN = "/runs/nightly/2026-11-23T12:00:00Z"
BAD_BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "NaN": b'{"scheduleId": "nightly", "parameters": {"day": NaN}}',
    "infinite": b'{"scheduleId": "nightly", "parameters": {"day": 1e999}}',
    "a key twice": b'{"scheduleId": "nightly", "scheduleId": "weekly"}',
    "deep": b'{"scheduleId": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no UTF-8": b'{"scheduleId": "\xff"}',
    "half a pair": b'{"scheduleId": "\\ud800"}',
    "a list": b"[]",
    "a text": b'"nightly"',
    "a number too long": b'{"scheduleId": ' + b"9" * 5000 + b"}",
    "an unknown field": b'{"scheduleId": "nightly", "sheduleId": 1}',
    "a version that is too large": b'{"scheduleId": "nightly", "version": 99999999999}',
    "yaml": b"scheduleId: nightly",
}


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize("path", ["/runs", "/validate", f"{RUN}/cancel", f"{RUN}/hold"])
def test_a_body_that_can_not_be_read_is_told_of(name: str, path: str) -> None:
    desk = desk_with("nightly")
    told = desk.post(path, BAD_BODIES[name], 400)
    assert told["problems"]
    assert desk.get("/runs")["runs"] == []


@pytest.mark.parametrize(("path", "most"), [("/runs", MAX_BODY), ("/validate", MAX_BYTES)])
def test_a_body_that_is_too_large_is_told_of(path: str, most: int) -> None:
    told = desk_with("nightly").post(path, b"x" * (most + 1), 413)
    assert told["detail"] == f"The body has {most + 1:,} bytes; at most {most:,} are taken."


@pytest.mark.parametrize("path", ["/runs", "/validate", f"{RUN}/cancel"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "é"])
def test_a_body_of_another_type_is_told_of(path: str, kind: str) -> None:
    desk = desk_with("nightly")
    told = desk.post(path, {"scheduleId": "nightly"}, 415, content_type=kind)
    assert "send Content-Type: application/json" in told["detail"]
    assert desk.get("/runs")["runs"] == []


def test_a_packed_body_is_told_of() -> None:
    desk = desk_with("nightly")
    packed = gzip.compress(b'{"scheduleId": "nightly"}')
    told = desk.post("/runs", packed, 415, content_encoding="gzip")
    assert told["detail"] == "The body is coded as 'gzip'; send it without a Content-Encoding."
    assert desk.put("/schedules/nightly", packed, 415, content_encoding="GZip")["status"] == 415
    assert desk.get("/runs")["runs"] == []
    desk.post("/runs", {"scheduleId": "nightly"}, 202, content_encoding="identity")


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("limit=x", "?limit"),
        ("limit=1_0", "?limit"),
        ("limit=%205", "?limit"),
        ("limit=+5", "?limit"),
        ("limit=%D9%A5", "?limit"),  # a digit, elsewhere
        ("limit=-1", "?limit"),
        ("limit=", "?limit"),
        ("limit=1&limit=2", "?limit"),
        ("status=tired", "?status"),
        ("cursor=x", "?cursor"),
        ("cursor=WyJhIiwgImIiXQ", "?cursor"),  # ["a", "b"]
        ("cursor=MQ", "?cursor"),  # 1
        ("cursor=%C3%A9", "?cursor"),
        ("curser=x", "?curser"),
    ],
)
def test_a_query_that_means_nothing_is_told_of(query: str, place: str) -> None:
    told = desk_with("nightly").get(f"/runs?{query}", 400)
    assert [each["path"] for each in told["problems"]] == [place]


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/runs?scheduleId=nightly", "/runs?scheduleId=weekly"),
        ("/runs?status=RUNNING", "/runs"),
        ("/schedules?prefix=", "/schedules?prefix=n"),
        ("/runs?", "/schedules?"),
    ],
)
def test_a_cursor_of_another_filter_is_refused(path: str, other: str) -> None:
    desk = desk_with("nightly", "weekly")
    clock = desk.edition.ports.clock
    assert isinstance(clock, VirtualClock)
    for _ in range(2):
        desk.post("/runs", {"scheduleId": "nightly"}, 202)
        clock.advance(1.0)
    cursor = desk.get(f"{path}&limit=1")["nextCursor"]
    assert cursor
    assert desk.get(f"{path}&limit=5&cursor={cursor}")["nextCursor"] is None
    (problem,) = desk.get(f"{other}{'&' if '?' in other else '?'}cursor={cursor}", 400)["problems"]
    assert (problem["path"], problem["reason"]) == ("?cursor", "belongs to another list")


@pytest.mark.parametrize("cursor", ["bnVsbA", "dHJ1ZQ", "LTE", "Int9Ig", "e30", "1"])
@pytest.mark.parametrize("path", ["/schedules", "/schedules/nightly/versions", "/runs"])
def test_a_cursor_of_something_else_is_no_fault(cursor: str, path: str) -> None:
    response = desk_with("nightly").request("GET", f"{path}?cursor={cursor}")
    assert response.status_code in (200, 400)


@pytest.mark.parametrize(
    "path",
    ["/schedules/a%20b", "/schedules/%00", "/schedules/" + "x" * 129, "/runs/nightly/yesterday",
     "/runs/nightly/9999-99-99", "/runs/%2F/x", "/schedules/nightly%0A"],
)  # fmt: skip
def test_an_address_of_nothing_is_not_found(path: str) -> None:
    desk_with("nightly").get(path, 404)


def test_an_address_may_be_encoded_by_those_who_do() -> None:
    desk = desk_with("nightly")
    run = desk.post("/runs", {"scheduleId": "nightly"}, 202)
    schedule_id, _, start = run["runId"].partition("/")
    assert desk.get(f"/runs/{schedule_id}/{start.replace(':', '%3A')}")["runId"] == run["runId"]
    found = desk.get(f"/runs/{schedule_id}/{start.replace('Z', '%2B00:00')}")
    assert found["runId"] == run["runId"]


PATHS = ("/runs", "/validate", f"{RUN}/hold", f"{RUN}/restart", f"{RUN}/mark")
BUSY = desk_with("nightly")


@given(st.sampled_from(PATHS), st.binary(max_size=200) | st.text(max_size=99).map(str.encode))
def test_no_bytes_make_a_fault(path: str, body: bytes) -> None:
    assert BUSY.request("POST", path, body).status_code < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
FIELDS = ("scheduleId", "parameters", "version", "reason", "jobs", "status", "as", "downstream",
          "input", "startDateTime", "scheduleStatus")  # fmt: skip


@given(
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.just("nightly"), max_size=4) | JSON,
)
def test_no_value_makes_a_fault(path: str, body: Any) -> None:
    assert BUSY.request("POST", path, body).status_code < 500


def test_a_store_that_fails_is_told_of_and_a_bug_gives_nothing_away() -> None:
    class Failing(MemoryEdition):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self._error = error

        @property
        def directory(self) -> str:  # type: ignore[override] # a fault in it is what is wanted
            raise self._error

    def told(error: Exception, status: int) -> Any:
        edition = Failing(error)
        edition.ports = desk_with("nightly").edition.ports
        return memory_desk(edition).post("/runs", {"scheduleId": "nightly"}, status)

    busy = told(BackendError("db", "read", "it is busy", retryable=True), 503)
    assert busy["detail"] == "db read: it is busy"
    told(BackendError("db", "read", "it is broken", retryable=False), 502)
    assert "secret" not in json.dumps(told(ValueError("secret"), 500))


def test_what_has_not_changed_is_not_sent_again() -> None:
    desk = desk_with("nightly")
    for path in ("/schedules", "/schedules/nightly", "/openapi.json"):
        first = desk.request("GET", path)
        again = desk.request("GET", path, headers={"if-none-match": first.headers["ETag"]})
        assert (again.status_code, again.body) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    desk.post("/runs", {"scheduleId": "nightly"}, 202)
    desk.put("/schedules/nightly", document(job("other")), 200)
    late = desk.request("GET", "/schedules", headers={"if-none-match": '"x", W/"y"'})
    assert late.status_code == 200


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("", False), ("br", False), ("gzip;q=0", False)],
)
def test_long_answers_are_compressed_for_those_who_can_read_them(
    accepted: str, is_packed: bool
) -> None:
    desk = desk_with("nightly")
    response = desk.request("GET", "/openapi.json", headers={"accept-encoding": accepted})
    assert (response.headers.get("Content-Encoding") == "gzip") is is_packed
    text = gzip.decompress(response.body) if is_packed else response.body
    assert json.loads(text)["openapi"] == "3.1.0"
    short = desk.request("GET", "/schedules", headers={"accept-encoding": accepted})
    assert "Content-Encoding" not in short.headers


def test_behind_a_gateway_the_gateway_compresses_and_addresses_keep_its_stage() -> None:
    desk = desk_with("nightly")
    body = json.dumps({"scheduleId": "nightly"})
    event = {
        "requestContext": {
            "apiId": "abc",
            "httpMethod": "POST",
            "resourcePath": "/runs",
            "path": "/api/runs",
            "authorizer": {**desk.principal.to_context(), "principalId": "ada"},
        },
        "headers": {"Content-Type": "application/json", "Accept-Encoding": "gzip"},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
    }
    answer = desk.invoke(event)
    assert answer["statusCode"] == 202
    assert answer["headers"]["Location"] == f"/api/runs/{json.loads(answer['body'])['runId']}"
    assert "Content-Encoding" not in answer["headers"]


def test_nobody_may_act_who_only_looks() -> None:
    desk = desk_with("nightly").as_(Role.VIEWER)
    for path in ("/runs", f"{RUN}/cancel"):
        desk.post(path, BAD_BODIES["no JSON"], 403)
