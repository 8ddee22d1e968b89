"""What reconcile finds and makes good, run by run, in memory."""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.batch import QueueLimits
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.naming import execution_name, run_id
from chalicelib.core.notices import Posted
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import DrivingPorts, Notice
from chalicelib.errors import BackendError, ConflictError, InvalidInputError
from chalicelib.local.memory_driving import MemoryArchive, MemoryExecutions, MemoryNotices
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.ports import WatchingDrivers
from chalicelib.services import archiving, driving, operations, reconciling
from chalicelib.services.ticking import tick
from cloudformation import rendering
from tests.unit.runs import EARLIER, NOW, header, order, spec, state
from tests.unit.stores import driving_world, record_run
from tests.unit.triggered import put as put_schedule
from tests.unit.triggered import runs

PASSING = BackendError("Step Functions", "DescribeExecution", "slow down", retryable=True)
LASTING = BackendError("Step Functions", "DescribeExecution", "AccessDenied: no", retryable=False)


def plenty() -> int:
    return 240_000


def a_run(name: str = "etl", **members: Any) -> RunHeader:
    return header(run_id=run_id(name, EARLIER), schedule_id=name, **members)


def an_end(name: str = "etl", minutes: float = 60, **members: Any) -> RunHeader:
    """A run that ended so long ago."""
    given = {"status": RunStatus.FAILED, "ended_at": NOW - timedelta(minutes=minutes)}
    return a_run(name, **{**given, **members})


def put(ports: DrivingPorts, *runs: RunHeader) -> None:
    for run in runs:
        record_run(ports, spec("a"), run=run)


def found(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the alarm counts: lines of the log that have the words of its filter."""
    phrase = json.loads(metric_filter()["FilterPattern"])
    return [record.getMessage() for record in caplog.records if phrase in record.getMessage()]


def metric_filter() -> dict[str, Any]:
    resources = rendering.companion()["Resources"]
    properties: dict[str, Any] = resources["ReconcileFoundMetric"]["Properties"]
    return properties


def test_the_alarm_counts_the_lines_that_tell_of_what_was_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ports = driving_world()
    put(ports, a_run("a"), a_run("b"), an_end("c"))
    assert reconciling.reconcile(ports, plenty) == 3
    assert len(found(caplog)) == 3
    # Lambda's own handler lets pass what is a warning or worse.
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    [transformation] = metric_filter()["MetricTransformations"]
    assert transformation["MetricValue"] == "1"


def test_the_alarm_reads_the_metric_that_the_filter_writes() -> None:
    resources = rendering.companion()["Resources"]
    alarm = resources["ReconcileFoundAlarm"]["Properties"]
    [transformation] = metric_filter()["MetricTransformations"]
    assert alarm["Namespace"] == transformation["MetricNamespace"]
    assert alarm["MetricName"] == transformation["MetricName"]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)


def test_when_nothing_is_to_do_nothing_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    ports = driving_world()
    assert reconciling.reconcile(ports, plenty) == 0
    assert caplog.records == []


def test_a_run_whose_execution_was_never_started_is_given_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ports = driving_world()
    put(ports, a_run())
    name = execution_name(a_run().run_id, 1, 0)
    assert reconciling.reconcile(ports, plenty) == 1
    assert found(caplog) == [
        f"reconcile found {a_run().run_id} without its execution {name}, which was started"
    ]
    assert reconciling.reconcile(ports, plenty) == 0


def test_a_run_that_began_this_minute_is_left_to_whoever_began_it() -> None:
    ports = driving_world()
    put(ports, a_run(started_at=NOW - timedelta(seconds=59)))
    assert reconciling.reconcile(ports, plenty) == 0


def test_a_run_whose_execution_is_no_more_is_given_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ports = driving_world()
    put(ports, a_run(driver="first"))
    executions_of(ports).started["first"] = {}
    executions_of(ports).ended.add("first")
    assert reconciling.reconcile(ports, plenty) == 1
    driver = ports.runs.get_header(a_run().run_id).driver
    assert driver == execution_name(a_run().run_id, 1, 1)
    assert driver in executions_of(ports).started
    assert "left by its execution first, and gave it to another" in found(caplog)[0]


def failed_at(ports: DrivingPorts, *minutes: float) -> None:
    """Let drivers of the run fail, each so long ago, the first one first."""
    for ago in minutes:
        early = replace(ports, clock=VirtualClock(NOW - timedelta(minutes=ago)))
        taken = driving.claim(early, ports.runs.get_header(a_run().run_id), f"driver-{ago}")
        assert taken is not None
        driving.give_up(early, taken, "InvalidInputError: is no status")


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ((1,), 1),
        ((9, 4), 0),
        ((9, 6), 1),
        ((30, 20, 14), 0),
        ((30, 20, 16), 1),
        ((*range(590, 60, -10), 59), 0),
        ((*range(590, 60, -10), 61), 1),
        ((300, 170, 1), 1),
    ],
    ids=[
        "once",
        "twice",
        "twice, then",
        "thrice",
        "thrice, then",
        "often",
        "often, then",
        "rarely",
    ],
)
def test_a_run_whose_drivers_failed_in_a_row_gets_the_next_one_ever_later(
    minutes: tuple[float, ...], found: int
) -> None:
    ports = driving_world()
    put(ports, a_run())
    failed_at(ports, *minutes)
    assert reconciling.reconcile(ports, plenty) == found
    assert len(executions_of(ports).started) == found


def test_a_person_who_asks_for_drivers_need_not_wait_for_one() -> None:
    ports = driving_world()
    put(ports, a_run())
    failed_at(ports, 9, 4)
    assert reconciling.look_after_drivers(ports, plenty) == 1


def test_what_failed_before_a_restart_keeps_no_driver_away() -> None:
    ports = driving_world()
    record_run(ports, spec("a"), run=a_run(), a=state("a", JobStatus.FAILED))
    failed_at(ports, 9, 4)
    unheard = replace(ports, drivers=WatchingDrivers())
    operations.restart(unheard, a_run().run_id, order(Act.RESTART))
    assert reconciling.reconcile(ports, plenty) == 1


def executions_of(ports: DrivingPorts) -> MemoryExecutions:
    assert isinstance(ports.executions, MemoryExecutions)
    return ports.executions


class Moody(MemoryExecutions):
    """Fails for the execution of one run."""

    def __init__(self, run: RunHeader, error: Exception) -> None:
        super().__init__()
        self._name = execution_name(run.run_id, 1, 0)
        self._error = error

    def is_running(self, name: str) -> bool | None:
        if name == self._name:
            raise self._error
        return super().is_running(name)


@pytest.mark.parametrize(
    ("error", "counted"),
    [(PASSING, 1), (LASTING, 2), (InvalidInputError.at("$.jobStatus", "is no status"), 2)],
    ids=["passing", "lasting", "bad"],
)
def test_one_bad_run_keeps_none_from_help(
    error: Exception, counted: int, caplog: pytest.LogCaptureFixture
) -> None:
    ports = replace(driving_world(), executions=Moody(a_run("bad"), error))
    put(ports, a_run("bad"), a_run("good"))
    assert reconciling.reconcile(ports, plenty) == counted
    assert len(executions_of(ports).started) == 1
    assert len(found(caplog)) == counted
    assert any(str(error) in record.getMessage() for record in caplog.records)


def test_a_run_that_somebody_else_moves_at_this_moment_is_left_to_him(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ports = driving_world()
    put(ports, a_run(driver="first"))

    class Busy(MemoryExecutions):
        def is_running(self, name: str) -> bool:
            before = ports.runs.get_header(a_run().run_id)
            moved = replace(before, revision=before.revision + 1)
            ports.runs.record(before, [], after=moved)
            return False

    assert reconciling.reconcile(replace(ports, executions=Busy()), plenty) == 0
    assert found(caplog) == []


# Reservations


FENCE = timedelta(seconds=900)


class Fenced(MemoryQueue):
    """A queue that may hide a job for a quarter of an hour."""

    @property
    def limits(self) -> QueueLimits:
        return QueueLimits(fence=FENCE.total_seconds())


def reserving_world() -> DrivingPorts:
    ports = driving_world(Fenced(VirtualClock(NOW)))
    executions_of(ports).started["first"] = {}
    return ports


@pytest.mark.parametrize(
    ("waited", "woken"),
    [(FENCE + timedelta(minutes=10), 0), (FENCE + timedelta(minutes=10, seconds=1), 1)],
)
def test_a_driver_that_sleeps_over_a_reservation_past_the_fence_is_woken(
    waited: timedelta, woken: int, caplog: pytest.LogCaptureFixture
) -> None:
    ports = reserving_world()
    reserved = state("a", JobStatus.RESERVED, reserved_at=NOW - waited)
    record_run(ports, spec("a"), run=a_run(driver="first"), a=reserved)
    ports.marks.arm(a_run().run_id, "token")
    assert reconciling.reconcile(ports, plenty) == woken
    assert ports.marks.mark(a_run().run_id) == ("" if woken else "token")
    assert len(found(caplog)) == woken


def test_a_reservation_whose_time_nobody_wrote_wakes_nobody() -> None:
    ports = reserving_world()
    reserved = state("a", JobStatus.RESERVED, reserved_at=None)
    record_run(ports, spec("a"), run=a_run(driver="first"), a=reserved)
    assert reconciling.reconcile(ports, plenty) == 0


# Archives


def archive_of(ports: DrivingPorts) -> MemoryArchive:
    assert isinstance(ports.archive, MemoryArchive)
    return ports.archive


def test_an_ended_run_that_is_not_archived_is_archived_and_sealed() -> None:
    ports = driving_world()
    put(ports, an_end())
    assert reconciling.reconcile(ports, plenty) == 1
    about = ports.runs.get_header(a_run().run_id)
    assert (about.archive, about.expires_at) == (
        f"memory:{about.run_id}",
        NOW + timedelta(days=90),
    )
    assert list(archive_of(ports).files) == [about.run_id]
    assert reconciling.reconcile(ports, plenty) == 0


def notices_of(ports: DrivingPorts) -> MemoryNotices:
    assert isinstance(ports.notices, MemoryNotices)
    return ports.notices


def test_the_end_of_a_run_that_nobody_archived_is_told_as_well_for_nobody_may_have_told_it() -> (
    None
):
    ports = driving_world()
    put(ports, an_end())
    reconciling.reconcile(ports, plenty)
    reconciling.reconcile(ports, plenty)
    [notice] = notices_of(ports).published
    assert (notice.id, notice.subject) == (f"{a_run().run_id}/1/end", "etl: run FAILED")


def test_an_end_of_long_ago_is_archived_and_no_news() -> None:
    ports = driving_world()
    put(ports, an_end(minutes=24 * 60))
    assert reconciling.reconcile(ports, plenty) == 1
    assert not notices_of(ports).published


def waiting_for(ports: DrivingPorts, schedule_id: str) -> None:
    put_schedule(ports, "next", {"name": "after", "onRun": {"schedule": schedule_id}})


def test_what_waits_for_the_end_of_a_run_that_nobody_archived_hears_of_it_once() -> None:
    ports = driving_world()
    waiting_for(ports, a_run().schedule_id)
    put(ports, an_end(status=RunStatus.SUCCEEDED))
    for _ in range(2):
        reconciling.reconcile(ports, plenty)
        tick(ports)
    assert len(runs(ports, "next")) == 1


def test_an_end_of_long_ago_starts_nothing() -> None:
    ports = driving_world()
    waiting_for(ports, a_run().schedule_id)
    put(ports, an_end(status=RunStatus.SUCCEEDED, minutes=24 * 60))
    reconciling.reconcile(ports, plenty)
    tick(ports)
    assert runs(ports, "next") == []


class DeafTriggers(MemoryTriggers):
    """Says to nobody who listens."""

    def listeners(self, event: str) -> list[str]:
        raise BackendError("store", "listeners", "throttled", retryable=True)


def test_people_are_told_though_what_waits_can_not_hear_and_it_hears_later() -> None:
    hearing = driving_world()
    waiting_for(hearing, a_run().schedule_id)
    put(hearing, an_end(status=RunStatus.SUCCEEDED))
    for ports in (replace(hearing, triggers=DeafTriggers()), hearing):
        assert reconciling.reconcile(ports, plenty) == 1
        assert len(notices_of(hearing).published) == 1 + (ports is hearing)
    assert reconciling.reconcile(hearing, plenty) == 0
    tick(hearing)
    assert len(runs(hearing, "next")) == 1


class Deaf(MemoryNotices):
    """Takes no notice."""

    def publish(self, notice: Notice) -> None:
        raise BackendError("SNS", "Publish", "Throttling", retryable=True)


def test_people_who_can_not_be_told_keep_no_run_from_its_archive() -> None:
    ports = replace(driving_world(), notices=Deaf())
    put(ports, an_end())
    assert reconciling.reconcile(ports, plenty) == 1
    assert list(archive_of(ports).files) == [a_run().run_id]


def test_f37_an_end_that_can_not_be_told_now_is_told_by_a_later_reconciliation_and_once() -> None:
    hearing = driving_world()
    put(hearing, an_end())
    deaf = replace(hearing, notices=Deaf())
    for ports in (deaf, deaf, hearing):
        assert reconciling.reconcile(ports, plenty) == 1
    assert reconciling.reconcile(hearing, plenty) == 0
    [notice] = notices_of(hearing).published
    assert notice.id == f"{a_run().run_id}/1/end"


def test_a_stage_that_keeps_for_ever_archives_and_lets_nothing_expire() -> None:
    ports = driving_world(keep=None)
    put(ports, an_end())
    assert reconciling.reconcile(ports, plenty) == 1
    about = ports.runs.get_header(a_run().run_id)
    assert about.archive
    assert about.expires_at is None


def test_a_run_that_has_just_ended_is_left_to_its_driver() -> None:
    ports = driving_world()
    put(ports, an_end(minutes=14))
    assert reconciling.reconcile(ports, plenty) == 0


class Picky(MemoryArchive):
    """Takes all but the runs of one schedule."""

    def write(self, header: RunHeader, read: Callable[[], Iterable[str]]) -> str:
        if header.schedule_id == "bad":
            raise BackendError("S3", "PutObject", "AccessDenied: no", retryable=False)
        return super().write(header, read)


def test_an_archive_that_can_not_be_written_is_told_each_time_and_keeps_no_other_from_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ports = replace(driving_world(), archive=Picky())
    put(ports, an_end("bad", minutes=90), an_end("good"))
    assert reconciling.reconcile(ports, plenty) == 2
    assert list(archive_of(ports).files) == [an_end("good").run_id]
    caplog.clear()
    assert reconciling.reconcile(ports, plenty) == 1
    [line] = found(caplog)
    assert "ended and not archived, and can't archive it: S3 PutObject: AccessDenied" in line


class Ticking:
    """The time that is left, a minute less at each look."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self) -> int:
        self.left -= 60_000
        return self.left


def test_a_pass_ends_in_time_and_the_next_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    ports = driving_world()
    put(ports, *(an_end(f"run-{number}") for number in range(5)))
    assert reconciling.reconcile(ports, Ticking(240_000)) == 3
    assert "no time for all" in caplog.records[-1].getMessage()
    assert reconciling.reconcile(ports, Ticking(240_000)) == 2


class Noting(MemoryExecutions):
    """Every execution runs; it notes which were asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def is_running(self, name: str) -> bool:
        self.asked.append(name)
        return True


def test_runs_that_time_ran_out_for_come_first_another_time() -> None:
    executions, clock = Noting(), VirtualClock(NOW)
    ports = replace(driving_world(), executions=executions, clock=clock)
    names = {f"run-{number}" for number in range(12)}
    put(ports, *(a_run(name, driver=name) for name in names))
    for _ in range(20):
        reconciling.reconcile(ports, Ticking(240_000))
        clock.advance(300)
    assert len(executions.asked) == 20 * 3
    assert set(executions.asked) == names


# Archiving


def test_a_run_that_goes_on_is_not_archived() -> None:
    ports = driving_world()
    put(ports, a_run())
    with pytest.raises(ConflictError, match="archived when it has ended"):
        archiving.put_away(ports, ports.runs.get_header(a_run().run_id))
    assert archive_of(ports).files == {}


def test_a_run_that_moves_while_it_is_archived_is_archived_at_its_next_end() -> None:
    ports = driving_world()
    put(ports, an_end())
    seen = ports.runs.get_header(a_run().run_id)
    operations.restart(ports, seen.run_id, order(Act.RESTART))
    with pytest.raises(ConflictError, match="has moved on"):
        archiving.put_away(ports, seen)
    assert archive_of(ports).files == {}


class BrokenOutbox(MemoryOutbox):
    """Shows nothing."""

    def pending(self, now: datetime, limit: int) -> list[Posted]:
        raise BackendError("DynamoDB", "Query", "throttled", retryable=True)


def test_f37_notices_that_can_not_be_looked_for_are_no_run_in_need_of_help(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ports = replace(driving_world(), outbox=BrokenOutbox())
    assert reconciling.reconcile(ports, plenty) == 0
    assert "can't deliver notices now" in caplog.text
    assert found(caplog) == []
