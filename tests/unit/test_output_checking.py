"""What is wrong with the outputs that jobs of a document read, with its path."""

from typing import Any

import pytest

from chalicelib.core.loading import load
from chalicelib.core.resolving import check_unfilled, resolve
from chalicelib.core.schedule import Reference
from chalicelib.errors import InvalidInputError, Problem
from tests.builders import document, job, loaded, schedule

ROWS = "${jobs.load.outputs.rows}"


def problems(*jobs: dict[str, Any], **fields: Any) -> list[Problem]:
    """Everything wrong with a document that is to be stored."""
    with pytest.raises(InvalidInputError) as caught:
        check_unfilled(load(document(*jobs, **fields)))
    return list(caught.value.problems)


def problem(*jobs: dict[str, Any], **fields: Any) -> Problem:
    (only,) = problems(*jobs, **fields)
    return only


def reader(*upstream: str, **fields: Any) -> dict[str, Any]:
    return job("report", *upstream, **{"command": ["echo", ROWS], **fields})


def read_by(*jobs: dict[str, Any], **fields: Any) -> dict[str, tuple[Reference, ...]]:
    made = schedule(*jobs, **fields)
    return {spec.name: spec.reads for spec in made.jobs}


@pytest.mark.parametrize(
    "fields",
    [
        {"command": ["echo", f"n={ROWS}"]},
        {"environment": {"ROWS": ROWS, "name": ROWS}},
        {"environment": [{"name": "ROWS", "value": ROWS}]},
        {"parameters": {"rows": ROWS}},
        {"command": None, "containerOverrides": {"command": ["echo", ROWS]}},
        {"containerOverrides": {"environment": [{"name": "ROWS", "value": ROWS}]}},
    ],
    ids=str,
)
def test_a_job_reads_outputs_of_jobs_upstream(fields: dict[str, Any]) -> None:
    made = reader("load", **{"command": ["true"], **fields})
    assert read_by(job("load"), made) == {"load": (), "report": (Reference("load", "rows"),)}


def test_a_job_reads_outputs_of_jobs_that_are_upstream_further_up() -> None:
    jobs = [job("load"), job("b", "load"), job("c", "b"), reader("c")]
    assert read_by(*jobs)["report"] == (Reference("load", "rows"),)


def test_a_finally_job_reads_outputs_of_all_that_ran_before_it() -> None:
    last = job("tell", command=["echo", ROWS])
    after = job("after", "tell", environment={"ROWS": ROWS})
    found = read_by(job("load"), finally_jobs=[last, after])
    assert found["tell"] == found["after"] == (Reference("load", "rows"),)


def test_a_job_that_is_not_there_is_told_with_the_one_that_was_meant() -> None:
    found = problem(job("laod"), reader("laod"))
    assert str(found) == (
        '$.jobList[1].command[1]: job "report": reads an output of a job that is not there: '
        '"load"; found "${jobs.load.outputs.rows}"; allowed: the name of an upstream job; did you '
        "mean 'laod'?"
    )


@pytest.mark.parametrize("upstream", [(), ("other",)])
def test_a_job_that_is_not_waited_for_can_not_be_read(upstream: tuple[str, ...]) -> None:
    found = problem(job("load"), job("other"), reader(*upstream))
    assert found.path == "$.jobList[2].command[1]"
    assert found.reason == 'job "report": reads an output of "load" and does not wait for it'


def test_a_job_can_not_read_its_own_outputs() -> None:
    found = problem(job("load", command=["echo", ROWS]))
    assert "does not wait for it" in found.reason


def test_in_a_circle_only_the_circle_is_told() -> None:
    found = problem(job("load", "report"), reader("load"))
    assert "wait for each other" in found.reason


def test_what_begins_as_an_output_must_be_one() -> None:
    found = problem(job("load"), reader("load", command=["echo", "${jobs.load.rows}"]))
    assert (found.reason, found.allowed) == (
        'job "report": is no output of a job',
        "${jobs.NAME.outputs.OUTPUT}",
    )


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"jobQueue": ROWS}, "$.jobList[1].jobQueue"),
        ({"description": ROWS}, "$.jobList[1].description"),
        ({"tags": {"rows": ROWS}}, "$.jobList[1].tags.rows"),
    ],
)
def test_what_a_run_must_know_from_its_start_reads_no_output(
    fields: dict[str, Any], path: str
) -> None:
    found = problem(job("load"), reader("load", **fields))
    assert (found.path, "must be known when the run starts" in found.reason) == (path, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"defaults": {"environment": {"ROWS": ROWS}}},
        {"jobDefinitions": {"d": {"command": ["echo", ROWS]}}},
    ],
    ids=["defaults", "definition"],
)
def test_only_a_job_itself_reads_outputs(fields: dict[str, Any]) -> None:
    assert "only a job itself can" in problem(job("load"), **fields).reason


def test_an_output_is_never_code_of_a_shell() -> None:
    text = {"shell": True, "command": f"echo {ROWS}"}
    found = problem(job("load"), reader("load", **text))
    assert found.path == "$.jobList[1].command"
    assert 'give it by `environment`, and write "$ROWS"' in found.reason


@pytest.mark.parametrize(("part", "path"), [("jobList", "jobList[1]"), ("finally", "finally[0]")])
def test_an_output_is_no_code_either_where_the_shell_is_an_argument(part: str, path: str) -> None:
    made = reader(*(["load"] if part == "jobList" else []), command=["sh", "-c", f"echo {ROWS}"])
    lists = [job("load"), made] if part == "jobList" else [job("load")]
    found = problem(*lists, finally_jobs=[made] if part == "finally" else None)
    assert found.path == f"$.{path}.command"
    assert found.reason == 'job "report": it would run what another job has told'


def test_an_output_is_no_code_either_by_way_of_a_parameter_of_the_command() -> None:
    made = reader("load", command=["sh", "-c", "echo Ref::rows"], parameters={"rows": ROWS})
    assert "it would run" in problem(job("load"), made).reason


def test_an_array_job_has_no_outputs_of_its_own() -> None:
    found = problem(job("load", arrayProperties={"size": 2}), finally_jobs=[reader()])
    assert found.path == "$.finally[0]"
    assert found.reason == 'job "report" reads an output of an array job'


def test_an_output_with_the_name_of_a_secret_is_refused() -> None:
    text = "${jobs.load.outputs.api_token}"
    found = problem(job("load"), reader("load", command=["echo", text]))
    assert found.reason == 'job "report": output "api_token" has the name of a secret: none is kept'


def test_outputs_can_be_escaped_where_none_are_read() -> None:
    made = reader("load", command=["echo", f"${ROWS}"])
    assert read_by(job("load"), made)["report"] == ()
    (_, spec) = schedule(job("load"), made).jobs
    assert spec.request["containerOverrides"]["command"] == ["echo", ROWS]


def test_outputs_can_not_be_escaped_where_some_are_read() -> None:
    found = problem(job("load"), reader("load", command=["echo", f"${ROWS}", ROWS]))
    assert found.path == "$.jobList[1].command[1]"
    assert "can't be escaped where jobs of the schedule read outputs" in found.reason


def test_a_parameter_that_looks_like_an_output_is_refused_where_some_are_read() -> None:
    made = loaded(job("load"), reader("load"), parameters={"p": {"default": "x"}})
    with pytest.raises(InvalidInputError) as caught:
        resolve(made, {"p": ROWS})
    assert [each.path for each in caught.value.problems] == ["$.parameters.p"]


def test_a_parameter_that_looks_like_an_output_is_a_text_elsewhere() -> None:
    made = loaded(job("load", command=["echo", "${p}"]), parameters={"p": {"default": ROWS}})
    (spec,) = resolve(made, {})[0].jobs
    assert (spec.reads, spec.request["containerOverrides"]["command"]) == ((), ["echo", ROWS])


def test_parameters_are_filled_beside_outputs() -> None:
    made = reader("load", command=["echo", f"${{p}}{ROWS}$${{HOME}}"])
    (_, spec) = schedule(job("load"), made, parameters={"p": {"default": "x$"}}).jobs
    assert spec.request["containerOverrides"]["command"] == ["echo", f"x${ROWS}${{HOME}}"]
    assert spec.reads == (Reference("load", "rows"),)


def test_many_jobs_that_read_from_each_other_are_checked_at_once() -> None:
    chain = [job("j0")]
    for number in range(1, 3_000):
        far = f"${{jobs.j{number // 2}.outputs.n}}"
        chain.append(job(f"j{number}", f"j{number - 1}", environment={"N": far}))
    assert len(loaded(*chain).job_list) == 3_000
