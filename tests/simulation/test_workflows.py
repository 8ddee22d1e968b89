"""Real-shaped workflows run to the end, in order, and as the oracle says when jobs of them fail."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from chalicelib.core.schedule import JobSpec, TriggerRule
from tests.simulation.chance import Chance
from tests.simulation.oracle import judge, predict
from tests.simulation.scenarios import Scenario, job
from tests.simulation.shapes import Workflow, lanes, mosaic, populations
from tests.simulation.world import World

# Published ones are no part of this repository; what is generated has their shapes.
PUBLISHED = Path(__file__).parents[2].parent / "shared" / "workflows"
SCALE = 1000  # runtimes are divided by this: queues and order stay what they are
CAPACITY = 64.0  # vCPU


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


each_workflow = pytest.mark.parametrize(
    "make",
    [
        pytest.param(partial(mosaic, 6, 4), id="mosaic"),
        pytest.param(partial(lanes, 25), id="lanes"),
        pytest.param(partial(populations, 3, 22, 7), id="populations"),
        *(pytest.param(partial(read, path), id=path.stem)
          for path in sorted(PUBLISHED.glob("*.json"))),
    ],
)  # fmt: skip


@each_workflow
def test_a_workflow_runs_to_the_end_in_order(make: Callable[[], Workflow]) -> None:
    workflow = make()
    jobs = workflow.jobs
    scenario = Scenario(name=workflow.name, jobs=jobs, seconds=workflow.seconds)
    world = World(scenario, vcpus=CAPACITY)
    world.drive()
    judge(world.evidence())
    assert world.header.status == "SUCCEEDED"
    assert Counter(world.statuses().values()) == {"SUCCEEDED": len(jobs)}
    assert len(world.queue.starts) == len(jobs)


@pytest.mark.parametrize("rules", [(TriggerRule.ALL_SUCCEEDED,), tuple(TriggerRule)],
                         ids=["as-published", "with-every-rule"])  # fmt: skip
@each_workflow
def test_a_workflow_with_failures_ends_as_the_oracle_predicts(
    make: Callable[[], Workflow], rules: Sequence[TriggerRule]
) -> None:
    workflow = make()
    chance = Chance(workflow.name)
    jobs = [ruled(spec, chance.choice(rules)) for spec in workflow.jobs]
    failing = {spec.name for spec in jobs if chance.one_in(8)}
    fails = dict.fromkeys(failing, (1,))
    scenario = Scenario(name=workflow.name, jobs=jobs, seconds=workflow.seconds, fails=fails)
    world = World(scenario, vcpus=CAPACITY)
    world.drive()
    evidence = world.evidence()
    judge(evidence)
    assert world.statuses() == predict(evidence.jobs, failing)


def ruled(spec: JobSpec, rule: TriggerRule) -> JobSpec:
    """The job with that rule, if there is anything upstream that it could be about."""
    return job(spec.name, *spec.upstream, trigger_rule=rule) if spec.upstream else spec
