"""Real-shaped workflows on a whole stage: sound, failing and restarted, by every trigger rule.

`make prove` has all of them, the published ones where they are at hand.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from chalicelib.local.slots import Capacity
from tests.rehearsal.judging import judge
from tests.rehearsal.plots import Plot, facts_of, job, restart
from tests.rehearsal.world import Rehearsal
from tests.simulation.chance import Chance
from tests.simulation.oracle import kept_by_restart, predict
from tests.simulation.published import SCALE, published
from tests.simulation.shapes import SHAPES, Workflow
from tests.strict.stage import Setup

HOSTS = Setup(capacity=Capacity(64.0, 10_000_000))
RULES = ("all succeeded", "all done", "none failed", "any succeeded", "any failed")
_QUICK = {"mosaic", "lanes"}
_MOST_RESTARTS = 12  # before each, what failed is mended

Make = Callable[[], Workflow]

each_workflow = pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name, marks=[] if name in _QUICK else pytest.mark.prove)
        for name, make in {**SHAPES, **published()}.items()
    ],
)

pytestmark = pytest.mark.rehearse
with_rules = pytest.mark.parametrize(
    "rules",
    [
        pytest.param(RULES[:1], id="as published"),
        pytest.param(RULES, id="with every rule"),
        *(pytest.param((rule,), id=f"with {rule}", marks=pytest.mark.prove) for rule in RULES[1:]),
    ],
)


def plot_of(
    workflow: Workflow,
    rules: Sequence[str] = RULES[:1],
    fails: Mapping[str, Sequence[int]] | None = None,
) -> Plot:
    """The workflow as a document; `fails` is looked at whenever a job starts."""
    chance = Chance(f"rules {workflow.name}")

    def ruled(upstream: Sequence[str]) -> Mapping[str, Any]:
        return {"triggerRule": chance.choice(rules)} if upstream else {}

    return Plot(
        name=workflow.name,
        jobs=[job(spec.name, *spec.upstream, **ruled(spec.upstream)) for spec in workflow.jobs],
        seconds={name: seconds * SCALE for name, seconds in workflow.seconds.items()},
        fails=fails or {},
    )


@each_workflow
def test_a_workflow_runs_to_its_end_in_order_and_each_job_once(make: Make) -> None:
    plot = plot_of(make())
    world = Rehearsal(plot, setup=HOSTS)
    judge(world.drive())
    assert world.status() == "SUCCEEDED"
    assert Counter(world.statuses().values()) == {"SUCCEEDED": len(plot.jobs)}
    assert len(world.stage.batch.starts) == len(plot.jobs)


@with_rules
@each_workflow
def test_a_workflow_with_failures_ends_as_the_oracle_predicts_however_often_it_is_restarted(
    make: Make, rules: Sequence[str]
) -> None:
    workflow = make()
    chance = Chance(f"failing {workflow.name}")
    broken = {spec.name: range(1, 99) for spec in workflow.jobs if chance.one_in(8)}
    plot = plot_of(workflow, rules, broken)
    facts, kept = facts_of(plot.document()), dict[str, str]()
    world = Rehearsal(plot, setup=HOSTS)
    for _ in range(_MOST_RESTARTS):
        judge(world.drive())
        ends = predict(facts, set(broken), kept)
        assert world.statuses() == ends
        if world.status() == "SUCCEEDED":
            break
        for name in [name for name in broken if ends[name] == "FAILED"]:
            del broken[name]  # somebody has mended it
        kept = kept_by_restart(facts, ends)
        assert world.do(restart) == ""
    assert not set(ends.values()) - {"SUCCEEDED", "SKIPPED"}
