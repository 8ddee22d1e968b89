"""Schedules over HTTP: kept, looked at, compared, deleted."""

from typing import Any

import pytest

from chalicelib.core.access import Role
from chalicelib.core.fields import SCHEDULE_ID
from tests.builders import document, job
from tests.functional.api.desks import HttpDesk, desk_with, memory_desk

NIGHTLY = document(job("load"), job("clean", "load"))
LONGER = document(job("load"), job("clean", "load", command=["false"]), job("tell", "clean"),
                  waitTime=None, category="etl")  # fmt: skip


@pytest.fixture
def desk() -> HttpDesk:
    return memory_desk()


def test_a_schedule_is_put_and_shown_with_its_document(desk: HttpDesk) -> None:
    response = desk.request("PUT", "/schedules/nightly", NIGHTLY)
    assert response.status_code == 201
    put = response.json_body
    assert (put["version"], put["jobs"], put["storedBy"]) == (1, 2, "ada")
    shown = desk.request("GET", "/schedules/nightly")
    assert put.pop("warnings") == []
    assert shown.json_body == {**put, "document": NIGHTLY}
    assert shown.headers["ETag"] == response.headers["ETag"]
    assert desk.get("/schedules")["schedules"] == [put]


def test_an_equal_document_is_no_new_version_and_another_one_is(desk: HttpDesk) -> None:
    first = desk.put("/schedules/nightly", NIGHTLY, 201)
    assert desk.put("/schedules/nightly", NIGHTLY, 200) == first
    assert desk.put("/schedules/nightly", LONGER, 200)["version"] == 2
    assert desk.get("/schedules/nightly?version=1")["version"] == 1


def test_a_document_may_be_yaml(desk: HttpDesk) -> None:
    text = b"scheduleId: nightly\njobList:\n- jobName: load\n  command: [echo]\n"
    desk.put("/schedules/nightly", text, 201, content_type="application/yaml")
    assert desk.get("/schedules/nightly")["document"]["jobList"][0]["command"] == ["echo"]


def test_what_can_be_no_id_is_refused_with_what_ids_are(desk: HttpDesk) -> None:
    for path in ("/schedules/a%20b", "/schedules/.a"):
        told = desk.put(path, NIGHTLY, 400)
        assert told["problems"][0]["path"] == "schedule_id"
        assert told["problems"][0]["allowed"] == SCHEDULE_ID
    desk.get("/schedules/a%20b", 404)
    desk.as_(Role.ADMIN, "etl-").put("/schedules/a%20b", NIGHTLY, 404)


def test_what_is_hardly_meant_is_told_where_it_is_put_and_where_it_is_checked(
    desk: HttpDesk,
) -> None:
    never = {"cron": "0 0 30 2 *"}
    holidays = {"name": "b", "cron": "0 2 * * *", "calendar": "de"}
    made = {**NIGHTLY, "triggers": [never, holidays]}
    put = desk.put("/schedules/nightly", made, 201)
    assert [each["path"] for each in put["warnings"]] == [
        "$.triggers[0].cron",
        "$.triggers[1].calendar",
    ]
    assert desk.put("/schedules/nightly", made, 200)["warnings"] == put["warnings"]
    assert desk.post("/validate", made)["warnings"] == put["warnings"]


def test_the_address_and_the_document_name_the_same_schedule(desk: HttpDesk) -> None:
    told = desk.put("/schedules/weekly", NIGHTLY, 400)
    assert told["problems"] == [
        {
            "path": "$.scheduleId",
            "reason": "is not that of the address",
            "found": "",
            "allowed": "weekly",
            "suggestion": "",
        }
    ]


def test_who_has_seen_an_older_version_replaces_nothing(desk: HttpDesk) -> None:
    seen = desk.request("PUT", "/schedules/nightly", NIGHTLY).headers["ETag"]
    desk.put("/schedules/nightly", LONGER, 200, If_Match=f'"other", {seen}')
    told = desk.put("/schedules/nightly", NIGHTLY, 412, If_Match=seen)
    assert told["detail"] == "Schedule 'nightly' has changed: it is at version 2 by now."
    assert desk.get("/schedules/nightly")["version"] == 2
    desk.put("/schedules/nightly", NIGHTLY, 200, If_Match="*")


def test_who_wants_to_be_the_first_is(desk: HttpDesk) -> None:
    desk.put("/schedules/nightly", NIGHTLY, 412, If_Match="*")
    desk.put("/schedules/nightly", NIGHTLY, 201, If_None_Match="*")
    desk.put("/schedules/nightly", LONGER, 412, If_None_Match="*")
    assert len(desk.get("/schedules/nightly/versions")["versions"]) == 1


@pytest.mark.parametrize("condition", [{"If_None_Match": '"1-a"'}, {"If_Match": 'W/"1-a"'}])
def test_a_condition_that_says_nothing_is_refused(
    desk: HttpDesk, condition: dict[str, str]
) -> None:
    desk.put("/schedules/nightly", NIGHTLY, 400, **condition)
    assert desk.get("/schedules")["schedules"] == []


def test_a_deleted_schedule_is_gone_and_its_versions_and_runs_stay(desk: HttpDesk) -> None:
    seen = desk.request("PUT", "/schedules/nightly", NIGHTLY).headers["ETag"]
    run = desk.post("/runs", {"scheduleId": "nightly"}, 202)
    desk.delete("/schedules/nightly", 412, If_Match='"1-other"')
    assert desk.delete("/schedules/nightly", 200, If_Match=seen)["version"] == 1
    assert desk.get("/schedules")["schedules"] == []
    desk.get("/schedules/nightly", 404)
    desk.delete("/schedules/nightly", 404)
    desk.post("/runs", {"scheduleId": "nightly"}, 404)
    told = desk.post("/runs", {"scheduleId": "nightly", "version": 1}, 409)["detail"]
    assert told == "Schedule 'nightly' is deleted: nothing starts it until it is put again."
    assert desk.get("/schedules/nightly?version=1")["document"] == NIGHTLY
    assert desk.get(f"/runs/{run['runId']}")["scheduleStatus"] == "RUNNING"
    assert desk.put("/schedules/nightly", NIGHTLY, 201)["version"] == 2
    desk.post("/runs", {"scheduleId": "nightly", "version": 1}, 202)
    versions = desk.get("/schedules/nightly/versions")["versions"]
    assert [each["version"] for each in versions] == [2, 1]


def test_a_document_is_validated_and_not_stored(desk: HttpDesk) -> None:
    found = desk.as_(Role.VIEWER).post("/validate", NIGHTLY)
    assert found == {
        "scheduleId": "nightly",
        "valid": True,
        "jobs": 2,
        "dependencies": 1,
        "depth": 2,
        "warnings": [],
    }
    told = desk.post("/validate", document(job("a", "b"), job("c", timeout="x")), 400)
    assert [each["path"] for each in told["problems"]] == [
        "$.jobList[0].jobDependencies[0]",
        "$.jobList[1].timeout",
    ] or len(told["problems"]) >= 2
    assert desk.get("/schedules")["schedules"] == []


def test_lists_go_on_from_page_to_page(desk: HttpDesk) -> None:
    for name in ("a", "b", "c-1", "c-2"):
        desk.put(f"/schedules/{name}", document(scheduleId=name), 201)
    assert pages(desk, "/schedules?limit=3", "schedules", "scheduleId") == [
        ["a", "b", "c-1"],
        ["c-2"],
    ]
    found = pages(desk, "/schedules?limit=2&prefix=c", "schedules", "scheduleId")
    assert found == [["c-1", "c-2"]]
    for wait in (61, 62, 63):
        desk.put("/schedules/a", document(scheduleId="a", wait_time=wait), 200)
    found = pages(desk, "/schedules/a/versions?limit=3", "versions", "version")
    assert found == [[4, 3, 2], [1]]


def pages(desk: HttpDesk, path: str, items: str, key: str) -> list[list[Any]]:
    """What is told page by page."""
    found, cursor = [], ""
    while True:
        page = desk.get(f"{path}&cursor={cursor}")
        found.append([each[key] for each in page[items]])
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def test_who_sees_some_schedules_is_told_of_no_others(desk: HttpDesk) -> None:
    for name in ("a-1", "a-2", "b-1", "c-1"):
        desk.put(f"/schedules/{name}", document(scheduleId=name), 201)
    some = desk.as_(Role.AUTHOR, "a-", "c-")
    assert pages(some, "/schedules?limit=1", "schedules", "scheduleId") == [
        ["a-1"],
        ["a-2"],
        ["c-1"],
    ]
    one = desk.as_(Role.AUTHOR, "a-")
    assert pages(one, "/schedules?limit=9", "schedules", "scheduleId") == [["a-1", "a-2"]]
    assert one.get("/schedules?prefix=b")["schedules"] == []
    some.put("/schedules/b-1", document(scheduleId="b-1"), 404)


def test_two_versions_are_compared(desk: HttpDesk) -> None:
    desk.put("/schedules/nightly", NIGHTLY, 201)
    desk.put("/schedules/nightly", LONGER, 200)
    found = desk.get("/schedules/nightly/diff")
    told = {key: found[key] for key in ("before", "after", "added", "removed", "changed", "fields")}
    assert told == {
        "before": 1,
        "after": 2,
        "added": ["tell"],
        "removed": [],
        "changed": ["clean"],
        "fields": ["category"],
    }
    assert "+++ after: job clean" in found["unified"]
    back = desk.get("/schedules/nightly/diff?before=2&after=1")
    assert back["removed"] == ["tell"]
    desk.get("/schedules/nightly/diff?before=7", 404)
    desk.get("/schedules/other/diff", 404)


@pytest.mark.parametrize(
    ("form", "line"),
    [("text", "2  clean  <- load"), ("dot", "  n1 -> n2;"), ("mermaid", "  n1 --> n2")],
)
def test_its_graph_is_drawn(desk: HttpDesk, form: str, line: str) -> None:
    desk.put("/schedules/nightly", NIGHTLY, 201)
    drawn = desk.request("GET", f"/schedules/nightly/graph?format={form}")
    assert line in drawn.body.decode().splitlines()
    assert drawn.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_of_a_webhook_the_host_alone_is_shown(desk: HttpDesk) -> None:
    rule = {"on": ["failed"], "webhook": {"url": "https://hooks.example.org/s3cret"}}
    desk.put("/schedules/nightly", {**NIGHTLY, "notify": [rule]}, 201)
    shown = desk.get("/schedules/nightly")
    assert shown["document"]["notify"][0]["webhook"]["url"] == "https://hooks.example.org/…"
    assert "s3cret" not in str(shown)
    assert "s3cret" not in str(desk.get("/schedules/nightly?version=1"))


def test_a_webhook_put_as_it_was_shown_stays_and_one_that_changes_is_told_so(
    desk: HttpDesk,
) -> None:
    def notify(path: str) -> dict[str, Any]:
        return {**NIGHTLY, "notify": [{"webhook": {"url": f"https://hooks.example.org/{path}"}}]}

    told = desk.put("/schedules/nightly", notify("…"), 400)
    assert told["problems"][0]["path"] == "$.notify[0].webhook.url"
    first = desk.put("/schedules/nightly", notify("s3cret"), 201)
    shown = desk.request("GET", "/schedules/nightly")
    etag = shown.headers["ETag"]
    document = shown.json_body["document"]
    assert desk.put("/schedules/nightly", document, 200, If_Match=etag) == first
    desk.put("/schedules/nightly", notify("other"), 200, If_Match=etag)
    found = desk.get("/schedules/nightly/diff?before=1&after=2")
    assert found["fields"] == ["notify"]
    assert any("https://hooks.example.org/… (changed)" in line for line in found["unified"])
    assert "s3cret" not in str(found)
    assert "other" not in str(found)


def test_no_problem_document_advises_what_can_only_be_typed() -> None:
    desk = desk_with("nightly")
    told = [
        desk.get("/schedules/nothing", 404)["detail"],
        desk.get("/schedules/nightly?version=9", 404)["detail"],
        desk.get("/calendars/nothing", 404)["detail"],
        desk.delete("/tokens/nothing", 404)["detail"],
    ]
    assert [each.rpartition(": ")[2] for each in told] == [
        "GET /schedules.",
        "GET /schedules.",
        "GET /calendars.",
        "GET /tokens.",
    ]
