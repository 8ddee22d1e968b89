"""What two documents differ in, by their jobs' names."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.diffing import difference
from tests.builders import document, job

NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=4)


def documents() -> st.SearchStrategy[dict[str, Any]]:
    jobs = NAMES.flatmap(
        lambda names: st.tuples(*(st.sampled_from([job(n), job(n, hold=True)]) for n in names))
    )
    return st.builds(
        lambda main, last, wait: (
            {
                "jobList": list(main),
                "finally": [each for each in last if each["jobName"] not in names_of(main)],
            }
            | ({"wait_time": wait} if wait else {})
        ),
        jobs,
        jobs,
        st.sampled_from([0, 30, 60]),
    )


def names_of(jobs: Any) -> list[str]:
    return [each["jobName"] for each in jobs]


@given(documents(), documents())
def test_there_and_back_what_was_added_is_removed(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    there, back = difference(one, other), difference(other, one)
    assert set(there.added) == set(back.removed)
    assert set(there.changed) == set(back.changed)
    assert set(there.fields) == set(back.fields)
    assert set(there.added) == {*names_of(other["jobList"]), *names_of(other["finally"])} - {
        *names_of(one["jobList"]),
        *names_of(one["finally"]),
    }


@given(documents())
def test_the_same_in_another_order_is_no_difference(one: dict[str, Any]) -> None:
    turned = {"finally": one["finally"][::-1], **one, "jobList": one["jobList"][::-1]}
    found = difference(one, turned)
    assert (found.added, found.removed, found.changed, found.fields, found.lines) == ((),) * 5


def test_each_job_that_changed_has_its_lines() -> None:
    before = document(job("a"), job("b"), category="old")
    after = document(job("b", hold=True), job("c"))
    found = difference(before, after)
    assert (found.added, found.removed, found.changed) == (("c",), ("a",), ("b",))
    heads = [line for line in found.lines if line.startswith("+++")]
    assert heads == [
        "+++ after: schedule",
        "+++ after: job a",
        "+++ after: job b",
        "+++ after: job c",
    ]
    assert '+  "hold": true,' in found.lines
    assert '-  "category": "old"' in found.lines


def test_a_job_that_is_moved_to_those_that_clean_up_has_changed() -> None:
    moved = document(job("b"), finally_jobs=[job("a")])
    assert difference(document(job("a"), job("b")), moved).changed == ("a",)
