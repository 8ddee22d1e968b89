"""Executions that fail for good: the run says so, people are told, and another drives it on."""

from typing import Any

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.driving_ports import Notice
from chalicelib.errors import BackendError, NotFoundError
from chalicelib.local.memory_driving import MemoryNotices
from chalicelib.services import steps
from chalicelib.services.steps import Leg, Next
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.oracle import judge
from tests.simulation.scenarios import BY_NAME

GONE = NotFoundError("table", "BatchScheduleJobs-dev")  # an error that no retry mends
STEPS = ("get_schedule", "submit_jobs", "wait_for_change", "poll_jobs", "record_history", "notify")
DRIVER_FAILED = ("FAILED", "DriverFailed")
DONE = ("SUCCEEDED", "")


class BrokenWorld(DrivenWorld):
    """Its functions fail with `errors`, one after the other, when their names come up."""

    def __init__(self, errors: dict[str, list[Exception]], scenario: str = "chain") -> None:
        super().__init__(BY_NAME[scenario])
        self.errors = errors

    def invoke(self, function: str, event: Any) -> Any:
        if waiting := self.errors.get(function):
            raise waiting.pop(0)
        return super().invoke(function, event)

    def ended(self) -> list[tuple[str, str]]:
        """How each execution ended, in the order of their starts."""
        return [(each.status, each.error) for each in self.machine.executions.values()]

    def acts(self) -> list[str]:
        return [event.act for event in self.store.events(self.run_id)]

    def drive_to_the_end(self) -> None:
        """Drive until no execution is left."""
        self.drive()
        while self.machine.running():
            if not self.machine.run_due():
                self.clock.advance(1.0)


@pytest.mark.parametrize("function", ["submit_jobs", "poll_jobs", "record_history"])
def test_a_step_that_fails_for_good_is_told_and_reconcile_finds_another_driver(
    function: str,
) -> None:
    world = BrokenWorld({function: [GONE]})
    world.drive_to_the_end()
    judge(world.evidence())
    assert world.header.status is RunStatus.SUCCEEDED
    assert world.ended() == [DRIVER_FAILED, DONE]
    assert "DRIVER_FAILED" in world.acts()
    subjects = [notice.subject for notice in world.notices.published]
    assert subjects == ["etl: driver failed", "etl: run SUCCEEDED"]
    [reason] = [each.reason for each in world.store.events(world.run_id)
                if each.act == "DRIVER_FAILED"]  # fmt: skip
    assert reason == "NotFoundError: There is no table 'BatchScheduleJobs-dev'."
    assert world.notices.published[0].message.splitlines()[0].endswith(f"has failed: {reason}")


def test_an_execution_that_can_not_even_begin_leaves_its_run_to_reconcile() -> None:
    world = BrokenWorld({"get_schedule": [GONE]})
    world.drive_to_the_end()
    assert world.ended() == [("FAILED", "NotFoundError"), DONE]
    assert world.header.status is RunStatus.SUCCEEDED


def test_a_run_whose_driver_could_not_even_give_up_is_found_by_reconcile() -> None:
    world = BrokenWorld({"submit_jobs": [GONE], "notify": [GONE]})
    world.drive_to_the_end()
    assert world.ended() == [DRIVER_FAILED, DONE]
    assert world.header.status is RunStatus.SUCCEEDED
    assert "DRIVER_FAILED" not in world.acts()
    assert world.header.handovers == 1


def test_a_notice_that_fails_for_good_changes_nothing_of_the_end() -> None:
    world = BrokenWorld({"notify": [GONE]})
    world.drive_to_the_end()
    assert world.header.status is RunStatus.SUCCEEDED
    assert world.ended() == [DONE]


def test_trouble_that_passes_is_waited_for_and_nobody_hears_of_it() -> None:
    trouble: list[Exception] = [BackendError("DynamoDB", "Query", "no", retryable=True)] * 3
    world = BrokenWorld({name: list(trouble) for name in STEPS})
    world.drive_to_the_end()
    assert not any(world.errors.values())
    assert world.ended() == [DONE]
    assert "DRIVER_FAILED" not in world.acts()


def test_a_driver_that_nobody_could_wake_looks_by_itself() -> None:
    world = BrokenWorld({"wait_for_change": [GONE] * 10})
    world.drive_to_the_end()
    assert len(world.errors["wait_for_change"]) < 10
    assert world.ended() == [DONE]


class DeafNotices(MemoryNotices):
    """Takes no notice at first."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 1

    def publish(self, notice: Notice) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BackendError("SNS", "Publish", "Throttling", retryable=True)
        super().publish(notice)


def test_a_driver_that_gave_up_and_could_not_tell_tells_at_its_next_try() -> None:
    world = BrokenWorld({"submit_jobs": [GONE]})
    world.notices = DeafNotices()
    world.drive_to_the_end()
    subjects = [notice.subject for notice in world.notices.published]
    assert subjects == ["etl: driver failed", "etl: run SUCCEEDED"]
    assert world.acts().count("DRIVER_FAILED") == 1


def test_how_a_generation_ended_is_not_changed_by_a_restart_after_it() -> None:
    world = BrokenWorld({}, "failure")
    world.drive_to_the_end()
    ended = world.header
    world.restart()
    leg = Leg(run_id=world.run_id, driver="etl-1", status=ended.status, next=Next.NOTIFY)
    told = len(world.notices.published)
    assert steps.notify(world.ports(), leg).status is RunStatus.FAILED
    assert len(world.notices.published) == told
