from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.resolving import resolve
from chalicelib.core.schedule import OnFailure, Policy, RetryPolicy, TriggerRule
from chalicelib.errors import InvalidInputError
from tests.builders import job, loaded, schedule, spec


def overrides(*jobs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = spec(*jobs, **fields).request["containerOverrides"]
    return found


def variables(*jobs: dict[str, Any], **fields: Any) -> dict[str, str]:
    return {item["name"]: item["value"] for item in overrides(*jobs, **fields)["environment"]}


def test_a_small_job_asks_for_its_command_and_nothing_else() -> None:
    assert spec(job("a")).request == {"containerOverrides": {"command": ["true"]}}


def test_a_request_is_written_as_submit_job_wants_it() -> None:
    retries = {"attempts": "3", "evaluateOnExit": [{"onExitCode": 137, "action": "retry"}]}
    full = job(
        "a",
        command=None,
        jobDefinition="definition:3",
        jobQueue="queue",
        containerOverrides={
            "command": ["run", 5],
            "environment": [{"name": "A", "value": 1}],
            "resourceRequirements": [{"type": "gpu", "value": "1"}],
            "vcpus": "0.25",
            "memory": "2048",
        },
        retryStrategy=retries,
        timeout={"attemptDurationSeconds": "60"},
        arrayProperties={"size": 2},
        schedulingPriority=7,
        shareIdentifier="team",
        tags={"cost": 1},
        propagateTags=True,
        parameters={"p": "v"},
    )
    assert spec(full).request == {
        "jobDefinition": "definition:3",
        "jobQueue": "queue",
        "containerOverrides": {
            "command": ["run", "5"],
            "environment": [{"name": "A", "value": "1"}],
            "resourceRequirements": [
                {"type": "GPU", "value": "1"},
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "2048"},
            ],
        },
        "retryStrategy": {
            "attempts": 3,
            "evaluateOnExit": [{"onExitCode": "137", "action": "RETRY"}],
        },
        "timeout": {"attemptDurationSeconds": 60},
        "arrayProperties": {"size": 2},
        "schedulingPriorityOverride": 7,
        "shareIdentifier": "team",
        "tags": {"cost": "1"},
        "propagateTags": True,
        "parameters": {"p": "v"},
    }


def test_what_the_engine_does_is_not_told_to_the_queue() -> None:
    found = spec(
        job(
            "a",
            retry={"attempts": 4, "delaySeconds": "1.5", "backoff": 2, "maxDelaySeconds": 60},
            runnableTimeout="90",
            hold=True,
            description="why",
            triggerRule="noneFailed",
        )
    )
    assert found.request == {"containerOverrides": {"command": ["true"]}}
    assert found.retry == RetryPolicy(
        attempts=4, delay_seconds=1.5, backoff=2, max_delay_seconds=60
    )
    assert (found.runnable_timeout, found.hold, found.description) == (90, True, "why")
    assert found.trigger_rule is TriggerRule.NONE_FAILED
    assert not found.is_gate


def test_a_retry_says_only_what_it_changes() -> None:
    assert spec(job("a", retry={"attempts": 2})).retry == RetryPolicy(attempts=2)


def test_the_policies_of_a_schedule_hold_for_the_run() -> None:
    found = schedule(
        job("a"), onFailure="stop", maxConcurrency="5", wait_time=9, scheduleName="N", category="C"
    )
    assert found.policy == Policy(on_failure=OnFailure.STOP, max_concurrency=5, wait_time=9)
    assert (found.schedule_id, found.name, found.category) == ("nightly", "N", "C")


def test_policies_have_defaults() -> None:
    assert schedule(job("a")).policy == Policy()


def test_a_job_wins_over_the_defaults() -> None:
    defaults = {"jobQueue": "slow", "retry": {"attempts": 2}, "runnableTimeout": 5}
    quick, usual = schedule(
        job("a", jobQueue="quick", retry={"attempts": 9}, runnableTimeout=1),
        job("b"),
        defaults=defaults,
    ).jobs
    assert (quick.request["jobQueue"], usual.request["jobQueue"]) == ("quick", "slow")
    assert (quick.retry, usual.retry) == (RetryPolicy(attempts=9), RetryPolicy(attempts=2))
    assert (quick.runnable_timeout, usual.runnable_timeout) == (1, 5)


def test_scalars_such_as_a_timeout_are_taken_whole() -> None:
    found = spec(
        job("a", retryStrategy={"evaluateOnExit": []}), defaults={"retryStrategy": {"attempts": 5}}
    )
    assert found.request["retryStrategy"] == {"evaluateOnExit": []}


@pytest.mark.parametrize("field", ["tags", "parameters"])
def test_mappings_are_merged_key_by_key(field: str) -> None:
    found = spec(
        job("a", **{field: {"x": "job", "y": "job"}}), defaults={field: {"x": "d", "z": "d"}}
    )
    assert found.request[field] == {"x": "job", "z": "d", "y": "job"}


def test_variables_are_merged_by_name_whatever_their_form() -> None:
    found = variables(
        job(
            "a",
            containerOverrides={"environment": [{"name": "B", "value": "overrides"}]},
            environment={"C": "job"},
        ),
        defaults={
            "environment": {"A": "defaults", "B": "defaults"},
            "containerOverrides": {"environment": {"C": "defaults", "A": "hidden"}},
        },
    )
    assert found == {"A": "defaults", "B": "overrides", "C": "job"}


def test_resources_are_merged_by_type() -> None:
    found = overrides(
        job("a", containerOverrides={"memory": 512}),
        defaults={"containerOverrides": {"vcpus": 2, "memory": 64}},
    )
    assert found["resourceRequirements"] == [
        {"type": "VCPU", "value": "2"},
        {"type": "MEMORY", "value": "512"},
    ]


def test_a_definition_of_the_document_is_written_into_the_request() -> None:
    definition = {
        "command": ["run"], "environment": {"A": "d", "B": "d"}, "vcpus": 1, "memory": 128,
        "timeout": {"attemptDurationSeconds": 100}, "retryStrategy": {"attempts": 2},
    }  # fmt: skip
    found = spec(
        job("a", command=None, jobDefinition="work", environment={"B": "job"}),
        jobDefinitions={"work": definition},
        defaults={"timeout": {"attemptDurationSeconds": 200}},
    )
    assert found.request == {
        "containerOverrides": {
            "command": ["run"],
            "environment": [{"name": "A", "value": "d"}, {"name": "B", "value": "job"}],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "128"},
            ],
        },
        "timeout": {"attemptDurationSeconds": 200},
        "retryStrategy": {"attempts": 2},
    }


def test_a_job_may_replace_the_command_of_its_definition() -> None:
    found = overrides(
        job("a", command=["mine"], jobDefinition="work"),
        jobDefinitions={"work": {"command": ["its"], "environment": {"A": "1"}}},
    )
    assert found["command"] == ["mine"]
    assert found["environment"] == [{"name": "A", "value": "1"}]


def test_a_default_command_is_for_jobs_that_say_nothing() -> None:
    jobs = schedule(
        job("a", command=None),
        job("b", command=None, jobDefinition="batch:1"),
        defaults={"command": ["usual"]},
    ).jobs
    assert jobs[0].request == {"containerOverrides": {"command": ["usual"]}}
    assert jobs[1].request == {"jobDefinition": "batch:1"}


@pytest.mark.parametrize("place", ["job", "defaults", "definition"])
def test_a_shell_text_becomes_an_argument_of_the_shell(place: str) -> None:
    shell = {"command": "ls | wc -l", "shell": True}
    found = {
        "job": lambda: overrides(job("a", **shell)),
        "defaults": lambda: overrides(job("a", command=None), defaults=shell),
        "definition": lambda: overrides(
            job("a", command=None, jobDefinition="d"), jobDefinitions={"d": shell}
        ),
    }[place]()
    assert found["command"] == ["/bin/sh", "-c", "ls | wc -l"]


def test_shell_can_be_a_default() -> None:
    text, vector = schedule(
        job("a", command="a; b"), job("b", command=["b", "c"]), defaults={"shell": True}
    ).jobs
    assert text.request["containerOverrides"]["command"] == ["/bin/sh", "-c", "a; b"]
    assert vector.request["containerOverrides"]["command"] == ["b", "c"]


def test_references_are_filled_by_the_jobs_parameters_over_its_definitions() -> None:
    found = overrides(
        job("a", command=None, jobDefinition="d", parameters={"in": "mine"}),
        jobDefinitions={
            "d": {
                "command": ["Ref::in", "--out=Ref::out", "Ref::input", "in"],
                "parameters": {"in": "its", "out": "o"},
            }
        },
    )
    assert found["command"] == ["mine", "--out=o", "Ref::input", "in"]


def test_a_reference_that_nothing_fills_stays() -> None:
    assert overrides(job("a", command=["Ref::x"]))["command"] == ["Ref::x"]


def test_the_values_of_a_run_fill_every_text_of_a_request() -> None:
    found, values = resolve(
        loaded(
            job(
                "a",
                command=["load", "${date}", "Ref::p", "$${n}"],
                environment={"N": "${n}"},
                tags={"day": "${date}"},
                parameters={"p": "p${n}"},
                jobQueue="q-${n}",
                description="of ${date}",
            ),
            parameters={"date": {"type": "date"}, "n": {"type": "integer", "default": 3}},
        ),
        {"date": "2026-11-23"},
    )
    (first,) = found.jobs
    assert values == {"date": "2026-11-23", "n": 3}
    assert first.description == "of 2026-11-23"
    assert first.request == {
        "jobQueue": "q-3",
        "containerOverrides": {
            "command": ["load", "2026-11-23", "p3", "${n}"],
            "environment": [{"name": "N", "value": "3"}],
        },
        "tags": {"day": "2026-11-23"},
        "parameters": {"p": "p3"},
    }


def test_defaults_and_definitions_are_filled_too() -> None:
    found = overrides(
        job("a", command=None, jobDefinition="d"),
        jobDefinitions={"d": {"command": ["${n}"]}},
        defaults={"environment": {"N": "${n}"}},
        parameters={"n": {"default": "x"}},
    )
    assert found == {"command": ["x"], "environment": [{"name": "N", "value": "x"}]}


def test_names_are_never_filled() -> None:
    first, second = schedule(
        job("${n}", jobDependencies=None),
        job("b", "${n}", command=["${n}"]),
        parameters={"n": {"default": "x"}},
    ).jobs
    assert first.name == "${n}"
    assert second.upstream == ("${n}",)
    assert second.request["containerOverrides"]["command"] == ["x"]


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [("VCPU", "0.25", True), ("VCPU", "4", True), ("VCPU", "0", False), ("VCPU", "0.0", False),
     ("VCPU", "-1", False), ("VCPU", "x", False), ("MEMORY", "1024", True), ("VCPU", ".5", True),
     ("MEMORY", "1.5", False), ("MEMORY", "00", False), ("GPU", "1", True), ("GPU", "", False),
     ("VCPU", "1.50", True), ("VCPU", "1.", False), ("VCPU", "0.10", True)],
)  # fmt: skip
def test_amounts_are_checked_once_they_are_filled(kind: str, value: str, fits: bool) -> None:
    document = loaded(
        job("a", containerOverrides={"resourceRequirements": [{"type": kind, "value": "${v}"}]}),
        parameters={"v": {}},
    )
    if fits:
        resolve(document, {"v": value})
        return
    with pytest.raises(InvalidInputError, match=f'job "a": {kind} is no amount'):
        resolve(document, {"v": value})


def test_empty_queues_and_definitions_are_all_told() -> None:
    document = loaded(
        job("a", command=None, jobDefinition="${v}"),
        job("b", jobQueue="${v}"),
        parameters={"v": {"required": False}},
    )
    with pytest.raises(InvalidInputError) as caught:
        resolve(document, {})
    assert [problem.path for problem in caught.value.problems] == [
        "$.jobList[0].jobDefinition",
        "$.jobList[1].jobQueue",
    ]


def test_bad_values_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="no such parameter"):
        resolve(loaded(job("a")), {"b": "1"})


def test_finally_jobs_come_last_and_run_whatever_happened() -> None:
    jobs = schedule(
        job("a"),
        defaults={"triggerRule": "none failed"},
        finally_jobs=[job("clean"), job("mail", "clean", triggerRule="any_failed")],
    ).jobs
    assert [(j.name, j.is_finally, j.trigger_rule) for j in jobs] == [
        ("a", False, TriggerRule.NONE_FAILED),
        ("clean", True, TriggerRule.ALL_DONE),
        ("mail", True, TriggerRule.ANY_FAILED),
    ]


def test_a_gate_asks_for_nothing() -> None:
    gate = spec(job("a", command=None, hold=True), defaults={"jobQueue": "q"})
    assert gate.is_gate
    assert gate.request == {}


def test_a_job_that_passes_needs_no_command() -> None:
    found = spec(job("a", command=None, jobStatus="skip"))
    assert found.passed
    assert found.request == {}


@given(st.integers(1, 64).map(lambda quarters: quarters / 4))
def test_amounts_of_vcpu_are_written_as_short_as_they_are(vcpus: float) -> None:
    found = overrides(job("a", containerOverrides={"vcpus": vcpus}))
    value = found["resourceRequirements"][0]["value"]
    assert float(value) == vcpus
    assert not value.endswith(".0")
