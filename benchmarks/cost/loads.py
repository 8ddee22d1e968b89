"""The runs that are measured: so many jobs, spread over so many hours."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.graphs import Graph, layered
from chalicelib.core.batch import Submission
from tests.simulation.chance import Chance

_LAYERS: Mapping[int, int] = {10: 5, 1_000: 20, 10_000: 100}
_WAIT_TIME = 60  # s: what a document has that says nothing
_UPSTREAM = 3  # jobs that each waits for
_SHORTEST, _LONGEST = 0.5, 1.2  # of the time that a layer has: nothing ends together


@dataclass(frozen=True, slots=True)
class Load:
    """A run of so many jobs that takes about so many hours."""

    jobs: int
    hours: int
    wait_time: int = _WAIT_TIME

    def __str__(self) -> str:
        waits = "" if self.wait_time == _WAIT_TIME else f", `wait_time` {self.wait_time}"
        return f"{self.jobs:,} jobs over {self.hours} h{waits}"

    def graph(self) -> Graph:
        width = self.jobs // self.layers
        return layered(self.layers, width, min(_UPSTREAM, width))

    @property
    def layers(self) -> int:
        return _LAYERS[self.jobs]

    def seconds(self) -> Mapping[str, float]:
        """How long each job runs, the same in every process."""
        chance = Chance(f"{self.jobs} jobs over {self.hours} hours")
        layer = self.hours * 3600 / self.layers
        return {name: layer * chance.uniform(_SHORTEST, _LONGEST) for name in self.graph()}


_BY_DEFAULT = [Load(jobs, hours) for jobs in _LAYERS for hours in (1, 24)]
LOADS = [Load(10, 24, wait_time=900), *_BY_DEFAULT]
LONGEST = LOADS[-1]


@dataclass(frozen=True, slots=True)
class Sound:
    """Jobs that take their seconds, and succeed."""

    seconds: Mapping[str, float]

    def __call__(self, submission: Submission, _attempt: int) -> tuple[float, int]:
        return self.seconds[submission.tags["batch-scheduler:job"]], 0
