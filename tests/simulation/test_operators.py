"""Operators act between any two calls of the engine: F29 to F32, and what a verb promises."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from chalicelib.core.run import RunHeader
from chalicelib.errors import ConflictError
from chalicelib.ports import RunChange
from tests.simulation.chance import Chance
from tests.simulation.faults import Fault
from tests.simulation.oracle import OVER, judge
from tests.simulation.scenarios import BY_NAME, act, cancel, restart
from tests.simulation.world import World

SOUND = ("chain", "diamond", "wide-fan-in", "two-at-once", "engine-retry", "gate")
BROKEN = ("failure", "retries-used-up", "finally")
HARMLESS = {
    "hold": act("HOLD", "b"),
    "pass": act("PASS", "b"),
    "rerun": act("RERUN", "a"),
    "rerun-downstream": act("RERUN", "a", downstream=True),
}
VERBS = {
    **HARMLESS,
    "terminate": act("TERMINATE", "b"),
    "mark-failed": act("MARK_FAILED", "a"),
    "mark-succeeded": act("MARK_SUCCEEDED", "a"),
    "restart": restart,
    "cancel": cancel,
}
_PAIRS = 60  # sampled pairs a scenario

Verb = Callable[[World], None]


def interrupted(
    name: str, deeds: dict[int, Verb], faults: dict[int, Fault] | None = None
) -> tuple[World, list[str]]:
    """One run in which the deeds are done before those calls, and what each was answered."""
    answers: list[str] = []

    def at(deed: Verb) -> Callable[[], None]:
        return lambda: answers.append(world.try_to(deed))

    scenario = replace(BY_NAME[name], deeds=())
    hooks = {index: at(deed) for index, deed in deeds.items()}
    world = World(scenario, faults, hooks=hooks)
    world.releases = True
    world.drive()
    judge(world.evidence())
    assert set(world.statuses().values()) <= OVER
    return world, answers


def at_every_call(name: str, deed: Verb) -> Iterator[tuple[World, bool]]:
    """A run for each of the engine's calls, with the deed before it; and whether it was done."""
    index = 0
    while True:
        world, answers = interrupted(name, {index: deed})
        if not answers:
            return
        yield world, answers == [""]
        index += 1


# Every run is judged, whoever asks for it: those of which more is asked below are made there only.
_ASKED_MORE = {name: {*HARMLESS, "terminate", "cancel"} for name in SOUND}
_ASKED_MORE |= {name: {"restart"} for name in BROKEN}
_OTHERS = [
    (name, verb) for name, asked in _ASKED_MORE.items() for verb in VERBS if verb not in asked
]


@pytest.mark.parametrize(("name", "verb"), _OTHERS)
def test_no_verb_at_any_moment_loses_or_doubles_anything(name: str, verb: str) -> None:
    assert sum(1 for _ in at_every_call(name, VERBS[verb]))


@pytest.mark.parametrize("verb", HARMLESS)
@pytest.mark.parametrize("name", SOUND)
def test_holding_passing_and_running_again_spoil_no_run(name: str, verb: str) -> None:
    done = 0
    for world, was_done in at_every_call(name, HARMLESS[verb]):
        done += was_done
        assert world.header.status == "SUCCEEDED"
        assert set(world.statuses().values()) <= {"SUCCEEDED", "PASS"}
    assert done


@pytest.mark.parametrize("name", SOUND)
def test_after_a_cancel_was_answered_nothing_that_was_not_reserved_is_submitted(name: str) -> None:
    for world, was_done in at_every_call(name, cancel):
        cut_off = "CANCELLED" in world.statuses().values()
        assert world.header.status == ("CANCELLED" if was_done and cut_off else "SUCCEEDED")


@pytest.mark.parametrize("name", SOUND)
def test_a_job_that_succeeded_before_it_could_be_terminated_counts_as_succeeded(name: str) -> None:
    for world, was_done in at_every_call(name, VERBS["terminate"]):
        last = [each.job_id for each in world.taken
                if each.submission.tags["batch-scheduler:job"] == "b"]  # fmt: skip
        detail = world.queue.describe(last[-1:])
        succeeded = bool(detail) and detail[0].status == "SUCCEEDED"
        status = world.status_of("b")
        assert status == ("SUCCEEDED" if succeeded or not was_done else "CANCELLED")


@pytest.mark.parametrize("name", BROKEN)
def test_a_restart_at_any_moment_runs_what_had_failed(name: str) -> None:
    done = 0
    for world, was_done in at_every_call(name, restart):
        done += was_done
        assert world.header.status == ("SUCCEEDED" if was_done else "FAILED")
    assert done


@pytest.mark.parametrize("name", [*SOUND, *BROKEN])
def test_two_verbs_and_a_fault_lose_and_double_nothing(name: str) -> None:
    chance = Chance(name)
    for _ in range(_PAIRS):
        verbs = {chance.randrange(40): VERBS[chance.choice(list(VERBS))] for _ in range(2)}
        interrupted(name, verbs, {chance.randrange(40): chance.choice(list(Fault))})


def test_a_verb_is_decided_anew_while_the_run_moves_under_it() -> None:
    world = World(BY_NAME["chain"])
    jostle(world, times=10)
    assert world.try_to(cancel) == ""
    assert world.header.cancelling


def test_a_verb_that_never_finds_the_run_standing_still_says_so_and_changes_nothing() -> None:
    world = World(BY_NAME["chain"])
    jostle(world, times=1_000)
    with pytest.raises(ConflictError, match="has changed meanwhile"):
        cancel(world)
    assert not world.header.cancelling


def jostle(world: World, times: int) -> None:
    """Let another operator move the run each time before ours writes."""

    def move() -> None:
        before = world.header
        after: RunHeader = replace(before, revision=before.revision + 1)
        moved = RunChange(act="NOTE", before="RUNNING", after="RUNNING", at=world.clock(),
                          actor="eve")  # fmt: skip
        world.store.record(before, [], after=after, run_changes=[moved])

    world.before_records(move, times)


def test_what_was_being_handed_over_at_the_moment_of_a_cancel_is_ended_in_the_queue() -> None:
    whole = World(BY_NAME["diamond"])
    whole.drive()
    world, answers = interrupted("diamond", {whole.tap.calls.index("submit"): cancel})
    assert answers == [""]
    assert world.taken
    assert set(world.statuses().values()) == {"CANCELLED"}
    assert {detail.status for detail in world.evidence().details.values()} == {"FAILED"}
