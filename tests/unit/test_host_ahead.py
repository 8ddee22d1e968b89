"""What the disk knows of starts beforehand, and what a power cut may make of it."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.batch_requests import parse_submit
from chalicelib.local.batch_rules import Batch
from chalicelib.local.host_ahead import Ahead
from chalicelib.local.slots import Capacity


class Machine:
    """A host's starts, and what its disk holds: every later state may be lost with the power."""

    def __init__(self, jobs: int) -> None:
        self.batch = Batch(Capacity(2, 1024))
        self.ahead = Ahead(self.batch.slots)
        self.submitted = 0
        self.begun: dict[int, int] = {}  # attempts by number of job
        self.disk: tuple[set[int], dict[int, int]] = (set(), {})  # announced, begun
        self.writes = 0
        self.running: list[QueuedJob] = []
        for _ in range(jobs):
            self.submit()

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
        self.begun.update((job.number, job.attempt) for job in starting)
        if announced := self.ahead.to_announce(starting):
            self.disk = (set(announced), dict(self.begun))
            self.writes += 1
            self.ahead.announced(announced)
        for job in starting:
            self.ahead.start(job)
            self.batch.started(job, 0)
            self.running.append(job)
            self.check(job)

    def end(self, exit_code: int) -> None:
        if self.running:
            self.batch.ended(self.running.pop(0), exit_code, "", 0)

    def check(self, job: QueuedJob) -> None:
        """The next host knows that this attempt may have begun, whatever a power cut takes."""
        announced, begun = self.disk
        assert job.attempt <= begun.get(job.number, 0) + (job.number in announced)


_ACTS = st.lists(st.sampled_from(["start", "start", "end", "fail", "submit", "rush"]), min_size=20)


@given(st.integers(1, 300), _ACTS)
def test_a_power_cut_at_any_instant_makes_no_attempt_start_twice(
    jobs: int, acts: list[str]
) -> None:
    host = Machine(jobs)
    for act in acts:
        match act:
            case "start":
                host.start()
            case "end":
                host.end(0)
            case "fail":
                host.end(1)
            case "submit":
                host.submit()
            case _:
                host.submit(priority=9)


def test_one_write_announces_many_starts() -> None:
    host = Machine(1_000)
    while host.batch.live:
        host.start()
        host.end(0)
    assert host.writes == 8
