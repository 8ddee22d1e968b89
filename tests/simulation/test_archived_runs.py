"""Ended runs are archived and then sealed, whatever fails on the way; never sealed before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.services import archiving
from tests.simulation.chance import Chance
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.faults import Fault
from tests.simulation.scenarios import BY_NAME, SCENARIOS

_HOUR = 3600.0  # s, in which reconcile comes by several times
_SAMPLED = 2  # faults of each kind after the end, a scenario

each_scenario = pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])


class ArchivedWorld(DrivenWorld):
    """Looks after every step whether what is sealed is in the archive as it is."""

    _looked_at: object = None

    def watch(self) -> None:
        super().watch()
        header = self.header
        if not header.archive:
            return
        file = self.archive.files.get(self.run_id)
        now = (header, self.store.find_jobs(self.run_id), self.store.events(self.run_id), file)
        if now != self._looked_at:
            assert file == self.lines(), "sealed, and not archived"
            self._looked_at = now

    def lines(self) -> list[str]:
        """The run as it is to be archived now."""
        return list(archiving.lines(replace(self.ports(), runs=self.store), self.header))


def lived(name: str, faults: Mapping[int, Fault] | None = None) -> ArchivedWorld:
    """A run to its end, and an hour after it."""
    world = ArchivedWorld(BY_NAME[name], faults)
    world.drive()
    world.rest(_HOUR)
    return world


@cache
def undisturbed(name: str) -> tuple[int, int]:
    """How many calls an undisturbed run makes to its end, and how many with the hour after it."""
    world = ArchivedWorld(BY_NAME[name])
    world.drive()
    to_end = len(world.tap.calls)
    world.rest(_HOUR)
    return to_end, len(world.tap.calls)


@each_scenario
def test_an_ended_run_is_archived_and_sealed_for_ninety_days(name: str) -> None:
    world = lived(name)
    header = world.header
    assert header.archive == f"memory:{world.run_id}"
    assert header.ended_at is not None
    assert header.expires_at is not None
    assert timedelta(0) <= header.expires_at - header.ended_at - timedelta(days=90)
    assert header.expires_at - header.ended_at < timedelta(days=90, minutes=5)
    assert world.archive.files[world.run_id] == world.lines()


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@each_scenario
def test_a_fault_after_the_end_loses_no_archive_and_changes_no_outcome(
    name: str, fault: Fault
) -> None:
    to_end, all_calls = undisturbed(name)
    outcome = lived(name).header.status
    chance = Chance(f"{name} {fault}")
    for call in chance.sample(range(to_end, all_calls), _SAMPLED):
        world = lived(name, {call: fault})
        about = f"{fault.value} at call {call} ({world.tap.calls[call]})"
        assert world.header.status is outcome, about
        assert world.header.archive, about
        assert not list(world.store.unsealed(world.clock())), about


def test_an_archive_that_is_down_for_an_hour_delays_nothing_but_the_archive() -> None:
    world = ArchivedWorld(BY_NAME["chain"])
    world.drive()
    world.archive.is_down = True
    world.rest(_HOUR)
    assert [notice.subject for notice in world.notices.published] == ["etl: run SUCCEEDED"]
    assert world.header.archive == ""
    assert world.header.expires_at is None
    world.archive.is_down = False
    world.rest(600)
    assert world.header.archive
    # Whoever archives late can't know whether the end was told: once more, under the same id.
    assert len(world.notices.published) == 2
    assert len({notice.id for notice in world.notices.published}) == 1
    world.rest(_HOUR)
    assert len(world.notices.published) == 2


def test_people_who_can_not_be_told_delay_no_run_and_no_archive() -> None:
    world = ArchivedWorld(BY_NAME["failure"])
    world.notices.is_down = True
    world.drive()
    world.rest(600)
    assert world.header.status is RunStatus.FAILED
    assert world.seconds < _HOUR
    assert list(world.archive.files) == [world.run_id]
    world.notices.is_down = False
    world.rest(_HOUR)
    assert world.header.archive
    assert [notice.subject for notice in world.notices.published] == ["etl: run FAILED"]


def test_a_run_that_is_restarted_is_archived_anew_at_its_next_end() -> None:
    world = lived("failure")
    first = world.archive.files[world.run_id]
    world.restart()
    assert world.header.archive == ""
    world.drive()
    world.rest(_HOUR)
    second = world.archive.files[world.run_id]
    assert second[0] != first[0]
    assert '"generation": 2' in second[0]
    assert world.header.archive
    assert second == world.lines()


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_a_crash_at_any_call_after_the_end_is_made_good(fault: Fault) -> None:
    for call in range(*undisturbed("chain")):
        world = lived("chain", {call: fault})
        assert world.header.archive, f"at call {call} ({world.tap.calls[call]})"


def test_a_restart_at_any_moment_after_the_end_is_never_sealed_with_the_old_archive() -> None:
    for call in range(*undisturbed("failure")):
        world = ArchivedWorld(BY_NAME["failure"])
        world.tap.hooks[call] = partial(world.try_to, DrivenWorld.restart)
        world.drive()
        world.rest(2 * _HOUR)
        assert world.header.generation == 2, f"at call {call}"
        assert world.header.archive, f"at call {call}"


def test_reconcile_of_a_world_at_rest_asks_twice_and_writes_nothing() -> None:
    world = lived("chain")
    before = len(world.tap.calls)
    assert world.reconcile() == 0
    assert world.tap.calls[before:] == ["find_headers", "unsealed"]
