"""The run, and the jobs, that a person means."""

from dataclasses import replace

import pytest

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.ports import Ports
from chalicelib.services.finding import counts_of, find_run, find_run_of_jobs
from tests.unit.runs import after, header, spec
from tests.unit.stores import driving_world, record_run, world

J = JobStatus


@pytest.fixture
def ports() -> Ports:
    return world()


def put_runs(ports: Ports, *run_ids: str) -> None:
    """Runs of one job `a` each, started a second apart."""
    for second, run_id in enumerate(run_ids):
        schedule = run_id.partition("/")[0]
        made = header(run_id=run_id, schedule_id=schedule, started_at=after(second))
        record_run(ports, spec("a"), run=made)


@pytest.mark.parametrize("text", ["", "latest"])
def test_nothing_means_the_latest_run_of_all(ports: Ports, text: str) -> None:
    put_runs(ports, "etl/1", "etl/2", "other/1")
    assert find_run(ports, text).run_id == "other/1"


@pytest.mark.parametrize("text", ["", "latest"])
def test_without_any_run_it_is_said_how_to_start_one(ports: Ports, text: str) -> None:
    with pytest.raises(NotFoundError, match="batch-scheduler run FILE"):
        find_run(ports, text)


def test_without_any_run_no_job_is_looked_for(ports: Ports) -> None:
    with pytest.raises(NotFoundError, match="batch-scheduler run FILE"):
        find_run_of_jobs(ports, ["a"])


def test_a_schedule_means_its_latest_run(ports: Ports) -> None:
    put_runs(ports, "etl/1", "etl/2", "other/1")
    assert find_run(ports, "etl").run_id == "etl/2"


def test_a_beginning_that_one_run_has_is_enough(ports: Ports) -> None:
    put_runs(ports, "etl/10", "etl/20")
    assert find_run(ports, "etl/1").run_id == "etl/10"


def test_a_whole_id_means_its_run_though_others_begin_so(ports: Ports) -> None:
    put_runs(ports, "etl/1", "etl/10", "etl/11")
    assert find_run(ports, "etl/1").run_id == "etl/1"


def test_a_beginning_that_several_runs_have_is_a_question(ports: Ports) -> None:
    put_runs(ports, "etl/10", "etl/11")
    with pytest.raises(ConflictError, match=r"several runs, for example etl/11, etl/10\."):
        find_run(ports, "etl/1")


def test_a_run_that_is_not_there_is_told_with_where_to_look(ports: Ports) -> None:
    put_runs(ports, "etl/10")
    with pytest.raises(NotFoundError, match="batch-scheduler runs"):
        find_run(ports, "elt")


def test_a_job_means_the_latest_run_of_its_schedule(ports: Ports) -> None:
    put_runs(ports, "etl/1", "etl/2")
    assert find_run_of_jobs(ports, ["a"]).run_id == "etl/2"


def test_a_job_that_only_an_earlier_run_has_is_not_looked_for_there(ports: Ports) -> None:
    record_run(ports, spec("old"), run=header(run_id="etl/1", started_at=after(-9)))
    put_runs(ports, "etl/2")
    with pytest.raises(NotFoundError, match="latest runs have none such"):
        find_run_of_jobs(ports, ["old"])
    with pytest.raises(NotFoundError, match=r"^No job named old is HELD\. The latest runs have"):
        find_run_of_jobs(ports, ["old"], [JobStatus.HELD])


def test_every_pattern_must_match_in_the_run_that_is_meant(ports: Ports) -> None:
    record_run(ports, spec("a"), spec("b1"), run=header(run_id="etl/1"))
    put_runs(ports, "other/1")
    assert find_run_of_jobs(ports, ["a", "b*"]).run_id == "etl/1"
    with pytest.raises(NotFoundError):
        find_run_of_jobs(ports, ["a", "c*"])


def test_jobs_of_several_schedules_are_a_question(ports: Ports) -> None:
    put_runs(ports, "etl/1", "other/1")
    with pytest.raises(ConflictError, match=r"other/1, etl/1\. Say which: --run RUN"):
        find_run_of_jobs(ports, ["a"])


def test_a_status_chooses_the_run_that_has_jobs_in_it(ports: Ports) -> None:
    put_runs(ports, "etl/1")
    made = header(run_id="other/1", schedule_id="other")
    record_run(ports, spec("a"), run=made, a=J.FAILED)
    assert find_run_of_jobs(ports, [], [J.FAILED]).run_id == "other/1"
    assert find_run_of_jobs(ports, ["a"], [J.FAILED]).run_id == "other/1"


def test_counts_are_in_the_order_of_a_job_s_life_without_zeros() -> None:
    counted = header(counts={"PASS": 1, "FAILED": 0, "WAITING": 2, "RUNNING": 3})
    assert list(counts_of(counted).items()) == [(J.WAITING, 2), (J.RUNNING, 3), (J.PASS, 1)]


def test_jobs_of_an_expired_run_are_not_meant_by_anyone() -> None:
    ports = driving_world()
    put_runs(ports, "etl/1", "other/1")
    before = ports.runs.get_header("etl/1")
    ended = replace(before, status=RunStatus.FAILED, ended_at=after(60), revision=1)
    ports.runs.record(before, [], after=ended)
    ports.retention.seal(ended, "memory:etl/1", after(3600))
    assert isinstance(ports.clock, VirtualClock)
    ports.clock.advance(3600)
    assert find_run_of_jobs(ports, ["a"]).run_id == "other/1"
    assert find_run_of_jobs(ports, ["*"]).run_id == "other/1"
    assert find_run(ports, "etl").run_id == "etl/1"
