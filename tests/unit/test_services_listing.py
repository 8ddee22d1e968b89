"""Lists page by page, of what somebody may see."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access import Principal, Role
from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import JobStatus
from chalicelib.ports import Ports
from chalicelib.services import schedules
from chalicelib.services.listing import RunFilter, list_jobs, list_runs, list_schedules
from tests.builders import loaded
from tests.unit.runs import after, header, spec, state
from tests.unit.stores import record_run, world

ALL = Principal(actor="ada", role=Role.VIEWER)
J = JobStatus


def who(*scopes: str) -> Principal:
    return Principal(actor="ada", role=Role.VIEWER, scopes=scopes)


def with_runs(names: list[str]) -> Ports:
    ports = world()
    for number, name in enumerate(names):
        run_id = f"{name}/{number:04}"
        made = header(run_id=run_id, schedule_id=name, started_at=after(number // 2))
        ports.runs.create_run(made, (), {})
    return ports


def every_run(ports: Ports, principal: Principal, limit: int, wanted: Any = None) -> list[str]:
    found: list[str] = []
    key = None
    while True:
        page = list_runs(ports, principal, wanted or RunFilter(), limit, key)
        assert len(page.items) <= limit
        found += [each.run_id for each in page.items]
        key = page.after
        if key is None:
            return found


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=20),
    st.lists(st.sampled_from(["", "a", "b"]), max_size=2),
    st.integers(1, 4),
)
def test_page_by_page_each_run_that_is_seen_is_listed_once_the_newest_first(
    names: list[str], scopes: list[str], limit: int
) -> None:
    ports = with_runs(names)
    seen = who(*scopes)
    whole = [each.run_id for each in ports.runs.find_headers(limit=99)]
    assert every_run(ports, seen, limit) == [each for each in whole if seen.sees(each)]


def test_among_many_runs_of_others_one_is_found_in_the_end() -> None:
    ports = with_runs(["a"] + ["b"] * 3000)
    page = list_runs(ports, who("a", "c"), RunFilter(), 1, None)
    assert (page.items, page.after is None) == ([], False)
    assert every_run(ports, who("a", "c"), 1) == ["a/0000"]


def test_the_runs_of_a_schedule_that_is_not_seen_are_none() -> None:
    ports = with_runs(["a", "b"])
    assert every_run(ports, who("b"), 9, RunFilter(schedule_id="a")) == []
    assert every_run(ports, ALL, 9, RunFilter(schedule_id="a")) == ["a/0000"]


def test_schedules_are_listed_by_prefix_and_scope() -> None:
    ports = world()
    for name in ("a-1", "a-2", "b-1"):
        schedules.put(ports, loaded(scheduleId=name), "ada")

    def names(principal: Principal, prefix: str) -> list[str]:
        page = list_schedules(ports, principal, prefix, 9, "")
        return [each.schedule_id for each in page.items]

    assert names(ALL, "") == ["a-1", "a-2", "b-1"]
    assert names(ALL, "a") == ["a-1", "a-2"]
    assert names(who("a-"), "a") == ["a-1", "a-2"]
    assert names(who("a-"), "a-2") == ["a-2"]
    assert names(who("a-"), "b") == []
    page = list_schedules(ports, ALL, "", 1, "a-1")
    assert ([each.schedule_id for each in page.items], page.after) == (["a-2"], "a-2")


def test_jobs_are_listed_by_name_glob_and_status() -> None:
    ports = world()
    record_run(ports, spec("a"), spec("b"), spec("ab"), a=J.FAILED)
    run_id = ports.runs.find_headers()[0].run_id

    def names(*patterns: str, statuses: list[J] | None = None, limit: int = 9,
              after: int | None = None) -> tuple[list[str], int | None]:  # fmt: skip
        page = list_jobs(ports, run_id, (patterns, statuses or []), limit, after)
        return [each.spec.name for each in page.items], page.after

    assert names() == (["a", "b", "ab"], None)
    assert names(limit=2) == (["a", "b"], 1)
    assert names(limit=2, after=1) == (["ab"], None)
    assert names("a*") == (["a", "ab"], None)
    assert names("a", "b", "none") == (["a", "b"], None)
    assert names("a", "b", after=0) == (["b"], None)
    assert names("a", "b", statuses=[J.FAILED]) == (["a"], None)
    assert names("*", statuses=[J.WAITING], limit=1) == (["b"], 1)


def test_runs_are_listed_by_the_beginning_of_their_ids_within_what_is_seen() -> None:
    ports = with_runs(["ab", "ac", "b"])
    wanted = RunFilter(prefix="a")
    assert every_run(ports, ALL, 5, wanted) == ["ac/0001", "ab/0000"]
    assert every_run(ports, who("ab"), 5, wanted) == ["ab/0000"]
    assert every_run(ports, who("a"), 5, RunFilter(prefix="ab/")) == ["ab/0000"]
    assert every_run(ports, who("b"), 5, wanted) == []


def test_a_job_whose_name_looks_like_a_pattern_is_found_by_its_name() -> None:
    ports = world()
    record_run(ports, spec("load[1]"), spec("load1"))
    page = list_jobs(ports, "etl/2026", (["load[1]"], []), 9, None)
    assert [each.spec.name for each in page.items] == ["load[1]", "load1"]


def test_a_page_of_jobs_that_told_much_is_short_and_the_rest_comes_next() -> None:
    ports = world()
    names = [f"job-{number:02}" for number in range(40)]
    told = Told(outputs={f"n{number}": "x" * 1000 for number in range(30)})
    states: dict[str, Any] = {name: state(name, J.SUCCEEDED, told=told) for name in names[1:]}
    record_run(ports, *map(spec, names), **states)
    seen: list[str] = []
    after: int | None = None
    pages = 0
    while pages == 0 or after is not None:
        page = list_jobs(ports, "etl/2026", ((), ()), 100, after)
        assert sum(each.state.told.size for each in page.items if each.state.told) <= 512 * 1024
        seen += [each.spec.name for each in page.items]
        after, pages = page.after, pages + 1
    assert (seen, pages) == (names, 3)
