"""What documents may ask of AWS Batch (threat T4), and what stays with the job definition."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.batch_queue import submit_arguments
from chalicelib.core.batch import Submission
from chalicelib.core.document import ScheduleDocument
from chalicelib.core.guarding import (
    CONTAINER_MEMBERS,
    MEMBERS,
    OWN_VARIABLES,
    Allowed,
    has_revision,
    is_kept,
    lacking,
    objection,
    with_definition,
    without_kind,
    without_revision,
)
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.planning import HandOver
from chalicelib.core.reserving import submission
from chalicelib.core.resolving import resolve
from chalicelib.errors import InvalidInputError
from tests.unit.runs import run_of, state

ALL = Allowed()
ARN = "arn:aws:batch:eu-central-1:123456789012:job-definition/extract"


def request(**members: Any) -> dict[str, Any]:
    return {"jobDefinition": "extract:3", "jobQueue": "daily", **members}


def variables(*names: str) -> dict[str, Any]:
    return {"environment": [{"name": name, "value": "x"} for name in names]}


def test_an_ordinary_request_lacks_nothing() -> None:
    overrides = {"command": ["true"], **variables("DAY", "ENV", "PATH_OF_DATA")}
    assert lacking(request(containerOverrides=overrides, tags={"team": "a"}), ALL) == ""


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"jobQueue": "q"}, "a registered jobDefinition (one that the document gives"),
        ({"jobDefinition": "d"}, "a jobQueue"),
        ({}, "a registered jobDefinition and a jobQueue (one that"),
    ],
    ids=["definition", "queue", "both"],
)
def test_a_job_needs_a_registered_definition_and_a_queue(
    given_: dict[str, Any], words: str
) -> None:
    assert lacking(given_, ALL).startswith(words)


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_BATCH_JOB_ID",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "ECS_CONTAINER_METADATA_URI_V4",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "BASH_ENV",
        "BASH_FUNC_ls%%",
        "BATCH_SCHEDULER_RUN",
        "BATCH_SCHEDULER_CLAIMS",
        "BATCH_FILE_ALLOWED",
        "ld_preload",
    ],
)
def test_a_variable_that_belongs_to_the_definition_is_refused(name: str) -> None:
    said = lacking(request(containerOverrides=variables("DAY", name)), ALL)
    assert said == f"an environment without {name}, which only the job definition may set"


READY_MADE = Allowed(definitions=("extract",), ready_made="batch-scheduler-dev-")


def test_a_kind_runs_as_the_definition_that_the_stage_has_for_it() -> None:
    given_ = {"uses": "glue", "jobQueue": "daily", "containerOverrides": {"command": ["x"]}}
    found = with_definition(given_, READY_MADE)
    assert found == without_kind(given_) | {"jobDefinition": "batch-scheduler-dev-glue"}
    assert lacking(given_, READY_MADE) == ""
    assert with_definition(found, READY_MADE) is found


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        ("batch-scheduler-dev-glue", True),
        ("batch-scheduler-dev-glue:7", True),
        ("batch-scheduler-dev-shell", False),
        ("batch-scheduler-dev-glue2:7", False),
        ("batch-scheduler-prod-glue:7", False),
        ("glue", False),
    ],
)
def test_the_definitions_of_kinds_are_allowed_beside_the_list_and_no_others(
    name: str, is_allowed: bool
) -> None:
    assert (lacking(request(jobDefinition=name), READY_MADE) == "") is is_allowed


def test_without_a_stage_no_definition_is_ready_made() -> None:
    assert lacking(request(jobDefinition="glue"), Allowed(definitions=("extract",))) != ""


@pytest.mark.parametrize("name", sorted(OWN_VARIABLES))
def test_only_the_engine_says_who_a_job_is(name: str) -> None:
    once = request(containerOverrides=variables(name))
    twice = request(containerOverrides=variables(name, name))
    assert objection(once, ALL, own=OWN_VARIABLES) == ""
    assert objection(once, ALL) != ""
    assert "once only" in objection(twice, ALL, own=OWN_VARIABLES)


@pytest.mark.parametrize(
    "member",
    [
        "nodeOverrides",
        "ecsPropertiesOverride",
        "eksPropertiesOverride",
        "consumableResourcePropertiesOverride",
        "dependsOn",
        "jobName",
    ],
)
def test_a_member_that_is_not_for_documents_is_refused(member: str) -> None:
    assert lacking(request(**{member: {}}), ALL) == f"a request without {member}"


@pytest.mark.parametrize("member", ["instanceType", "vcpus", "memory", "image"])
def test_an_override_that_is_not_for_documents_is_refused(member: str) -> None:
    said = lacking(request(containerOverrides={member: "x"}), ALL)
    assert said == f"containerOverrides without {member}"


@pytest.mark.parametrize(
    ("entry", "name", "is_allowed"),
    [
        ("extract", "extract", True),
        ("extract", "extract:3", True),
        ("extract:3", "extract:3", True),
        ("extract:3", "extract:4", False),
        ("extract:3", "extract", False),
        ("extract", "extract-all", False),
        ("extract", "Extract", False),
        ("etl-*", "etl-daily:2", True),
        ("etl-*", "my-etl-daily", False),
        (ARN, f"{ARN}:3", True),
        (f"{ARN}:*", f"{ARN}:3", True),
        ("extract", f"{ARN}:3", False),
        (ARN, "extract", False),
        (ARN.replace("123456789012", "999999999999"), ARN, False),
    ],
)
def test_a_definition_is_named_exactly_or_by_how_it_begins(
    entry: str, name: str, is_allowed: bool
) -> None:
    said = lacking(request(jobDefinition=name), Allowed(definitions=("other", entry)))
    expected = "" if is_allowed else f"a jobDefinition that is allowed here, and {name!r} is not"
    assert said == expected


def test_a_queue_is_limited_too() -> None:
    allowed = Allowed(queues=("daily",))
    assert lacking(request(), allowed) == ""
    said = lacking(request(jobQueue="admin"), allowed)
    assert said == "a jobQueue that is allowed here, and 'admin' is not"


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("VCPU", "4", ""),
        ("VCPU", "4.25", "at most 4 of VCPU, and asks for 4.25"),
        ("MEMORY", "1000000", ""),
        ("GPU", "1", "at most 0 of GPU, and asks for 1"),
        ("VCPU", "nan", "at most 4 of VCPU, and asks for nan"),
        ("VCPU", "much", "at most 4 of VCPU, and asks for much"),
    ],
)
def test_resources_are_limited_where_a_limit_is_set(kind: str, value: str, said: str) -> None:
    overrides = {"resourceRequirements": [{"type": kind, "value": value}]}
    allowed = Allowed(most={"VCPU": 4, "GPU": 0})
    assert lacking(request(containerOverrides=overrides), allowed) == said


def test_tags_leave_room_for_the_engine_and_keep_off_its_own() -> None:
    most = {f"tag-{number}": "" for number in range(47)}
    assert lacking(request(tags=most), ALL) == ""
    assert lacking(request(tags={**most, "one": ""}), ALL) == "at most 47 tags"
    forged = {"Batch-Scheduler:run": "mine"}
    assert lacking(request(tags=forged), ALL) == "tags without Batch-Scheduler:run"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("extract:3", "extract"),
        ("extract", "extract"),
        (ARN, ARN),
        (f"{ARN}:12", ARN),
        ("extract:x", "extract:x"),
        ("extract:³", "extract:³"),
    ],
)
def test_a_revision_is_the_number_at_the_end(name: str, family: str) -> None:
    assert without_revision(name) == family
    assert has_revision(name) == (name != family)


# No document, whatever it says, is handed over with more than it may say.

harmless = st.text("ABCDEFGHXYZ_", min_size=1, max_size=8)
harmful = st.sampled_from(
    [
        "PATH",
        "AWS_REGION",
        "LD_PRELOAD",
        "PYTHONHOME",
        "BASH_ENV",
        "ECS_X",
        "path",
        "Aws_X",
        *sorted(OWN_VARIABLES),
    ]
)
names = harmless | harmless | harmless | harmful
environments = st.dictionaries(names, st.text("ab", max_size=3), max_size=2)
optional = {
    "environment": environments,
    "containerOverrides": st.fixed_dictionaries(
        {}, optional={"environment": environments, "vcpus": st.just(1), "memory": st.just(8)}
    ),
    "command": st.just(["true"]),
    "parameters": st.just({"a": "b"}),
    "retryStrategy": st.just({"attempts": 3}),
    "timeout": st.just({"attemptDurationSeconds": 60}),
    "arrayProperties": st.just({"size": 2}),
    "schedulingPriority": st.just(1),
    "shareIdentifier": st.just("a"),
    "propagateTags": st.just(True),
    "tags": st.sampled_from([{"team": "a"}, {"batch-scheduler:run": "forged"}]),
}
definitions = st.sampled_from(["extract", "extract:3", "extract:4", "admin", "inline", ARN])
queues = st.sampled_from(["daily", "daily", "admin"])
defaults_ = st.fixed_dictionaries(
    {"jobDefinition": definitions, "jobQueue": queues}, optional=optional
)
members = st.fixed_dictionaries({}, optional={**optional, "jobDefinition": definitions})
LIMITED = Allowed(definitions=("extract",), queues=("daily",), most={"VCPU": 1})


@given(job=members, defaults=defaults_)
def test_no_document_yields_an_argument_that_is_not_allowed(
    job: dict[str, Any], defaults: dict[str, Any]
) -> None:
    try:
        document = ScheduleDocument.model_validate(
            {
                "scheduleId": "s",
                "jobList": [{"jobName": "a", **job}],
                "defaults": defaults,
                "jobDefinitions": {"inline": {"command": ["true"], "environment": {"PATH": "/"}}},
            }
        )
        [spec] = resolve(document, {})[0].jobs
    except (ValueError, InvalidInputError):
        return  # no document at all
    if lacking(spec.request, LIMITED):
        return
    run = run_of(spec, a=state("a", JobStatus.RESERVED))
    handed = submission(run, HandOver("a"))
    assert objection(handed.request, LIMITED, own=OWN_VARIABLES) == ""
    check_arguments(submit_arguments(handed))


@given(
    extra=st.dictionaries(
        st.sampled_from(["nodeOverrides", "dependsOn", "jobName", "x"]), st.just(1)
    ),
    environment=st.lists(names, max_size=3),
)
def test_no_stored_request_of_older_times_does_either(
    extra: dict[str, Any], environment: list[str]
) -> None:
    stored = request(**extra, containerOverrides=variables(*environment))
    if not objection(stored, LIMITED, own=OWN_VARIABLES):
        check_arguments(submit_arguments(Submission(job_name="x", request=stored)))


def check_arguments(arguments: Mapping[str, Any]) -> None:
    assert arguments.keys() <= MEMBERS | {"jobName", "dependsOn"}
    overrides = arguments["containerOverrides"]
    assert overrides.keys() <= CONTAINER_MEMBERS
    assert without_revision(arguments["jobDefinition"]) == "extract"
    assert arguments["jobQueue"] == "daily"
    found = [variable["name"] for variable in overrides.get("environment", ())]
    assert len(found) == len(set(found))
    assert not [name for name in found if is_kept(name) and name not in OWN_VARIABLES]
    assert len(arguments.get("tags", ())) <= 50
