"""Starting runs and keeping schedules, as the services do it over any store and queue."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import JobState, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import BackendError, ConflictError, InvalidInputError, NotFoundError
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services.runs import StartRequest, start
from chalicelib.services.schedules import put
from tests.builders import job, loaded
from tests.unit.runs import NOW
from tests.unit.stores import world

ADA = StartRequest(actor="ada")


@pytest.fixture
def ports() -> Ports:
    return world()


def stored(ports: Ports, *jobs: dict[str, Any], **fields: Any) -> StoredSchedule:
    return put(ports, loaded(*jobs, **fields), "ada")


def test_a_schedule_s_versions_count_from_one(ports: Ports) -> None:
    assert [stored(ports, job(name)).version for name in "ab"] == [1, 2]
    assert ports.schedules.get_schedule("nightly", 1).digest != (
        ports.schedules.get_schedule("nightly").digest
    )


def test_a_document_equal_to_the_newest_version_is_not_stored_again(ports: Ports) -> None:
    first = stored(ports, job("a"))
    assert stored(ports, job("a")) == first


def test_a_document_equal_to_an_older_version_is_a_new_version(ports: Ports) -> None:
    assert [stored(ports, job(name)).version for name in "aba"] == [1, 2, 3]


def test_a_version_counts_its_finally_jobs_too(ports: Ports) -> None:
    assert stored(ports, job("a"), finally_jobs=[job("tidy")]).jobs == 2


def test_a_run_freezes_the_version_it_was_started_from(ports: Ports) -> None:
    first = stored(ports, job("a"))
    stored(ports, job("b"))
    run = ports.runs.load_run(start(ports, first, ADA).run_id)
    assert list(run.specs) == ["a"]
    assert (run.header.schedule_version, run.header.schedule_digest) == (1, first.digest)
    assert (run.header.status, run.header.started_by) == (RunStatus.RUNNING, "ada")
    assert run.states["a"].status is JobStatus.WAITING


def test_the_values_of_a_run_are_kept_with_it(ports: Ports) -> None:
    schedule = stored(
        ports,
        job("a"),
        parameters={"date": {"type": "date"}, "n": {"type": "integer", "default": 3}},
    )
    header = start(ports, schedule, StartRequest(actor="ada", parameters={"date": "2026-11-23"}))
    assert dict(header.parameters) == {"date": "2026-11-23", "n": 3}


def test_a_relative_working_directory_is_below_where_the_run_was_started(ports: Ports) -> None:
    schedule = stored(ports, job("a"), workingDirectory="etl")
    header = start(ports, schedule, StartRequest(actor="ada", working_directory="/home/ada"))
    assert header.working_directory == "/home/ada/etl"


class LosingStore(MemoryStore):
    """Loses the replies to `create_run`; `does` says whether it makes the run at all."""

    def __init__(self, *, does: bool, retryable: bool = True) -> None:
        super().__init__()
        self._does = does
        self._retryable = retryable

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        if self._does:
            super().create_run(header, specs, states)
        raise BackendError("store", "create_run", "no answer", retryable=self._retryable)


def test_a_run_that_was_made_although_the_reply_was_lost_is_started() -> None:
    ports = world(store=LosingStore(does=True))
    header = start(ports, stored(ports), ADA)
    assert [found.run_id for found in ports.runs.find_headers()] == [header.run_id]


def test_a_run_that_was_not_made_is_not_said_to_be() -> None:
    ports = world(store=LosingStore(does=False))
    with pytest.raises(BackendError, match="no answer"):
        start(ports, stored(ports), ADA)


def test_another_s_run_of_the_same_moment_is_not_taken_for_the_lost_one() -> None:
    store = LosingStore(does=False)
    ports = world(store=store)
    schedule = stored(ports)
    bob = start(world(store=MemoryStore()), schedule, StartRequest(actor="bob"))
    MemoryStore.create_run(store, bob, [], {})
    with pytest.raises(BackendError, match="no answer"):
        start(ports, schedule, ADA)


def test_runs_started_in_the_same_moment_get_starts_of_their_own(ports: Ports) -> None:
    schedule = stored(ports)
    runs = [start(ports, schedule, ADA) for _ in range(3)]
    assert [run.started_at for run in runs] == [
        NOW, NOW.replace(microsecond=1), NOW.replace(microsecond=2),
    ]  # fmt: skip


def test_a_run_is_started_for_the_execution_that_asks_and_for_nobody_else(ports: Ports) -> None:
    schedule = stored(ports)
    one, two = (StartRequest(actor=name, at=NOW, driver=name) for name in ("one", "two"))
    runs = [start(ports, schedule, request).run_id for request in (one, two, one, two)]
    assert runs[:2] == runs[2:]
    assert len(ports.runs.find_headers()) == 2


class SlowStore(MemoryStore):
    """A store in which somebody is making a run, which until then nobody sees."""

    is_made = False

    def get_header(self, run_id: str) -> RunHeader:
        if not self.is_made:
            raise NotFoundError("run", run_id)
        return super().get_header(run_id)


def test_an_execution_waits_until_the_run_of_the_same_moment_can_be_seen() -> None:
    store = SlowStore()
    ports = world(store=store)
    schedule = stored(ports)
    one, two = (StartRequest(actor=name, at=NOW, driver=name) for name in ("one", "two"))
    first = start(ports, schedule, one)
    for request in (one, two):
        with pytest.raises(BackendError, match="is being made at this moment") as caught:
            start(ports, schedule, request)
        assert caught.value.retryable
    store.is_made = True
    assert start(ports, schedule, one).run_id == first.run_id
    assert start(ports, schedule, two).run_id != first.run_id


def test_more_runs_than_microseconds_are_looked_at_are_refused(ports: Ports) -> None:
    schedule = stored(ports)
    for _ in range(100):
        start(ports, schedule, ADA)
    with pytest.raises(ConflictError, match="100 runs of nightly start in the same microsecond"):
        start(ports, schedule, ADA)


def test_jobs_that_the_queue_could_never_run_are_all_told_and_nothing_is_stored(
    ports: Ports,
) -> None:
    foreign = {"command": None, "jobDefinition": "clean:3"}
    schedule = stored(
        ports, job("a"), job("b", **foreign), job("c"), finally_jobs=[job("tidy", **foreign)]
    )
    with pytest.raises(InvalidInputError) as caught:
        start(ports, schedule, ADA)
    told = [(problem.path, problem.found) for problem in caught.value.problems]
    assert told == [("$.jobList[1]", "clean:3"), ("$.finally[0]", "clean:3")]
    assert caught.value.reason.startswith("job 'b' can't run here: it needs ")
    assert ports.runs.find_headers() == []


def test_a_job_that_is_passed_needs_nothing_of_the_queue(ports: Ports) -> None:
    schedule = stored(ports, job("a", command=None, jobDefinition="clean:3", jobStatus="PASS"))
    assert start(ports, schedule, ADA).status is RunStatus.RUNNING
