"""What waits for the disk, and what does not: tickets, starts that may go ahead, submissions."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.batch_requests import parse_submit
from chalicelib.local.batch_rules import Batch
from chalicelib.local.host_ahead import ANNOUNCED, Ahead
from chalicelib.local.host_connections import Connection
from chalicelib.local.host_desk import Desk
from chalicelib.local.host_disk import Disk
from chalicelib.local.host_store import HostStore, begun
from chalicelib.local.slots import Capacity


@contextmanager
def disk_of(path: Path) -> Iterator[tuple[Disk, socket.socket]]:
    wakeup, alarm = socket.socketpair()
    with wakeup, alarm:
        wakeup.settimeout(10)
        with closing(Disk(path, alarm)) as disk:
            yield disk, wakeup


def test_the_turn_of_a_ticket_comes_with_an_alarm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with disk_of(tmp_path / "file") as (disk, wakeup):
        assert disk.has(0)
        tickets = [disk.ask(), disk.ask()]
        for ticket in tickets:
            while not disk.has(ticket):
                assert wakeup.recv(1)
    assert not disk.has(tickets[-1] + 1)


def test_a_disk_that_fails_says_so_instead_of_letting_wait_for_ever(tmp_path: Path) -> None:
    with disk_of(tmp_path / "missing") as (disk, wakeup):
        ticket = disk.ask()
        assert wakeup.recv(1)
        with pytest.raises(FileNotFoundError):
            disk.has(ticket)


class SlowDisk(Disk):
    """Takes what was asked of it when it is told to."""

    def __init__(self) -> None:
        self.given = 0
        self.done = 0

    def ask(self) -> int:
        self.given += 1
        return self.given

    def has(self, ticket: int) -> bool:
        return self.done >= ticket


# Starts


class Facts(HostStore):
    """The facts of a store, in memory."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}

    def put_fact(self, name: str, value: str) -> None:
        self.facts[name] = value


class Machine:
    """A host's starts, and every state of its record that a power cut may leave."""

    def __init__(self) -> None:
        self.batch = Batch(Capacity(2, 1024))
        self.store = Facts()
        self.disk = SlowDisk()
        self.ahead = Ahead(self.batch.slots, self.store, self.disk)
        self.submitted = 0
        self.begun: dict[int, int] = {}  # attempts by number of job
        self.images: list[tuple[int, set[int], dict[int, int]]] = [(0, set(), {})]
        self.waits = 0  # for the disk, with a job that could have started
        self.running: list[QueuedJob] = []

    def submit(self, priority: int = 0) -> None:
        self.submitted += 1
        request = parse_submit(
            {
                "jobName": "a",
                "containerOverrides": {"command": ["true"]},
                "retryStrategy": {"attempts": 3},
                "schedulingPriorityOverride": priority,
            }
        )
        self.batch.accept(f"job-{self.submitted}", self.submitted, request, 0, {})

    def start(self) -> None:
        starting = self.batch.start_next()
        if not self.ahead.allows(starting):
            self.waits += 1
            self.commit(starting, durable=True)
        self.begin(starting)
        if self.ahead.is_short:
            self.commit([], durable=False)

    def begin(self, starting: list[QueuedJob]) -> None:
        for job in starting:
            self.begun[job.number] = job.attempt
            self.ahead.note_start(job)
            self.batch.started(job, 0)
            self.running.append(job)
            self.check(job)

    def commit(self, starting: list[QueuedJob], *, durable: bool) -> None:
        announced = self.ahead.announce(starting)
        self.ahead.announced(announced, durable=durable)
        ticket = 0 if durable else self.disk.given
        named = set(json.loads(self.store.facts[ANNOUNCED]))
        begun_attempts = {**self.begun, **{job.number: job.attempt for job in starting}}
        self.images.append((ticket, named, begun_attempts))
        if durable:
            self.disk.done = self.disk.given

    def end(self, exit_code: int) -> None:
        if self.running:
            self.batch.ended(self.running.pop(0), exit_code, "", 0)

    def turn(self) -> None:
        self.disk.done = self.disk.given

    def check(self, job: QueuedJob) -> None:
        """Whatever the disk has now, the next host knows that this attempt may have begun."""
        on_disk = [at for at, image in enumerate(self.images) if self.disk.has(image[0])]
        for _, announced, begun_attempts in self.images[on_disk[-1] :]:
            known = begun_attempts.get(job.number, 0) + (job.number in announced)
            assert job.attempt <= known


_ACTS = st.lists(
    st.sampled_from(["work", "work", "work", "fail", "turn", "rush"]), min_size=20, max_size=60
)


@given(st.integers(1, 300), _ACTS)
def test_a_power_cut_at_any_instant_makes_no_attempt_start_twice(
    jobs: int, acts: list[str]
) -> None:
    host = Machine()
    for _ in range(jobs):
        host.submit()
    for act in acts:
        match act:
            case "rush":
                for _ in range(20):
                    host.submit(priority=9)
            case "turn":
                host.turn()
            case "fail":
                host.start()
                host.end(1)
            case _:
                for _ in range(12):
                    host.start()
                    host.end(0)


def test_a_start_that_a_full_disk_held_back_may_have_been_when_the_power_is_cut() -> None:
    host = Machine()
    for _ in range(200):
        host.submit()
    host.start()
    host.end(0)
    held = host.batch.start_next()
    assert host.ahead.allows(held)
    host.commit([], durable=False)
    host.begin(held)


def test_what_the_disk_was_told_of_one_attempt_holds_for_no_other() -> None:
    host = Machine()
    for _ in range(200):
        host.submit()
    host.start()
    host.end(0)
    host.end(0)
    host.commit([], durable=False)
    host.start()
    host.end(1)
    host.turn()
    host.start()
    assert host.waits == 2


def test_many_jobs_start_one_after_the_other_without_waiting_for_the_disk() -> None:
    host = Machine()
    for _ in range(1_000):
        host.submit()
    for _ in range(500):
        host.start()
        host.end(0)
        host.end(0)
        host.turn()
    assert not host.batch.live
    assert host.waits == 1
    assert len(host.images) < 20


def test_while_the_disk_takes_its_time_all_start_of_which_it_knows() -> None:
    host = Machine()
    for _ in range(1_000):
        host.submit()
    for _ in range(65):
        host.start()
        host.end(0)
        host.end(0)
    assert host.waits == 1
    host.start()
    assert host.waits == 2


# Submissions


class Client:
    """Somebody connected to a desk."""

    def __init__(self, desk: Desk) -> None:
        channel, self._far = socket.socketpair()
        channel.setblocking(False)
        self._connection = Connection(channel)
        self._desk = desk

    def ask(self, action: str, **members: Any) -> list[dict[str, Any]]:
        frame = {"id": 1, "action": action, **members}
        self._desk.handle([(self._connection, json.dumps(frame), frame)], 5)
        return self.replies()

    def submit(self, *upstream: str) -> list[dict[str, Any]]:
        depends_on = [{"jobId": job_id} for job_id in upstream]
        request = {"jobName": "a", "containerOverrides": {"command": ["true"]}}
        return self.ask("SubmitJob", request={**request, "dependsOn": depends_on})

    def replies(self) -> list[dict[str, Any]]:
        """What the desk owes by now."""
        self._connection.owe('{"end": true}')
        self._connection.flush()
        *lines, _ = self._far.recv(100_000).splitlines()
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        self._far.close()
        self._connection.channel.close()


class Office:
    """A desk, with a disk that takes its time."""

    def __init__(self, store: HostStore) -> None:
        self.store = store
        self.batch = Batch(Capacity(1, 1024))
        self.disk = SlowDisk()
        self.desk = Desk(self.batch, store, self.disk)
        self.client = Client(self.desk)
        self.other = Client(self.desk)

    def turn(self) -> None:
        """The disk has taken everything, and the desk notices."""
        self.disk.done = self.disk.given
        self.desk.handle([], 7)

    def accept(self, *upstream: str) -> str:
        assert self.client.submit(*upstream) == []
        self.turn()
        [reply] = self.client.replies()
        job_id: str = reply["jobId"]
        return job_id


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with closing(HostStore(tmp_path / "host.db")) as store:
        made = Office(store)
        with closing(made.client), closing(made.other):
            yield made


def test_a_submission_is_neither_answered_nor_runnable_before_the_disk_has_it(
    office: Office,
) -> None:
    assert office.client.submit() == []
    assert office.batch.start_next() == []
    office.turn()
    [reply] = office.client.replies()
    assert [job.job_id for job in office.batch.start_next()] == [reply["jobId"]]


def test_who_asks_while_the_disk_takes_a_submission_is_told_of_it(office: Office) -> None:
    office.client.submit()
    name = {"name": "JOB_NAME", "values": ["a"]}
    assert office.other.ask("ListJobs", jobQueue="default", filters=[name]) == []
    office.turn()
    [listed] = office.other.replies()
    [reply] = office.client.replies()
    assert [job["jobId"] for job in listed["jobSummaryList"]] == [reply["jobId"]]


def test_what_is_submitted_while_the_disk_takes_another_waits_for_its_own_turn(
    office: Office,
) -> None:
    office.client.submit()
    office.other.submit()
    office.turn()
    assert len(office.client.replies()) == 1
    assert office.other.replies() == []
    office.turn()
    assert len(office.other.replies()) == 1


def test_a_job_whose_upstream_fails_while_the_disk_takes_it_fails_with_it(office: Office) -> None:
    upstream = office.accept()
    [running] = office.batch.start_next()
    office.store.note([begun(running, 5, "slate")], {})
    office.batch.started(running, 5)
    office.client.submit(upstream)
    office.batch.ended(running, 1, "", 6)
    office.turn()
    [reply] = office.client.replies()
    [described] = office.other.ask("DescribeJobs", jobs=[reply["jobId"]])
    assert described["jobs"][0]["statusReason"] == "Dependent job failed"
