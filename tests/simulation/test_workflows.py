"""Published workflows run to the end, in order, and as the oracle says when jobs of them fail."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from chalicelib.core.schedule import JobSpec, TriggerRule
from tests.simulation.chance import Chance
from tests.simulation.oracle import judge, predict
from tests.simulation.scenarios import Scenario, job
from tests.simulation.world import World

WORKFLOWS = Path(__file__).parents[2].parent / "shared" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.json"))
SCALE = 1000  # runtimes are divided by this: queues and order stay what they are
CAPACITY = 64.0  # vCPU

each_workflow = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in FILES]
    or [pytest.param(None, marks=pytest.mark.skip(f"the workflows are not there: {WORKFLOWS}"))],
)


def jobs_of(path: Path) -> tuple[list[JobSpec], dict[str, float]]:
    """The jobs of a workflow, and how long each takes, in s."""
    tasks: Sequence[Mapping[str, object]] = json.loads(path.read_text())["tasks"]
    jobs, seconds = [], {}
    for task in tasks:
        name, parents, runtime = str(task["id"]), task["parents"], task["runtimeSeconds"]
        assert isinstance(parents, list)
        assert isinstance(runtime, int | float)
        jobs.append(job(name, *parents))
        seconds[name] = runtime / SCALE
    return jobs, seconds


@each_workflow
def test_a_published_workflow_runs_to_the_end_in_order(path: Path) -> None:
    jobs, seconds = jobs_of(path)
    world = World(Scenario(name=path.stem, jobs=jobs, seconds=seconds), vcpus=CAPACITY)
    world.drive()
    judge(world.evidence())
    assert world.header.status == "SUCCEEDED"
    assert Counter(world.statuses().values()) == {"SUCCEEDED": len(jobs)}
    assert len(world.queue.starts) == len(jobs)


@pytest.mark.parametrize("rules", [(TriggerRule.ALL_SUCCEEDED,), tuple(TriggerRule)],
                         ids=["as-published", "with-every-rule"])  # fmt: skip
@each_workflow
def test_a_published_workflow_with_failures_ends_as_the_oracle_predicts(
    path: Path, rules: Sequence[TriggerRule]
) -> None:
    jobs, seconds = jobs_of(path)
    chance = Chance(path.stem)
    jobs = [ruled(spec, chance.choice(rules)) for spec in jobs]
    failing = {spec.name for spec in jobs if chance.one_in(8)}
    scenario = Scenario(
        name=path.stem, jobs=jobs, seconds=seconds, fails=dict.fromkeys(failing, (1,))
    )
    world = World(scenario, vcpus=CAPACITY)
    world.drive()
    evidence = world.evidence()
    judge(evidence)
    assert world.statuses() == predict(evidence.jobs, failing)


def ruled(spec: JobSpec, rule: TriggerRule) -> JobSpec:
    """The job with that rule, if there is anything upstream that it could be about."""
    return job(spec.name, *spec.upstream, trigger_rule=rule) if spec.upstream else spec
