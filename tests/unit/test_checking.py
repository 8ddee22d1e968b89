import unicodedata
from typing import Any

import pytest

from chalicelib.core.document import MAX_JOBS
from chalicelib.errors import InvalidInputError, Problem
from tests.builders import job, loaded


def problems(*jobs: dict[str, Any], **fields: Any) -> list[Problem]:
    with pytest.raises(InvalidInputError) as caught:
        loaded(*jobs, **fields)
    return list(caught.value.problems)


def problem(*jobs: dict[str, Any], **fields: Any) -> Problem:
    (only,) = problems(*jobs, **fields)
    return only


def test_names_are_unique() -> None:
    found = problem(job("a"), job("a"))
    assert found.reason == 'job "a": "a" is the name of $.jobList[0] too'


@pytest.mark.parametrize("other", ["LOAD", "\uff4coad"])
def test_f34_names_that_look_the_same_are_refused_across_both_lists(other: str) -> None:
    found = problem(job("load"), finally_jobs=[job(other)])
    assert found.path == "$.finally[0].jobName"
    assert "but for case or form of letters" in found.reason


def test_accents_may_be_composed_or_not_but_not_both() -> None:
    assert problem(job("é"), job(unicodedata.normalize("NFD", "é"))).path == "$.jobList[1].jobName"


def test_an_unknown_dependency_has_a_suggestion() -> None:
    found = problem(job("extract"), job("load", "extrakt"))
    assert str(found) == (
        '$.jobList[1].jobDependencies[0]: job "load" waits for a job that is not there; found '
        '"extrakt"; allowed: each name of another job of the same list once; did you mean '
        "'extract'?"
    )


def test_a_job_cannot_wait_for_itself() -> None:
    assert problem(job("a", "a")).reason == 'job "a" waits for itself'


def test_f34_a_cycle_is_shown_as_the_way_around_it() -> None:
    found = problem(job("a", "b"), job("b", "c"), job("c", "a"), job("d", "a"))
    assert found.path == "$.jobList[0].jobDependencies"
    assert found.reason == 'job "a": these jobs wait for each other: a -> b -> c -> a'


def test_each_cycle_is_told() -> None:
    found = problems(job("a", "b"), job("b", "a"), job("c", "d"), job("d", "c"))
    assert [item.reason.rpartition(": ")[2] for item in found] == ["a -> b -> a", "c -> d -> c"]


def test_a_main_job_cannot_wait_for_a_finally_job() -> None:
    found = problem(job("a", "z"), finally_jobs=[job("z")])
    assert "these run last" in found.reason


def test_a_finally_job_waits_for_finally_jobs_only() -> None:
    loaded(job("a"), finally_jobs=[job("y"), job("z", "y")])
    found = problem(job("a"), finally_jobs=[job("z", "a")])
    assert found.path == "$.finally[0].jobDependencies[0]"
    assert "only for others in `finally`" in found.reason


def test_a_job_must_have_something_to_do() -> None:
    found = problem(job("a", command=None))
    assert found.path == "$.jobList[0]"
    assert found.reason == 'job "a" has nothing to do'


@pytest.mark.parametrize(
    "fields",
    [
        {"hold": True},
        {"jobStatus": "pass"},
        {"jobDefinition": "d"},
        {"containerOverrides": {"command": ["a"]}},
    ],
)
def test_a_gate_a_passed_job_and_a_definition_need_no_command(fields: dict[str, Any]) -> None:
    loaded(job("a", command=None, **fields))


def test_a_job_may_do_without_the_shell_of_the_defaults() -> None:
    without = {"shell": False, "command": "ls"}
    found = problem(job("a", **without), defaults={"shell": True})
    assert found.path == "$.jobList[0].command"


def test_a_default_is_something_to_do() -> None:
    loaded(job("a", command=None), defaults={"jobDefinition": "d"})


@pytest.mark.parametrize("place", ["jobList[0]", "defaults", "jobDefinitions.d", "finally[0]"])
def test_a_name_in_braces_must_be_declared(place: str) -> None:
    part = {"environment": {"D": "${dat}"}, "command": ["a"]}
    found = problem(
        job("a", **(part if place == "jobList[0]" else {})),
        defaults=part if place == "defaults" else None,
        jobDefinitions={"d": part} if place == "jobDefinitions.d" else None,
        finally_jobs=[job("f", **part)] if place == "finally[0]" else None,
        parameters={"date": {"type": "date"}},
    )
    assert found.path == f"$.{place}.environment.D"
    assert "${dat} is no parameter of the schedule" in found.reason
    assert found.suggestion == "date"


def test_a_name_in_braces_is_a_name_in_the_names_of_jobs() -> None:
    loaded(job("${a}"), job("b", "${a}"))


def test_f34_ten_thousand_jobs_are_the_most() -> None:
    jobs = [{"jobName": str(i), "command": ["true"]} for i in range(MAX_JOBS)]
    loaded(*jobs)
    found = problem(*jobs, finally_jobs=[job("z")])
    assert (found.path, found.found) == ("$.jobList", "10,000 and 1 in `finally`")


def test_f34_a_longer_list_is_refused_by_itself() -> None:
    found = problem(*([{}] * (MAX_JOBS + 1)))
    assert (found.path, found.found) == ("$.jobList", "10,001 jobs")


def test_ten_thousand_misspelt_names_are_told_soon() -> None:
    jobs = [job(f"job-{i}", f"jbo-{i}") for i in range(MAX_JOBS)]
    assert len(problems(*jobs)) == MAX_JOBS


def test_values_that_are_too_deep_are_refused_whatever_made_them() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert "nested too deeply" in problem(job("a", command=deep)).reason


def test_a_frozen_document_cannot_be_changed() -> None:
    made = loaded(job("a"))
    with pytest.raises(ValueError, match="frozen"):
        made.wait_time = 5  # type: ignore[misc]
