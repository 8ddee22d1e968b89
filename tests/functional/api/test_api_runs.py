"""Runs over HTTP, on ports in memory."""

from chalicelib.core.access import Role
from tests.functional.api.desks import desk_with, memory_desk


def test_a_run_is_started_and_found_where_the_answer_says() -> None:
    desk = desk_with("nightly")
    body = {"scheduleId": "nightly", "parameters": {"day": "mon"}, "reason": "late"}
    response = desk.request("POST", "/runs", body)
    started = response.json_body
    assert response.status_code == 202
    assert (started["startedBy"], started["reason"], started["parameters"]) == (
        "ada",
        "late",
        {"day": "mon"},
    )
    assert response.headers["Location"] == f"/runs/{started['runId']}"
    shown = desk.get(response.headers["Location"])
    assert shown == {**started, "drivenBy": "a test"}
    assert desk.get("/runs")["runs"] == [started]


def test_anybody_may_ask_whether_it_answers() -> None:
    desk = memory_desk()
    assert desk.client.http.get("/health").json_body == {"status": "ok"}


def test_what_is_not_there_is_a_problem_document() -> None:
    told = desk_with().get("/runs/nightly/2026-11-23T12:00:00Z", 404)
    assert told == {
        "type": "urn:batch-scheduler:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no run 'nightly/2026-11-23T12:00:00.000000Z'.",
    }


def test_who_only_looks_may_not_start() -> None:
    desk = desk_with("nightly").as_(Role.VIEWER)
    told = desk.post("/runs", {"scheduleId": "nightly"}, 403)
    assert told["detail"] == "This needs the role operator; viewer is viewer."
    assert desk.get("/runs")["runs"] == []
