import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.loading import load
from chalicelib.core.reading import parse
from chalicelib.core.schedule import TriggerRule
from chalicelib.errors import InvalidInputError, Problem
from tests.builders import document, job, loaded

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals()
    | st.sampled_from(["a", " ", "PASS", "${x}", "all done", "60"])
)
FIELDS = st.sampled_from(
    ["scheduleId", "jobList", "jobName", "jobDependencies", "command", "shell", "environment",
     "timeout", "defaults", "finally", "parameters", "jobDefinitions", "containerOverrides",
     "tags", "jobStatus", "jobId", "output", "input", "default", "type", "jobDefinition", "0",
     "attemptDurationSeconds", "a", "retry", "attempts", "triggerRule", "hold", "wait_time"]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=15,
)


def problems(*jobs: dict[str, Any], **fields: Any) -> list[Problem]:
    with pytest.raises(InvalidInputError) as caught:
        loaded(*jobs, **fields)
    return list(caught.value.problems)


def problem(*jobs: dict[str, Any], **fields: Any) -> Problem:
    (only,) = problems(*jobs, **fields)
    return only


@given(VALUES)
def test_f34_any_value_is_loaded_or_refused(value: object) -> None:
    with suppress(InvalidInputError):
        load(value)


@given(VALUES, VALUES, FIELDS, FIELDS)
def test_any_value_of_any_field_is_loaded_or_refused(
    value: object, job_value: object, field: str, job_field: str
) -> None:
    first = {**job("a"), job_field: job_value}
    with suppress(InvalidInputError):
        load({**document(first, job("b", "a")), field: value})


TEXTS = st.text("ab-é${}", min_size=1, max_size=5).filter(lambda text: "${" not in text)
JOB_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "command": st.lists(TEXTS | st.integers(0, 9) | st.booleans(), min_size=1),
        "environment": st.dictionaries(st.sampled_from("AB"), TEXTS),
        "timeout": st.fixed_dictionaries({"attemptDurationSeconds": st.integers(60, 999)}),
        "retry": st.fixed_dictionaries({"attempts": st.integers(1, 9), "backoff": st.floats(1, 9)}),
        "triggerRule": st.sampled_from(["allDone", "any failed", "none_failed"]),
        "jobStatus": st.sampled_from(["pass", "SKIP", "FAILED", " "]),
        "jobId": st.sampled_from([" ", "x", {"jobId": "x"}]),
        "tags": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "hold": st.booleans(),
        "schedulingPriority": st.integers(0, 9999) | st.just("5"),
    },
)


@given(st.lists(JOB_FIELDS, min_size=1, max_size=4), st.sampled_from(["60", 60, Decimal(60)]))
def test_a_document_survives_being_written_and_read(
    jobs: list[dict[str, Any]], wait_time: object
) -> None:
    made = loaded(
        *(job(f"job {i}", **fields) for i, fields in enumerate(jobs)),
        wait_time=wait_time,
        parameters={"n": {"type": "number", "default": 1.5}},
    )
    text = made.text
    again = load(parse(text.encode()))
    assert again == made
    assert again.text == text


def test_the_text_of_a_document_says_only_what_was_given() -> None:
    assert json.loads(loaded(job("a")).text) == document(job("a"))


@pytest.mark.parametrize("written", ["1.10", "1.0", "2.5"])
def test_a_text_default_stays_as_it_was_written(written: str) -> None:
    content = (
        f"scheduleId: x\njobList: [{{jobName: a, command: [b]}}]\n"
        f"parameters: {{v: {{default: {written}}}}}"
    )
    made = load(parse(content.encode()))
    again = load(parse(made.text.encode()))
    assert made.parameters is not None
    assert again.parameters == made.parameters
    assert str(made.parameters["v"].default) == written


def test_a_number_in_a_command_stays_as_it_was_written() -> None:
    made = load(parse(b"scheduleId: x\njobList: [{jobName: a, command: [sleep, 1.10, 010]}]"))
    assert made.job_list[0].command == ["sleep", "1.10", "010"]


def test_finally_jobs_are_the_last_of_all_jobs() -> None:
    made = loaded(job("a"), job("b"), finally_jobs=[job("z")])
    assert [each.job_name for each in made.jobs] == ["a", "b", "z"]


def test_an_unknown_field_is_told_even_if_it_is_blank() -> None:
    assert problem(job("a", comand=" ")).suggestion == "command"


def test_a_misspelt_list_of_jobs_is_told_as_such() -> None:
    with pytest.raises(InvalidInputError) as caught:
        load({"scheduleId": "x", "jobLst": [job("a")]})
    found = {each.path: each.suggestion for each in caught.value.problems}
    assert found == {"$.jobList": "", "$.jobLst": "jobList"}


@pytest.mark.parametrize("number", ["60", 60, Decimal("60"), 60.0, " 60 ", "+60"])
def test_numbers_may_be_texts_or_decimals(number: object) -> None:
    assert loaded(wait_time=number).wait_time == 60


@pytest.mark.parametrize(
    ("number", "text"), [(5, "5"), (Decimal("6E+1"), "60"), (0.5, "0.5"), (False, "false")]
)
def test_texts_may_be_numbers(number: object, text: str) -> None:
    assert loaded(job("a", command=["echo", number])).job_list[0].command == ["echo", text]


@pytest.mark.parametrize(
    "number",
    [float("nan"), float("inf"), pytest.param(10**5000, id="huge"), 2**63, Decimal("NaN"),
     Decimal("-Infinity"), Decimal("1E+999999"), Decimal("1E-999999")],
)  # fmt: skip
def test_numbers_that_nothing_can_hold_are_refused_wherever_they_come_from(number: object) -> None:
    found = problem(job("a", command=["echo", number]))
    assert found.path == "$.jobList[0].command[1]"
    assert found.reason == "is no number that can be kept"


@pytest.mark.parametrize("number", [Decimal("1.5"), "1.5", 1.5])
def test_decimal_numbers_may_be_texts_or_decimals(number: object) -> None:
    made = loaded(job("a", retry={"attempts": 2, "backoff": number}))
    assert made.job_list[0].retry is not None
    assert made.job_list[0].retry.backoff == 1.5


@pytest.mark.parametrize(
    "spelling", ["any failed", "anyFailed", "any_failed", "any-failed", "ANY_FAILED", " any failed"]
)
def test_trigger_rules_are_known_in_every_spelling(spelling: str) -> None:
    assert loaded(job("a", triggerRule=spelling)).job_list[0].trigger_rule is TriggerRule.ANY_FAILED


WRONG_JOB_FIELDS = [
    ({"command": 5}, "command", "text"),
    ({"command": []}, "command", "at least 1"),
    ({"command": ["a", {}]}, "command[1]", "text"),
    ({"command": "ls"}, "command", "a list of arguments, or shell: true beside the text"),
    ({"shell": True}, "command", "one text with shell: true, a list of arguments without"),
    ({"shell": "yes", "command": ["a"]}, "shell", "true or false"),
    ({"containerOverrides": {"command": ["b"]}}, "containerOverrides.command", "one command"),
    ({"containerOverrides": {"vcpus": 0}}, "containerOverrides.vcpus", "more than 0.0"),
    ({"containerOverrides": {"memory": 3}}, "containerOverrides.memory", "at least 4"),
    ({"environment": {"AWS_BATCH_X": "1"}}, "environment.AWS_BATCH_X", "names not with AWS_BATCH"),
    ({"environment": {"aws_batch_x": "1"}}, "environment.aws_batch_x", "names not with AWS_BATCH"),
    ({"environment": [{"name": "a b", "value": 1}]}, "environment[0].name",
     "text like ^[^=\\s$\\x00]+$"),
    ({"environment": [{"name": "A"}]}, "environment[0].value", ""),
    ({"retryStrategy": {"attempts": 0}}, "retryStrategy.attempts", "at least 1"),
    ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts", "at most 10"),
    ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT"}] * 6}},
     "retryStrategy.evaluateOnExit", "at most 5"),
    ({"retryStrategy": {"evaluateOnExit": [{"action": "STOP"}]}},
     "retryStrategy.evaluateOnExit[0].action", "RETRY or EXIT"),
    ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT", "onReason": "a*b"}]}},
     "retryStrategy.evaluateOnExit[0].onReason", r"text like ^[^*]*\*?$"),
    ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT", "onReason": "a" * 513}]}},
     "retryStrategy.evaluateOnExit[0].onReason", "at most 512 characters"),
    ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT", "onExitCode": "1?"}]}},
     "retryStrategy.evaluateOnExit[0].onExitCode", r"text like ^[0-9]*\*?$"),
    ({"timeout": {"attemptDurationSeconds": 59}}, "timeout.attemptDurationSeconds", "at least 60"),
    ({"timeout": {}}, "timeout.attemptDurationSeconds", ""),
    ({"timeout": 60}, "timeout", "an object"),
    ({"arrayProperties": {"size": 1}}, "arrayProperties.size", "at least 2"),
    ({"arrayProperties": {"size": 10_001}}, "arrayProperties.size", "at most 10000"),
    ({"schedulingPriority": -1}, "schedulingPriority", "at least 0"),
    ({"schedulingPriority": 10_000}, "schedulingPriority", "at most 9999"),
    ({"schedulingPriority": True}, "schedulingPriority", "a number"),
    ({"schedulingPriority": "high"}, "schedulingPriority", "a number"),
    ({"schedulingPriority": 1.5}, "schedulingPriority", "a whole number"),
    ({"shareIdentifier": "x" * 256}, "shareIdentifier", "at most 255 characters"),
    ({"tags": {str(i): "" for i in range(51)}}, "tags", "at most 50"),
    ({"tags": {"a b": "x" * 257}}, 'tags["a b"]', "at most 256 characters"),
    ({"retry": {"attempts": 101}}, "retry.attempts", "at most 100"),
    ({"retry": {"attempts": 2, "backoff": 0.5}}, "retry.backoff", "at least 1.0"),
    ({"retry": {"attempts": 2, "delaySeconds": -1}}, "retry.delaySeconds", "at least 0.0"),
    ({"retry": {"attempts": 2, "maxDelaySeconds": -1}}, "retry.maxDelaySeconds", "at least 0.0"),
    ({"runnableTimeout": 0}, "runnableTimeout", "at least 1"),
    ({"hold": "true"}, "hold", "true or false"),
    ({"jobDependencies": "b"}, "jobDependencies", "a list"),
    ({"jobDependencies": [5]}, "jobDependencies[0]", "text"),
    ({"jobQueue": 5}, "jobQueue", "text"),
    ({"jobId": {"id": "x"}}, "jobId", "text"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "path", "allowed"), WRONG_JOB_FIELDS)
def test_a_wrong_field_is_told_with_its_path_and_what_is_allowed(
    fields: dict[str, Any], path: str, allowed: str
) -> None:
    found = problem(job("a", **fields))
    assert found.path == f"$.jobList[0].{path}"
    assert found.reason.startswith('job "a"')
    assert found.allowed == allowed


@pytest.mark.parametrize(
    "fields",
    [
        {"retryStrategy": {"attempts": 10}},
        {"retryStrategy": {"evaluateOnExit": [{"action": "exit", "onExitCode": "13*"}] * 5}},
        {"timeout": {"attemptDurationSeconds": 60}},
        {"arrayProperties": {"size": 10_000}},
        {"schedulingPriority": 9999},
        {"tags": {str(i): "x" * 256 for i in range(50)}},
        {"retry": {"attempts": 100, "delaySeconds": 0, "backoff": 1, "maxDelaySeconds": 0}},
        {"runnableTimeout": 1},
        {"retryStrategy": {"evaluateOnExit": [{"action": "RETRY", "onStatusReason": "Host EC2*"}]}},
    ],
)  # fmt: skip
def test_bounds_themselves_are_allowed(fields: dict[str, Any]) -> None:
    loaded(job("a", **fields))


@pytest.mark.parametrize(
    "name", ["a/b", "*", "a?", "[a]", "a,b", " a", "a ", "--", "a\tb", "x" * 129, "\u202ea"]
)
def test_names_that_the_terminal_cannot_take_are_refused(name: str) -> None:
    assert {found.path for found in problems(job(name))} == {"$.jobList[0].jobName"}


@pytest.mark.parametrize("name", ["a", "Load the data", "1", "größe", "a.b-c_d:e", "x" * 128])
def test_names_may_have_blanks_and_letters_of_any_language(name: str) -> None:
    assert loaded(job(name)).job_list[0].job_name == name


@pytest.mark.parametrize("schedule_id", ["", "-a", "a b", "a/b", "a\n", "x" * 129, 5, None])
def test_a_schedule_id_is_plain(schedule_id: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load({"scheduleId": schedule_id, "jobList": [job("a")]})
    assert caught.value.path == "$.scheduleId"


@pytest.mark.parametrize("schedule_id", ["a", "9", "daily-am_load.v2", "x" * 128])
def test_a_plain_schedule_id_is_accepted(schedule_id: str) -> None:
    assert loaded(scheduleId=schedule_id).schedule_id == schedule_id


@pytest.mark.parametrize(
    ("fields", "path", "suggestion"),
    [
        ({"onFailure": "cont"}, "onFailure", "continue"),
        ({"onFailur": "stop"}, "onFailur", "onFailure"),
        ({"maxConcurrency": 0}, "maxConcurrency", ""),
        ({"wait_time": 0}, "wait_time", ""),
        ({"waitTime": 5}, "waitTime", "wait_time"),
        ({"defaults": {"jobQueu": "q"}}, "defaults.jobQueu", "jobQueue"),
        ({"defaults": {"jobName": "q"}}, "defaults.jobName", ""),
        ({"jobDefinitions": {"timeout": {"comand": []}}}, "jobDefinitions.timeout.comand",
         "command"),
        ({"jobDefinitions": {"d": {"command": "ls"}}}, "jobDefinitions.d.command", ""),
        ({"defaults": {"command": "ls"}}, "defaults.command", ""),
        ({"parameters": {"a b": {}}}, 'parameters["a b"]', ""),
        ({"parameters": {"a": {"typ": "date"}}}, "parameters.a.typ", "type"),
        ({"parameters": {"a": {"type": "dat"}}}, "parameters.a.type", "date"),
        ({"parameters": {"a": {"default": [1]}}}, "parameters.a.default", ""),
        ({"tags": []}, "tags", ""),
        ({"jobDefinitions": {"d": 5}}, "jobDefinitions.d", ""),
    ],
)  # fmt: skip
def test_a_wrong_field_of_the_schedule_is_told(
    fields: dict[str, Any], path: str, suggestion: str
) -> None:
    found = problem(**fields)
    assert (found.path, found.suggestion) == (f"$.{path}", suggestion)


@pytest.mark.parametrize(
    ("field", "value", "suggestion"),
    [("jobQueu", "q", "jobQueue"), ("Command", ["a"], "command"), ("xyzzy", 1, ""),
     ("jobStatus", "PAS", "PASS"), ("triggerRule", "all don", "all done")],
)  # fmt: skip
def test_a_misspelt_word_has_a_suggestion(field: str, value: object, suggestion: str) -> None:
    assert problem(job("a", **{field: value})).suggestion == suggestion


def test_a_misspelt_field_of_a_part_is_told_among_that_parts_fields() -> None:
    found = problem(job("a", timeout={"attemptDurationSeconds": 60, "seconds": 5}))
    assert found.allowed == "attemptDurationSeconds"


def test_nothing_but_an_object_is_a_schedule() -> None:
    with pytest.raises(InvalidInputError) as caught:
        load([1])
    assert str(caught.value) == (
        "$: is no schedule; found a list of 1; allowed: an object with jobList"
    )


@pytest.mark.parametrize("value", [{}, {"scheduleId": "x"}, {"scheduleId": "x", "jobList": []}])
def test_a_schedule_has_jobs(value: object) -> None:
    with pytest.raises(InvalidInputError, match="jobList"):
        load(value)


def test_everything_wrong_is_told_at_once() -> None:
    found = problems(
        job("a", "a", "b", "nowhere", comand=1),
        job("b", "a", "a"),
        job("A", command=None),
        wait_time="soon",
        finally_jobs=[job("z", "a", command=["${x}"])],
    )
    assert [item.path for item in found] == [
        "$.jobList[0].comand",
        "$.wait_time",
        "$.jobList[2].jobName",
        "$.jobList[0].jobDependencies[0]",
        "$.jobList[0].jobDependencies[2]",
        "$.jobList[1].jobDependencies[1]",
        "$.finally[0].jobDependencies[0]",
        "$.jobList[0].jobDependencies",
        "$.jobList[2]",
        "$.finally[0].command[0]",
    ]


def test_a_job_that_is_no_object_is_told_by_its_place() -> None:
    with pytest.raises(InvalidInputError) as caught:
        load({"scheduleId": "etl", "jobList": ["a", {"jobName": 5}]})
    reasons = {problem.path: problem.reason for problem in caught.value.problems}
    assert "$.jobList[0]" in reasons
    assert not any(reason.startswith("job ") for reason in reasons.values())
