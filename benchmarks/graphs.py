"""The graphs that are timed, as upstream lists, and as documents of ours and of make."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Graph = Mapping[str, Sequence[str]]


def layered(layers: int, width: int, dependencies: int = 3) -> Graph:
    """`layers` x `width` jobs, each waiting for that many of the layer above."""
    return {
        f"l{layer}-{place}": [f"l{layer - 1}-{(place + k) % width}" for k in range(dependencies)]
        if layer
        else []
        for layer in range(layers)
        for place in range(width)
    }


def chain(length: int) -> Graph:
    """One job after the other."""
    return {f"c{index}": [f"c{index - 1}"] if index else [] for index in range(length)}


def fan(width: int) -> Graph:
    """One job, then `width` at once, then one that waits for all of them."""
    middle = {f"m{index}": ["first"] for index in range(width)}
    return {"first": [], **middle, "last": list(middle)}


def write_document(graph: Graph, path: Path, command: Sequence[str] = ("true",)) -> None:
    """The graph as a schedule whose jobs all do the same."""
    jobs = [
        {"jobName": name, "command": list(command), "jobDependencies": list(upstream)}
        for name, upstream in graph.items()
    ]
    path.write_text(json.dumps({"scheduleId": "bench", "jobList": jobs}))


def write_makefile(graph: Graph, path: Path) -> None:
    """The graph for make: `true`, then a stamp file, as one does to go on after a failure."""
    lines = [f"all: {' '.join(graph)}", "\t@:"]
    for name, upstream in graph.items():
        lines += [f"{name}: {' '.join(upstream)}", "\t@true && touch $@"]
    path.write_text("\n".join(lines) + "\n")
