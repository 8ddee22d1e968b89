"""A process that is to be there all the time, and companions of an engine that stays."""

import sys
import threading
from datetime import UTC, datetime

import pytest

from chalicelib.errors import BackendError
from chalicelib.local.standing import stand
from chalicelib.local.supervising import Supervised

WAITS = [sys.executable, "-c", "import sys; sys.stdin.read()"]
FAILS = [sys.executable, "-c", "raise SystemExit(6)"]
STAYS = [sys.executable, "-c", "import time; time.sleep(60)"]
AT = datetime(2026, 11, 28, tzinfo=UTC)


def nobody(_: str) -> None: ...


def ended(supervised: Supervised) -> None:
    """Wait for the end of the process that is there."""
    assert supervised._process is not None  # noqa: SLF001 - nothing else tells that it has ended
    supervised._process.wait(20)  # noqa: SLF001


def test_a_process_that_ends_by_itself_is_started_again_later_each_time() -> None:
    told: list[str] = []
    supervised = Supervised("It", FAILS, told.append)
    now, waits = 0.0, []
    for _ in range(9):
        supervised.look(now)
        ended(supervised)
        supervised.look(now)
        assert supervised.pid is None
        waits.append(float(told[-1].split("starts in ")[1].split()[0]))
        supervised.look(now + waits[-1] - 0.01)
        assert supervised.pid is None
        now += waits[-1]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert told[0].startswith("It (process ")
    assert told[0].endswith(") ended with code 6; another starts in 0.5 s.")


def test_one_that_came_up_well_is_started_again_soon() -> None:
    told: list[str] = []
    supervised = Supervised("It", FAILS, told.append)
    for now in (0.0, 1.0, 3.0):
        supervised.look(now)
        ended(supervised)
        supervised.look(now)
    supervised.look(10.0)
    ended(supervised)
    supervised.look(70.0)
    assert [text.split("starts in ")[1] for text in told] == ["0.5 s.", "1 s.", "2 s.", "0.5 s."]


def test_one_that_can_not_be_started_is_tried_again() -> None:
    told: list[str] = []
    supervised = Supervised("It", ["/nowhere/at/all"], told.append)
    assert supervised.look(0.0)
    assert not supervised.look(0.4)
    assert supervised.look(0.5)
    assert told == [
        "It can't be started: No such file or directory; another starts in 0.5 s.",
        "It can't be started: No such file or directory; another starts in 1 s.",
    ]


def test_it_ends_when_it_is_told_to() -> None:
    supervised = Supervised("It", WAITS, nobody)
    supervised.look(0.0)
    assert supervised.end(20)
    assert (supervised.pid, supervised.end(20)) == (None, True)


def test_one_that_does_not_end_in_time_is_ended() -> None:
    supervised = Supervised("It", STAYS, nobody)
    supervised.look(0.0)
    assert not supervised.end(0.01)


class Turns:
    """A driver that drives for some of its steps."""

    def __init__(self) -> None:
        self.is_driving = False

    def step(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.001))


class Counting:
    """A companion that fails at first."""

    def __init__(self) -> None:
        self.steps = 0
        self.is_closed = False
        self.thread = threading.get_ident()
        self.stepped = threading.Event()

    def step(self, now: datetime) -> None:
        assert (now, self.thread) == (AT, threading.get_ident())
        self.steps += 1
        if self.steps == 1:
            raise BackendError("notices", "publish", "it is down", retryable=True)
        self.stepped.set()

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("is_driving", [True, False])
def test_companions_step_whichever_engine_drives_and_are_closed_after_it(
    *, is_driving: bool
) -> None:
    made: list[Counting] = []

    def make() -> Counting:
        made.append(Counting())
        return made[-1]

    driver = Turns()
    driver.is_driving = is_driving
    stand(driver, lambda: bool(made) and made[0].stepped.is_set(), [make], lambda: AT, pause=0.001)
    assert (made[0].steps >= 2, made[0].is_closed) == (True, True)
    assert made[0].thread != threading.get_ident()


def test_a_companion_with_a_bug_ends_the_engine() -> None:
    def make() -> Counting:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        stand(Turns(), lambda: False, [make], lambda: AT)
