"""When schedules start by themselves, over HTTP."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.core.access import Principal, Role
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.services.ticking import tick
from tests.functional.api.desks import HttpDesk, memory_desk

NIGHTLY = {
    "scheduleId": "nightly",
    "jobList": [{"jobName": "a", "command": ["true"]}],
    "triggers": [{"name": "two", "cron": "0 2 * * *", "timezone": "Asia/Tokyo"}],
}
CALENDAR = {"name": "ours", "country": "DE", "holidays": ["2026-12-24"]}
NOON = datetime.fromisoformat("2026-11-23T12:00:00Z")
AT_TWO = "2026-11-23T17:00:00.000000Z"


@pytest.fixture
def desk() -> HttpDesk:
    made = memory_desk()
    clock(made).at = NOON
    made.put("/schedules/nightly", NIGHTLY, 201)
    return made


def clock(desk: HttpDesk) -> VirtualClock:
    found = desk.edition.ports.clock
    assert isinstance(found, VirtualClock)
    return found


def times(told: Any) -> list[tuple[str, str]]:
    return [(each["scheduleId"], each["fireTime"]) for each in told["fireTimes"]]


def test_the_next_fire_times_are_told_from_now_or_from_a_time_on(desk: HttpDesk) -> None:
    told = desk.get("/schedules/nightly/next?count=2")
    assert times(told) == [("nightly", AT_TWO), ("nightly", AT_TWO.replace("23T", "24T"))]
    assert told["fireTimes"][0]["localTime"] == "2026-11-24T02:00:00+09:00"
    told = desk.get("/schedules/nightly/next?count=1&after=2027-01-01")
    assert times(told) == [("nightly", "2027-01-01T17:00:00.000000Z")]
    problem = desk.get("/schedules/nightly/next?after=soon", 400)
    assert problem["problems"][0]["path"] == "?after"


def test_a_preview_shows_the_schedules_that_are_in_scope(desk: HttpDesk) -> None:
    desk.put("/schedules/weekly", NIGHTLY | {"scheduleId": "weekly"}, 201)
    assert times(desk.get("/preview")) == [("nightly", AT_TWO), ("weekly", AT_TWO)]
    assert times(desk.as_(Role.VIEWER, "week").get("/preview")) == [("weekly", AT_TWO)]
    two_days = "/preview?from=2026-11-23&to=2026-11-25&limit=3"
    assert len(desk.get(two_days)["fireTimes"]) == 3


def test_a_trigger_whose_calendar_is_not_there_is_told_of_beside_the_others(desk: HttpDesk) -> None:
    lost = {"name": "lost", "cron": "0 2 * * *", "calendar": "gone"}
    triggers = [*NIGHTLY["triggers"], lost]
    desk.put("/schedules/weekly", NIGHTLY | {"scheduleId": "weekly", "triggers": triggers}, 201)
    told = desk.get("/preview")
    assert times(told) == [("nightly", AT_TWO), ("weekly", AT_TWO)]
    (problem,) = told["problems"]
    assert (problem["scheduleId"], problem["trigger"]) == ("weekly", "lost")
    assert "no calendar 'gone'" in problem["reason"]
    told = desk.get("/schedules/weekly/next?count=1")
    assert (times(told), told["problems"]) == ([("weekly", AT_TWO)], [problem])
    assert desk.as_(Role.VIEWER, "night").get("/preview")["problems"] == []


def test_a_circle_is_warned_of_by_the_names_that_are_in_scope(desk: HttpDesk) -> None:
    def after(schedule_id: str, upstream: str) -> dict[str, Any]:
        triggers = [{"onRun": {"schedule": upstream}}]
        return NIGHTLY | {"scheduleId": schedule_id, "triggers": triggers}

    desk.put("/schedules/week-a", after("week-a", "week-b"), 201)
    desk.put("/schedules/other", after("other", "week-b"), 201)
    author = desk.as_(Role.AUTHOR, "week")
    (warning,) = author.post("/validate", after("week-b", "week-a"))["warnings"]
    assert warning["found"] == "week-b -> week-a -> week-b"
    assert author.post("/validate", after("week-b", "other"))["warnings"] == []
    desk.put("/schedules/week-c", after("week-c", "other"), 201)
    desk.put("/schedules/other", after("other", "week-d"), 200)
    assert author.put("/schedules/week-d", after("week-d", "week-c"), 201)["warnings"] == []


def test_who_may_not_see_the_users_of_a_calendar_is_not_told_their_names(desk: HttpDesk) -> None:
    desk.put("/calendars/ours", {"name": "ours"}, 201)
    for name in ("week-a", "other"):
        by_ours = {"cron": "0 2 * * *", "calendar": "ours"}
        desk.put(f"/schedules/{name}", NIGHTLY | {"scheduleId": name, "triggers": [by_ours]}, 201)
    for scope, named in (("", "other, week-a"), ("week", "week-a"), ("x", "schedules that are no")):
        told = desk.as_(Role.AUTHOR, scope).delete("/calendars/ours", 409)["detail"]
        assert f"is used by {named}" in told
        assert scope != "x" or "other" not in told


def test_a_preview_that_ends_before_it_begins_is_refused(desk: HttpDesk) -> None:
    problem = desk.get("/preview?from=2026-11-25&to=2026-11-23", 400)
    assert problem["problems"][0]["path"] == "?to"


def test_a_paused_schedule_starts_nothing_until_it_is_resumed(desk: HttpDesk) -> None:
    told = desk.post("/schedules/nightly/pause", {"reason": "maintenance"})
    assert told["paused"]["actor"] == "ada"
    assert told["paused"]["reason"] == "maintenance"
    assert desk.get("/schedules/nightly/next")["paused"] == told["paused"]
    clock(desk).at = datetime.fromisoformat(AT_TWO)
    tick(desk.edition.ports)
    assert desk.get("/runs")["runs"] == []
    assert desk.post("/schedules/nightly/pause", {}, 409)["status"] == 409
    assert desk.post("/schedules/nightly/resume")["paused"] is None
    assert desk.post("/schedules/nightly/resume", {}, 409)["status"] == 409


def test_f16_a_pause_that_is_asked_again_under_its_key_is_the_same_pause(desk: HttpDesk) -> None:
    for verb in ("pause", "resume"):
        told = [desk.post(f"/schedules/nightly/{verb}", {}, Idempotency_Key=verb) for _ in range(2)]
        assert told[0] == told[1]


def test_a_fire_time_is_a_run_that_says_so(desk: HttpDesk) -> None:
    clock(desk).at = datetime.fromisoformat(AT_TWO)
    tick(desk.edition.ports)
    (run,) = desk.get("/runs")["runs"]
    assert run["startedBy"] == "trigger two"
    assert run["reason"] == "fire time 2026-11-24 02:00:00 +0900"
    assert run["beganAt"] == AT_TWO


# Calendars


def test_a_calendar_is_kept_under_its_name(desk: HttpDesk) -> None:
    built_in = desk.get("/calendars")["calendars"]
    assert [each["name"] for each in built_in] == ["weekdays"]
    made = desk.put("/calendars/ours", CALENDAR, 201)
    assert (made["revision"], made["storedBy"], made["document"]) == (1, "ada", CALENDAR)
    assert desk.get("/calendars/ours") == made
    assert desk.get("/calendars")["calendars"] == [made, *built_in]
    assert desk.put("/calendars/ours", CALENDAR | {"country": "FR"}, 200)["revision"] == 2
    assert desk.delete("/calendars/ours", 200)["revision"] == 2
    assert desk.get("/calendars/ours", 404)["status"] == 404


def test_the_calendar_that_is_built_in_is_shown_and_can_t_be_changed(desk: HttpDesk) -> None:
    shown = desk.get("/calendars/weekdays")
    assert shown == desk.get("/calendars")["calendars"][0]
    assert (shown["revision"], shown["builtIn"], shown["storedBy"]) == (0, True, None)
    assert shown["document"]["weekdays"] == ["mon", "tue", "wed", "thu", "fri"]
    told = "Calendar 'weekdays' is built in, Monday to Friday: it is nowhere stored."
    assert desk.delete("/calendars/weekdays", 404)["detail"] == told
    assert desk.put("/calendars/weekdays", {"name": "weekdays"}, 400)["status"] == 400
    there_are = desk.get("/calendars/weekend", 404)["detail"]
    assert there_are.endswith("The calendars there are: GET /calendars.")


def test_a_calendar_that_changed_meanwhile_is_not_replaced(desk: HttpDesk) -> None:
    desk.put("/calendars/ours", CALENDAR, 201)
    etag = desk.request("GET", "/calendars/ours").headers["ETag"]
    assert desk.put("/calendars/ours", {"name": "ours"}, 200, If_Match=etag)["revision"] == 2
    desk.put("/calendars/ours", CALENDAR, 412, If_Match=etag)
    desk.put("/calendars/ours", CALENDAR, 412, If_None_Match="*")
    desk.delete("/calendars/ours", 412, If_Match=etag)


def test_a_bad_calendar_is_refused_with_every_problem(desk: HttpDesk) -> None:
    bad = {"name": "ours", "country": "XX", "holidays": ["2026-02-30"]}
    problem = desk.put("/calendars/ours", bad, 400)
    assert "$.holidays[0]" in [each["path"] for each in problem["problems"]]
    assert desk.put("/calendars/theirs", CALENDAR, 400)["problems"][0]["path"] == "$.name"


def test_a_calendar_that_schedules_go_by_stays(desk: HttpDesk) -> None:
    desk.put("/calendars/ours", CALENDAR, 201)
    triggers = [{"cron": "0 2 * * *", "calendar": "ours"}]
    desk.put("/schedules/other", NIGHTLY | {"scheduleId": "other", "triggers": triggers}, 201)
    assert "other" in desk.delete("/calendars/ours", 409)["detail"]


# Starts by HTTP


def started(desk: HttpDesk, status: int = 202, **headers: str) -> Any:
    return desk.post("/runs", {"scheduleId": "api"}, status, **headers)


def by_http(desk: HttpDesk, **policies: Any) -> None:
    triggers = [{"name": "http", "http": {}, **policies}]
    desk.put("/schedules/api", NIGHTLY | {"scheduleId": "api", "triggers": triggers}, 201)


def test_f16_without_a_key_a_schedule_that_forbids_overlap_is_started_once(desk: HttpDesk) -> None:
    by_http(desk)
    run = started(desk)
    clock(desk).advance(1.0)
    assert "still goes on" in started(desk, 409)["detail"]
    assert [each["runId"] for each in desk.get("/runs")["runs"]] == [run["runId"]]


def test_a_paused_schedule_is_not_started_by_http_either(desk: HttpDesk) -> None:
    by_http(desk)
    desk.post("/schedules/api/pause")
    assert "paused by ada" in started(desk, 409)["detail"]


def test_an_answer_that_was_kept_is_not_told_to_a_token_of_another_scope(desk: HttpDesk) -> None:
    by_http(desk)
    first = started(desk, Idempotency_Key="one")
    assert started(desk, Idempotency_Key="one") == first
    other = replace(desk, principal=Principal(actor="ada", role=Role.ADMIN, scopes=("other-",)))
    assert started(other, 404, Idempotency_Key="one")["status"] == 404
