"""Real-shaped workflows run to the end, in order, and as the oracle says when jobs of them fail."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from chalicelib.core.schedule import JobSpec, TriggerRule
from tests.simulation.chance import Chance
from tests.simulation.oracle import judge, predict
from tests.simulation.published import published
from tests.simulation.scenarios import Scenario, job
from tests.simulation.shapes import SHAPES, Workflow
from tests.simulation.world import World

CAPACITY = 64.0  # vCPU

each_workflow = pytest.mark.parametrize(
    "make", [pytest.param(make, id=name) for name, make in {**SHAPES, **published()}.items()]
)


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
