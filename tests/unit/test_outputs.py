"""Outputs in the texts of jobs: how they are written, what fills them, and when one is missing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.core.outputs import (
    Written,
    fill_outputs,
    missing,
    missing_words,
    references_in,
    run_as_code,
    value_of,
    written_in,
)
from chalicelib.core.run import JobState
from chalicelib.core.schedule import JobSpec, Reference, TriggerRule
from chalicelib.core.secrecy import HIDDEN
from tests.unit.runs import spec, state

ROWS = Reference("load", "rows")
J = JobStatus
names = st.text(
    st.characters(blacklist_characters="{}/*?[,$", categories=["L", "N", "P"]), min_size=1
)
outputs = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
references = st.builds(Reference, names, outputs)


def reading(rule: TriggerRule = TriggerRule.ALL_SUCCEEDED) -> JobSpec:
    return spec("report", "load", reads=(ROWS,), trigger_rule=rule)


def ended(status: JobStatus, **told: str) -> JobState:
    return state("load", status, told=Told(outputs=told) if told else None)


@given(st.lists(references, max_size=3))
def test_an_output_is_read_as_it_is_written(wanted: list[Reference]) -> None:
    text = " ".join(map(str, wanted))
    assert written_in(text) == Written(tuple(wanted))
    assert references_in([{"k": text, "n": 5}]) == tuple(dict.fromkeys(wanted))


def test_a_job_s_name_may_hold_what_separates_the_parts() -> None:
    assert written_in("${jobs.a.outputs.b.outputs.c}").references == (
        Reference("a.outputs.b", "c"),
    )


@pytest.mark.parametrize(
    "text",
    ["${jobs.load}", "${jobs.load.rows}", "${jobs.load.outputs.1}", "${jobs.load.outputs.rows",
     "${jobs..outputs.rows}", "${jobs.${p}.outputs.rows}", f"${{jobs.load.outputs.{'x' * 65}}}"],
)  # fmt: skip
def test_what_begins_as_an_output_and_is_none_is_seen(text: str) -> None:
    assert written_in(f"{ROWS} {text}") == Written((ROWS,), is_malformed=True)


@pytest.mark.parametrize("text", ["$${jobs.load.outputs.rows}", "$$${jobs.load}"])
def test_an_escaped_output_is_none(text: str) -> None:
    assert written_in(text) == Written(is_escaped=True)


@pytest.mark.parametrize("text", ["${jobs}", "${job.a.outputs.b}", "$${name}", "$jobs.a.outputs.b"])
def test_other_texts_have_nothing_to_do_with_outputs(text: str) -> None:
    assert written_in(text) == Written()


def test_a_value_stays_one_argument_whatever_is_in_it() -> None:
    request = {
        "containerOverrides": {
            "command": ["echo", "${jobs.load.outputs.rows}", "n=${jobs.load.outputs.rows};"],
            "environment": [{"name": "N", "value": "${jobs.load.outputs.rows}"}],
        },
        "parameters": {"${jobs.load.outputs.rows}": "x"},
        "timeout": {"attemptDurationSeconds": 60},
        "tags": ("t",),
    }
    assert fill_outputs(request, {ROWS: "1 2; $(rm)"}) == {
        "containerOverrides": {
            "command": ["echo", "1 2; $(rm)", "n=1 2; $(rm);"],
            "environment": [{"name": "N", "value": "1 2; $(rm)"}],
        },
        "parameters": {"${jobs.load.outputs.rows}": "x"},
        "timeout": {"attemptDurationSeconds": 60},
        "tags": ["t"],
    }


def test_a_value_is_filled_in_once_and_never_read_for_outputs_itself() -> None:
    other = Reference("load", "other")
    values = {ROWS: str(other), other: "no"}
    assert fill_outputs(f"{ROWS}", values) == str(other)


def test_outputs_that_the_job_does_not_read_are_left_alone() -> None:
    assert fill_outputs("${jobs.a.outputs.b} ${HOME}", {ROWS: "1"}) == "${jobs.a.outputs.b} ${HOME}"


@pytest.mark.parametrize(
    ("command", "is_run"),
    [
        (["/bin/sh", "-c", f"echo {ROWS}"], True),
        (["bash", "-euxc", f"{ROWS}"], True),
        (["bash", "-euo", "pipefail", "-c", f"echo {ROWS}"], True),
        (["bash", "-o", "pipefail", "-c", f"echo {ROWS}"], True),
        (["bash", "-c", "-e", f"echo {ROWS}"], True),
        (["bash", f"-c{ROWS}"], True),
        (["timeout", "9", "bash", "-c", f"echo {ROWS}"], True),
        (["env", "A=1", "/usr/bin/bash", "-c", f"echo {ROWS}"], True),
        (["env", "-S", f"echo {ROWS}"], True),
        (["python3.11", "-Ic", f"print({ROWS})"], True),
        (["perl", "-ne", f"print {ROWS}"], True),
        (["node", "--eval", f"{ROWS}"], True),
        (["node", f"--eval={ROWS}"], True),
        (["awk", "-F,", f"{{ print {ROWS} }}", "x"], True),
        ([f"{ROWS}", "x"], True),
        (["sh", "-c", "echo $1", "sh", f"{ROWS}"], False),
        (["sh", f"{ROWS}"], False),
        (["python3", "load.py", "-c", f"{ROWS}"], False),
        (["fish.py", "-c", f"{ROWS}"], False),
        (["sh", "--norc", f"{ROWS}"], False),
        (["bash", "+o", "posix", f"{ROWS}"], False),
        (["awk", "{ print }", f"{ROWS}"], False),
        (["tar", "-c", f"{ROWS}"], False),
        (["echo", f"{ROWS}", "bash", "-c"], False),
        (None, False),
    ],
)
def test_an_output_that_a_command_would_run_is_seen(command: Any, is_run: bool) -> None:
    made = spec("a", "load", request={"containerOverrides": {"command": command}}, reads=(ROWS,))
    assert run_as_code(made) == (("command", ROWS) if is_run else None)


@pytest.mark.parametrize(
    ("name", "is_run"), [("BASH_ENV", True), ("ld_preload", True), ("PATH", True), ("ROWS", False)]
)
def test_an_output_in_a_variable_that_decides_what_runs_is_seen(name: str, is_run: bool) -> None:
    environment = [{"name": name, "value": f"x{ROWS}"}, {"name": "PATH", "value": "/bin"}]
    overrides = {"command": ["true"], "environment": environment}
    made = spec("a", "load", request={"containerOverrides": overrides}, reads=(ROWS,))
    assert run_as_code(made) == ((f"environment.{name}", ROWS) if is_run else None)


def test_a_job_without_a_container_runs_no_code() -> None:
    assert run_as_code(spec("a", "load", reads=(ROWS,))) is None


def test_an_output_of_a_job_that_succeeded_is_what_it_told() -> None:
    assert value_of(reading(), ROWS, ended(J.SUCCEEDED, rows="5")) == "5"


@pytest.mark.parametrize("rule", TriggerRule, ids=str)
@pytest.mark.parametrize("told", [{}, {"other": "x"}, {"rows": HIDDEN}], ids=str)
def test_an_output_that_a_job_did_not_tell_is_missing_whatever_the_rule(
    rule: TriggerRule, told: dict[str, str]
) -> None:
    states = {"load": ended(J.SUCCEEDED, **told)}
    assert list(missing(reading(rule), states)) == [ROWS]


@pytest.mark.parametrize("status", sorted(FINAL - {J.SUCCEEDED}), ids=str)
def test_of_other_ends_an_output_counts_only_for_rules_that_expect_them(status: JobStatus) -> None:
    assert value_of(reading(), ROWS, ended(status, rows="5")) is None
    for rule in set(TriggerRule) - {TriggerRule.ALL_SUCCEEDED}:
        assert value_of(reading(rule), ROWS, ended(status, rows="5")) == "5"
        assert value_of(reading(rule), ROWS, ended(status)) == ""


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (ended(J.SUCCEEDED), "it succeeded without telling it; let it run `batch-job output rows="),
        (ended(J.SUCCEEDED, rows=HIDDEN), "looks like a secret, so it was not kept"),
        (ended(J.PASS), "it is PASS and did not run to its end; rerun"),
        (ended(J.FAILED), "it is FAILED and did not succeed; rerun"),
    ],
)
def test_a_missing_output_is_told_with_its_job_and_what_to_do(at: JobState, words: str) -> None:
    told = missing_words(ROWS, at)
    assert told.startswith('output "rows" of "load" ')
    assert words in told


def test_an_output_that_could_not_be_kept_is_told_as_that() -> None:
    told = missing_words(ROWS, ended(J.SUCCEEDED), {"rows"})
    assert told.startswith('output "rows" of "load" is missing: told, but not kept: ')
    assert told.endswith('rerun "load" with everything downstream')
    assert "without telling it" in missing_words(ROWS, ended(J.SUCCEEDED), {"other"})
