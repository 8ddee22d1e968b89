"""Jobs that are too large for a SubmitJob, found before a run hands them over."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.batch import MAX_PAYLOAD
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.naming import MAX_QUEUE_NAME, run_id
from chalicelib.core.planning import HandOver
from chalicelib.core.reserving import submission
from chalicelib.core.resolving import check_unfilled
from chalicelib.core.run import JobState, Run
from chalicelib.core.sizing import check_sizes
from chalicelib.errors import InvalidInputError
from tests.builders import job, loaded, schedule
from tests.unit.runs import NOW, header, spec


def test_a_job_of_ordinary_size_is_let_pass() -> None:
    check_unfilled(loaded(job("a", command=["echo", "x" * 20_000])))


@pytest.mark.parametrize("letters", [27_000, 40_000])
def test_defaults_and_definitions_count_too(letters: int) -> None:
    document = loaded(
        job("a", command=None, jobDefinition="d", environment={"B": "x" * 4_000}),
        jobDefinitions={"d": {"command": ["echo", "x" * letters]}},
    )
    with pytest.raises(InvalidInputError) as caught:
        check_unfilled(document)
    assert [problem.path for problem in caught.value.problems] == ["$.jobList[0]"]


def test_a_placeholder_is_judged_by_what_fills_it() -> None:
    fields: dict[str, Any] = {"parameters": {"text": {"type": "string"}}}
    big = job("a", command=["echo", "${text}" * 5_000])
    check_unfilled(loaded(big, **fields))
    assert len(schedule(big, given={"text": "x"}, **fields).jobs) == 1
    with pytest.raises(InvalidInputError, match="too large to be submitted"):
        schedule(big, given={"text": "seven letters"}, **fields)


@given(
    st.text(max_size=120).filter(bool),
    st.integers(MAX_PAYLOAD - 3_000, MAX_PAYLOAD),
    st.integers(0, 22),
)
def test_what_is_let_pass_is_never_sent_as_too_much(name: str, size: int, above: int) -> None:
    made = spec(
        name,
        *(f"up {number}" + name for number in range(above)),
        request={"parameters": {"text": "x" * size}},
    )
    if list(check_sizes("etl", [made])):
        return
    state = JobState(status=JobStatus.RESERVED, attempt=1_000, queue_name="q" * MAX_QUEUE_NAME)
    specs = (made, *map(spec, made.upstream))
    states = {each.name: state for each in specs}
    run = Run(header(run_id=run_id("etl", NOW)), specs, states)
    sent = submission(run, HandOver(name, ("x" * 36,) * min(above, 20)))
    upstream = [{"jobId": job_id} for job_id in sent.depends_on]
    whole = {**sent.request, "jobName": sent.job_name, "dependsOn": upstream, "tags": sent.tags}
    assert len(json.dumps(whole)) <= MAX_PAYLOAD
