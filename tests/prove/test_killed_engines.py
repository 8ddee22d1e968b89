"""Real processes, killed at random instants: no job begins twice in an attempt, all runs end."""

from pathlib import Path

import pytest

from tests.prove.killing import Scene, faults_of, torment
from tests.simulation.chance import Chance

RUNS = 5  # at once, in one state directory

pytestmark = pytest.mark.prove


def tormented(directory: Path, seed: str, victims: tuple[str, ...]) -> None:
    scene = Scene(directory / "state", directory / "journal")
    scene.start(RUNS)
    torment(scene, Chance(seed), victims)
    faults = [*faults_of(scene, host_lived=victims == ("engine",))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("seed", range(16))
def test_f47_runs_whose_engine_is_killed_go_on_as_if_nothing_had_been(
    tmp_path: Path, seed: int
) -> None:
    tormented(tmp_path, f"engine {seed}", ("engine",))


@pytest.mark.parametrize("seed", range(12))
def test_f47_runs_whose_host_is_killed_begin_no_attempt_twice(tmp_path: Path, seed: int) -> None:
    tormented(tmp_path, f"host {seed}", ("host",))


@pytest.mark.parametrize("seed", range(16))
def test_f47_runs_whose_engine_and_host_are_killed_begin_no_attempt_twice(
    tmp_path: Path, seed: int
) -> None:
    tormented(tmp_path, f"both {seed}", ("engine", "host", "both"))
