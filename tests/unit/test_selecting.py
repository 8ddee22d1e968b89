"""Which jobs are meant by names, globs and statuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import Run
from chalicelib.core.selecting import match, parse_statuses, select
from chalicelib.errors import NotFoundError
from tests.unit.runs import run_of, spec

J = JobStatus
RUN = run_of(
    spec("load_a"), spec("clean"), spec("load_b"), spec("x[1]"),
    load_a=J.FAILED, clean=J.FAILED, load_b=J.SUCCEEDED,
)  # fmt: skip


def mistake(run: Run, *patterns: str, statuses: tuple[JobStatus, ...] = ()) -> str:
    with pytest.raises(NotFoundError) as caught:
        select(run, patterns, statuses)
    return str(caught.value)


@pytest.mark.parametrize(
    ("patterns", "statuses", "names"),
    [
        ([], [], ["load_a", "clean", "load_b", "x[1]"]),
        (["load_b", "load_a"], [], ["load_a", "load_b"]),
        (["load_*"], [], ["load_a", "load_b"]),
        (["load_?", "clean"], [], ["load_a", "clean", "load_b"]),
        (["load_[b-z]"], [], ["load_b"]),
        (["x[1]"], [], ["x[1]"]),
        (["load_*"], [J.FAILED], ["load_a"]),
        ([], [J.FAILED], ["load_a", "clean"]),
        ([], [J.FAILED, J.SUCCEEDED], ["load_a", "clean", "load_b"]),
    ],
)
def test_jobs_are_meant_by(
    patterns: list[str], statuses: list[JobStatus], names: list[str]
) -> None:
    assert select(RUN, patterns, statuses) == names


def test_a_pattern_for_no_job_is_a_mistake_with_the_name_that_was_meant() -> None:
    assert mistake(RUN, "clean", "laod_a") == (
        "There is no job 'laod_a'. Run etl/2026 has 4 jobs. Did you mean 'load_a'?"
    )


def test_a_pattern_like_no_job_is_a_mistake_without_a_guess() -> None:
    assert mistake(RUN, "q*") == "There is no job 'q*'. Run etl/2026 has 4 jobs."


def test_names_differ_by_case() -> None:
    assert "Did you mean 'clean'?" in mistake(RUN, "Clean")
    assert mistake(RUN, "C*")


def test_statuses_that_no_job_has_are_a_mistake() -> None:
    assert mistake(RUN, "load_*", "clean", statuses=(J.RUNNING, J.HELD)) == (
        "No job named load_* or clean of run etl/2026 is HELD or RUNNING."
    )


def test_a_status_that_no_job_has_is_told_alone_where_no_job_was_named() -> None:
    assert mistake(RUN, statuses=(J.HELD,)) == "No job of run etl/2026 is HELD."


def test_a_run_without_jobs_has_none_that_is_meant() -> None:
    assert mistake(run_of()) == "Run etl/2026 has no jobs."


def test_a_plain_name_matches_itself_only() -> None:
    assert match("load_a", RUN.specs) == {"load_a"}
    assert match("load", RUN.specs) == set()


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_pattern_matches_some_of_the_names(pattern: str, names: list[str]) -> None:
    assert match(pattern, names) <= set(names)


@given(st.lists(st.text(), max_size=5))
def test_a_star_matches_every_name(names: list[str]) -> None:
    assert match("*", names) == set(names)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("FAILED", J.FAILED),
        (" failed ", J.FAILED),
        ("upstream-failed", J.UPSTREAM_FAILED),
        ("skip", J.PASS),
        ("Skipped", J.SKIPPED),
    ],
)
def test_a_status_is_read_however_it_is_typed(text: str, status: JobStatus) -> None:
    assert parse_statuses([text, "held"]) == [status, J.HELD]


def test_what_is_no_status_is_told_with_those_there_are() -> None:
    with pytest.raises(NotFoundError) as caught:
        parse_statuses(["FAILED", "broken"])
    assert str(caught.value) == (
        "There is no job status 'broken'. Statuses: WAITING, HELD, RESERVED, SUBMITTED, PENDING, "
        "RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED, UPSTREAM_FAILED, CANCELLED, PASS, "
        "SKIPPED, NOTFOUND."
    )


@given(st.lists(st.sampled_from(JobStatus)))
def test_every_status_is_read_as_it_is_written(statuses: list[JobStatus]) -> None:
    assert parse_statuses(statuses) == statuses
