"""Graphs of the shapes that published scientific workflows have, with runtimes made by chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from chalicelib.core.schedule import JobSpec
from tests.simulation.chance import Chance
from tests.simulation.scenarios import job


@dataclass(slots=True)
class Workflow:
    """Jobs, each after what is upstream of it, and how long each takes, in s."""

    name: str
    jobs: list[JobSpec] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, upstream: Sequence[str], seconds: float) -> str:
        """One more job; its name."""
        self.jobs.append(job(name, *upstream))
        self.seconds[name] = seconds
        return name


@dataclass(frozen=True, slots=True)
class Stages:
    """Adds jobs whose runtimes differ by chance, by up to half, from their stage's usual one."""

    workflow: Workflow
    chance: Chance
    usual: Mapping[str, float]

    def add(self, stage: str, key: object, *upstream: str) -> str:
        seconds = self.usual[stage] * (0.5 + self.chance.random())
        return self.workflow.add(f"{stage}-{key}", upstream, seconds)


def mosaic(width: int, height: int) -> Workflow:
    """Images of the sky: neighbours are compared, one job waits for all that, each is corrected."""
    made = Workflow(f"mosaic-{width}x{height}")
    usual = {"project": 0.017, "compare": 0.001, "fit": 0.02, "correct": 0.001, "join": 0.05,
             "shrink": 0.004}  # fmt: skip
    stages = Stages(made, Chance(made.name), usual)
    places = [(x, y) for y in range(height) for x in range(width)]
    images = {(x, y): stages.add("project", f"{x}.{y}") for x, y in places}
    compared = [
        stages.add("compare", f"{x}.{y}.{dx}{dy}", images[x, y], images[x + dx, y + dy])
        for x, y in places
        for dx, dy in ((1, 0), (0, 1), (1, 1))
        if (x + dx, y + dy) in images
    ]
    fit = stages.add("fit", 1, *compared)
    corrected = [stages.add("correct", f"{x}.{y}", images[x, y], fit) for x, y in places]
    stages.add("shrink", 1, stages.add("join", 1, *corrected))
    return made


def lanes(count: int) -> Workflow:
    """Reads of a sequencer: split up, each part goes its own way of four, then all are merged."""
    made = Workflow(f"lanes-{count}")
    usual = {"split": 0.03, "filter": 0.002, "convert": 0.001, "pack": 0.001, "map": 0.2,
             "merge": 0.05, "index": 0.03}  # fmt: skip
    stages = Stages(made, Chance(made.name), usual)
    split = stages.add("split", 1)
    ends = []
    for lane in range(count):
        at = split
        for stage in ("filter", "convert", "pack", "map"):
            at = stages.add(stage, lane, at)
        ends.append(at)
    stages.add("index", 1, stages.add("merge", 1, *ends))
    return made


def populations(chromosomes: int, parts: int, groups: int) -> Workflow:
    """Genomes: parts of each chromosome are merged, and then looked at for each group of people."""
    made = Workflow(f"populations-{chromosomes}x{parts}x{groups}")
    usual = {"part": 0.1, "merge": 0.02, "sift": 0.01, "overlap": 0.06, "frequency": 0.2}
    stages = Stages(made, Chance(made.name), usual)
    for chromosome in range(chromosomes):
        read = [stages.add("part", f"{chromosome}.{part}") for part in range(parts)]
        merged = stages.add("merge", chromosome, *read)
        sifted = stages.add("sift", chromosome)
        for group in range(groups):
            stages.add("overlap", f"{chromosome}.{group}", merged, sifted)
            stages.add("frequency", f"{chromosome}.{group}", merged, sifted)
    return made


SHAPES: Mapping[str, Callable[[], Workflow]] = {
    "mosaic": partial(mosaic, 6, 4),
    "lanes": partial(lanes, 25),
    "populations": partial(populations, 3, 22, 7),
}
