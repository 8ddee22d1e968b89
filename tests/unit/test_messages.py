"""The messages that users have sent since the first version."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.messages import CONTINUE, StartMessage, parse_message
from chalicelib.errors import InvalidInputError

SEED = Path(__file__).parents[1] / "seed"
START = {"scheduleId": "daily-am-load", "startDateTime": " ", "scheduleStatus": " "}
RESTART = {**START, "startDateTime": "2018-09-24T22:01:52.337998", "scheduleStatus": "RESTART"}
MOMENT = datetime(2018, 9, 24, 22, 1, 52, 337998, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def seed(name: str) -> Any:
    return json.loads((SEED / f"{name}.json").read_text(encoding="utf-8"))


def wrong(value: object) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        parse_message(value)
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("start_input", StartMessage(schedule_id="daily-am-load")),
        (
            "restart_input",
            StartMessage(schedule_id="daily-am-load", started_at=MOMENT, restart=True),
        ),
        (
            "api_start_message",
            StartMessage(schedule_id="daily-am-load", name="executed-via-api-31"),
        ),
        (
            "api_restart_message",
            StartMessage(
                schedule_id="daily-am-load",
                started_at=datetime(2018, 9, 7, 4, 20, 0, 884784, tzinfo=UTC),
                restart=True,
                name="executed-via-api-5",
            ),
        ),
    ],
)
def test_the_messages_of_the_first_version_mean_what_they_meant(
    name: str, message: StartMessage
) -> None:
    assert parse_message(seed(name)) == message


@pytest.mark.parametrize("blank", [" ", "", "\t\n", None])
def test_a_blank_a_null_and_nothing_are_the_same(blank: object) -> None:
    members = ("startDateTime", "scheduleStatus", "parameters", "reason")
    message = dict.fromkeys(members, blank)
    assert parse_message({"scheduleId": "s", **message}) == StartMessage(schedule_id="s")
    assert parse_message({"scheduleId": "s"}) == StartMessage(schedule_id="s")


@pytest.mark.parametrize("word", ["RESTART", "restart", " Restart "])
def test_restart_is_known_in_any_case(word: str) -> None:
    message = parse_message({**RESTART, "scheduleStatus": word})
    assert (message.restart, message.started_at) == (True, MOMENT)


def test_a_driver_goes_on_with_a_run_as_it_is() -> None:
    message = parse_message({**RESTART, "scheduleStatus": CONTINUE})
    assert (message.restart, message.started_at) == (False, MOMENT)


def test_a_start_time_may_have_a_zone() -> None:
    given_time = {**RESTART, "startDateTime": "2018-09-25T00:01:52.337998+02:00"}
    assert parse_message(given_time).started_at == MOMENT


def test_members_that_nobody_knows_are_ignored() -> None:
    assert parse_message({**START, "owner": "ada", "jobs": [1]}) == parse_message(START)


def test_parameters_and_a_reason_go_with_a_start() -> None:
    message = parse_message({**START, "parameters": {"day": "2026-11-23"}, "reason": " late "})
    assert (message.parameters, message.reason) == ({"day": "2026-11-23"}, "late")


def test_a_restart_takes_a_reason_but_no_parameters() -> None:
    assert parse_message({**RESTART, "parameters": {}, "reason": "x"}).reason == "x"
    assert wrong({**RESTART, "parameters": {"day": "2026-11-23"}}) == ["$.parameters"]


def test_a_start_time_without_an_order_is_refused_rather_than_guessed() -> None:
    assert wrong({**RESTART, "scheduleStatus": " "}) == ["$.startDateTime"]


def test_a_restart_of_no_run_is_refused() -> None:
    assert wrong({**RESTART, "startDateTime": " "}) == ["$.startDateTime"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    message = {
        "scheduleId": "../x",
        "startDateTime": "yesterday",
        "scheduleStatus": "AGAIN",
        "parameters": [],
        "reason": 5,
    }
    assert wrong(message) == [
        "$.scheduleId",
        "$.scheduleStatus",
        "$.startDateTime",
        "$.parameters",
        "$.reason",
    ]


@pytest.mark.parametrize("schedule_id", [None, " ", 5, "a b", "x" * 129, "-a", {"S": "a"}])
def test_a_schedule_is_named_as_schedules_are(schedule_id: object) -> None:
    assert wrong({"scheduleId": schedule_id}) == ["$.scheduleId"]


@pytest.mark.parametrize("value", [None, [], "RESTART", 5])
def test_what_is_no_object_is_no_message(value: object) -> None:
    assert wrong(value) == ["$"]


def test_problems_inside_the_input_of_a_request_have_its_path() -> None:
    request = {"input": json.dumps({**RESTART, "startDateTime": "x"}), "name": 5}
    assert wrong(request) == ["$.input.startDateTime", "$.name"]
    assert wrong({"input": "[]"}) == ["$.input"]
    assert wrong({"input": '{"scheduleId": "a", "scheduleId": "b"}'}) == ["$.input.scheduleId"]


def test_an_input_that_is_no_json_says_where() -> None:
    with pytest.raises(InvalidInputError, match=r"^\$\.input: is not JSON.*line 1, column 2"):
        parse_message({"input": "{scheduleId: a}"})


def test_an_input_that_is_an_object_already_is_taken_as_it_is() -> None:
    assert parse_message({"input": RESTART, "name": "n"}).started_at == MOMENT


@given(json_values)
def test_any_value_is_a_message_or_refused(value: object) -> None:
    for each in (value, {"input": value}, {"scheduleId": "s", "scheduleStatus": value}):
        try:
            message = parse_message(each)
        except InvalidInputError as error:
            assert error.problems  # noqa: PT017 - refused or taken: both are right
        else:
            assert message.schedule_id


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (*START, "parameters", "reason", "name", "input", "stateMachineArn"), json_values
        ),
    )
)
def test_any_object_with_our_members_is_a_message_or_refused(value: dict[str, object]) -> None:
    try:
        message = parse_message(value)
    except InvalidInputError as error:
        assert all(problem.path.startswith("$") for problem in error.problems)  # noqa: PT017
    else:
        assert message.schedule_id


@given(st.text())
def test_any_text_as_input_is_a_message_or_refused_at_its_path(text: str) -> None:
    try:
        parse_message({"input": text})
    except InvalidInputError as error:
        assert all(problem.path.startswith("$.input") for problem in error.problems)  # noqa: PT017
