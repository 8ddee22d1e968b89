"""EventBridge's rules and what becomes of an event that a function fails on."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.local.memory_queue import VirtualClock
from tests.simulation.faults import Crash
from tests.strict.bus import Bus, Event, matches

PATTERN = {
    "source": ["aws.batch"],
    "$or": [
        {"detail-type": ["Change"], "detail": {"status": ["SUCCEEDED", "FAILED"]}},
        {"detail-type": ["Blocked"]},
    ],
}


def event(kind: str = "Change", status: str = "FAILED", source: str = "aws.batch") -> Event:
    return {"source": source, "detail-type": kind, "detail": {"status": status}}


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        (event(), True),
        (event(status="RUNNING"), False),
        (event("Blocked", "RUNNABLE"), True),
        (event("Other"), False),
        (event(source="aws.states"), False),
        ({"source": "aws.batch"}, False),
        ({**event(), "detail": "FAILED"}, False),
    ],
)
def test_an_event_fits_a_pattern_when_each_of_its_members_does(told: Event, fits: bool) -> None:
    assert matches(PATTERN, told) is fits


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        ({"suffix": ".json"}, "a.json", True),
        ({"suffix": ".json"}, "a.yaml", False),
        ({"prefix": "a/"}, "a/b", True),
        ({"prefix": "a/"}, 1, False),
        ({"exists": True}, "x", True),
        ({"exists": False}, None, True),
        ({"anything-but": ["x"]}, "y", True),
        ({"anything-but": ["x"]}, "x", False),
    ],
)
def test_a_member_may_be_compared_in_other_ways(wanted: Any, found: Any, fits: bool) -> None:
    assert matches({"key": [wanted]}, {"key": found}) is fits


def test_a_comparison_that_is_not_known_is_no_answer() -> None:
    with pytest.raises(NotImplementedError):
        matches({"key": [{"wildcard": "*"}]}, {"key": "x"})


class Bench:
    """A bus whose functions fail as often as a test says."""

    def __init__(self, failures: int = 0, error: BaseException | None = None) -> None:
        self.clock = VirtualClock()
        self.bus = Bus(self.clock, self.invoke)
        self.called: list[tuple[float, str]] = []  # (s since the beginning, function)
        self._began = self.clock()
        self._failures = failures
        self._error = error or RuntimeError("no")

    def invoke(self, function: str, _event: Event) -> None:
        self.called.append(((self.clock() - self._began).total_seconds(), function))
        if len(self.called) <= self._failures:
            raise self._error

    def tell(self) -> None:
        told = {"source": "aws.batch", "detail-type": "Batch Job Queue Blocked", "detail": {}}
        self.bus.take([told])

    def go_on(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.bus.deliver()
            self.clock.advance(1)

    def times(self) -> list[float]:
        return [at for at, function in self.called if function == "job_state_changed"]


def test_an_event_comes_once_and_to_those_only_who_listen_to_it() -> None:
    here = Bench()
    here.tell()
    here.bus.take([event(source="aws.ec2")])
    here.go_on(10)
    assert here.called == [(0.0, "job_state_changed")]
    assert here.bus.is_empty


@pytest.mark.parametrize(
    ("delays", "times"),
    [((), []), ((0.0, 0.0), [0.0, 0.0]), ((7.0,), [7.0]), ((9.0, 2.0), [2.0, 9.0])],
    ids=["lost", "doubled", "late", "in another order"],
)
def test_an_event_comes_as_often_and_as_late_as_it_is_made_to(
    delays: Sequence[float], times: list[float]
) -> None:
    here = Bench()
    here.bus.delays = lambda _event: delays
    here.tell()
    here.go_on(20)
    assert here.times() == times


@pytest.mark.parametrize("error", [RuntimeError("no"), Crash()], ids=["error", "crash"])
def test_a_function_that_fails_on_an_event_is_called_twice_more(error: BaseException) -> None:
    here = Bench(failures=2, error=error)
    here.tell()
    here.go_on(200)
    assert here.times() == [0.0, 60.0, 180.0]
    assert here.bus.dead == []


def test_an_event_that_a_function_fails_on_three_times_is_dead() -> None:
    here = Bench(failures=3)
    here.tell()
    here.go_on(250)
    assert here.times() == [0.0, 60.0, 180.0]
    assert [each.function for each in here.bus.dead] == ["job_state_changed"]


def test_what_a_test_asserts_within_a_function_is_not_taken_for_its_failure() -> None:
    here = Bench(failures=1, error=AssertionError("wrong"))
    here.tell()
    with pytest.raises(AssertionError, match="wrong"):
        here.bus.deliver()


def test_the_schedule_calls_every_five_minutes() -> None:
    here = Bench()
    here.go_on(901)
    assert here.called == [(300.0, "reconcile"), (600.0, "reconcile"), (900.0, "reconcile")]
