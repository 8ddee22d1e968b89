"""Published workflows, where they are at hand: they are no part of this repository."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.simulation.shapes import Workflow

SCALE = 1000  # runtimes are divided by this: queues and order stay what they are
_PLACE = Path(__file__).parents[2].parent / "shared" / "workflows"


def published() -> Mapping[str, Callable[[], Workflow]]:
    """What reads each of them, by name."""
    return {path.stem: partial(read, path) for path in sorted(_PLACE.glob("*.json"))}


def read(path: Path) -> Workflow:
    """A published workflow."""
    made = Workflow(path.stem)
    tasks: Sequence[Mapping[str, object]] = json.loads(path.read_text())["tasks"]
    for task in tasks:
        parents, runtime = task["parents"], task["runtimeSeconds"]
        assert isinstance(parents, list)
        assert isinstance(runtime, int | float)
        made.add(str(task["id"]), parents, runtime / SCALE)
    return made
