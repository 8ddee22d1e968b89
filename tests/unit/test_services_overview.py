"""Where a run stands, as the services read it from a store."""

from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.core.claims import AttemptKey, Progress
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import Change, RunHeader
from chalicelib.core.schedule import Reference
from chalicelib.local.memory_claims import MemoryClaims
from chalicelib.ports import Ports, RunChange
from chalicelib.services import operations
from chalicelib.services.operations import Selection
from chalicelib.services.overview import (
    Generation,
    began_at,
    driver_failure,
    generation,
    overview,
)
from tests.unit.runs import EARLIER, NOW, after, gate, header, order, spec
from tests.unit.stores import record_run, world

RUN = "etl/2026"
J = JobStatus


@pytest.fixture
def ports() -> Ports:
    return world()


def ended_run(ports: Ports, **statuses: JobStatus) -> None:
    """A run that has FAILED, whose jobs `a`, `b`, `c` stand as given."""
    made = header(status=RunStatus.FAILED, ended_at=NOW)
    record_run(ports, *map(spec, "abc"), run=made, **statuses)


def stored(ports: Ports) -> RunHeader:
    return ports.runs.get_header(RUN)


def succeed(ports: Ports, job: str, at: datetime) -> None:
    """Let a job of the run succeed, as if the queue had said so."""
    before = ports.runs.get_jobs(RUN, [job])[0].state
    moving = [(Act.RESERVE, J.RESERVED), (Act.ACCEPT, J.SUBMITTED), (Act.OBSERVE, J.SUCCEEDED)]
    for act, status in moving:
        later = replace(before, version=before.version + 1, status=status)
        ports.runs.record(stored(ports), [Change(job, act, before, later, at)])
        before = later


def test_the_first_generation_begins_with_the_run(ports: Ports) -> None:
    ended_run(ports, a=J.SUCCEEDED, b=J.FAILED, c=J.FAILED)
    assert generation(ports, stored(ports)) == Generation(EARLIER, kept=0)
    assert began_at(ports, stored(ports)) == EARLIER


def test_a_restart_begins_a_generation_that_has_kept_what_was_done(ports: Ports) -> None:
    ended_run(ports, a=J.SUCCEEDED, b=J.PASS, c=J.FAILED)
    operations.restart(ports, RUN, order(Act.RESTART, at=after(60)))
    assert generation(ports, stored(ports)) == Generation(after(60), kept=2)
    assert began_at(ports, stored(ports)) == after(60)


def test_a_rerun_of_an_ended_run_begins_a_generation_too(ports: Ports) -> None:
    ended_run(ports, a=J.SUCCEEDED, b=J.SUCCEEDED, c=J.FAILED)
    selection = Selection(run_id=RUN, patterns=["a"])
    operations.act_on_jobs(ports, selection, order(Act.RERUN, at=after(60)))
    assert generation(ports, stored(ports)) == Generation(after(60), kept=1)


def test_the_latest_of_several_generations_counts(ports: Ports) -> None:
    ended_run(ports, a=J.SUCCEEDED, b=J.FAILED, c=J.FAILED)
    operations.restart(ports, RUN, order(Act.RESTART, at=after(60)))
    selection = Selection(run_id=RUN, patterns=["b", "c"])
    operations.act_on_jobs(ports, selection, order(Act.TERMINATE, at=after(70)))
    operations.restart(ports, RUN, order(Act.RESTART, at=after(80)))
    assert generation(ports, stored(ports)).began_at == after(80)


def test_what_a_generation_has_done_itself_is_not_kept(ports: Ports) -> None:
    ended_run(ports, a=J.SUCCEEDED, b=J.FAILED, c=J.FAILED)
    operations.restart(ports, RUN, order(Act.RESTART, at=after(60)))
    succeed(ports, "b", after(70))
    assert generation(ports, stored(ports)) == Generation(after(60), kept=1)


def test_a_generation_whose_beginning_is_not_on_record_is_told_as_the_first(ports: Ports) -> None:
    made = header(status=RunStatus.FAILED, generation=2)
    record_run(ports, spec("a"), run=made)
    assert began_at(ports, stored(ports)) == EARLIER


def test_an_ended_generation_lasts_until_its_end(ports: Ports) -> None:
    ended_run(ports, a=J.SUCCEEDED, b=J.FAILED, c=J.FAILED)
    operations.restart(ports, RUN, order(Act.RESTART, at=after(60)))
    seen = overview(ports, stored(ports), 5)
    assert seen.seconds(after(90)) == 30
    before = stored(ports)
    after_end = replace(
        before, status=RunStatus.FAILED, ended_at=after(80), revision=before.revision + 1
    )
    end = RunChange(act="END", before="RUNNING", after="FAILED", at=after(80), actor="engine")
    ports.runs.record(before, [], after=after_end, run_changes=[end])
    assert overview(ports, stored(ports), 5).seconds(after(1000)) == 20


def test_an_overview_tells_what_needs_a_person_before_what_waits(ports: Ports) -> None:
    record_run(ports, spec("a"), spec("b"), gate("g"), spec("c", "a", "g"), b=J.RUNNABLE)
    seen = overview(ports, stored(ports), 10)
    assert [each.record.spec.name for each in seen.waiting] == ["g", "b", "a", "c"]
    assert seen.waiting[3].waits_for == ("a", "g")


def test_an_overview_names_only_the_first_of_a_kind_and_counts_all(ports: Ports) -> None:
    record_run(ports, *map(spec, "abcdef"), a=J.FAILED, b=J.FAILED, c=J.FAILED)
    seen = overview(ports, stored(ports), 2)
    assert [record.spec.name for record in seen.failed] == ["a", "b"]
    assert [each.record.spec.name for each in seen.waiting] == ["d", "e"]
    assert seen.count([J.FAILED]) == 3


def test_an_overview_stops_looking_when_it_has_enough(ports: Ports) -> None:
    record_run(ports, gate("g"), spec("a"))
    assert [each.record.spec.name for each in overview(ports, stored(ports), 1).waiting] == ["g"]


def test_an_upstream_job_that_has_ended_is_waited_for_no_more(ports: Ports) -> None:
    record_run(ports, spec("a"), spec("b"), spec("c", "a", "b"), a=J.SUCCEEDED)
    waits = {
        each.record.spec.name: each.waits_for for each in overview(ports, stored(ports), 5).waiting
    }
    assert waits == {"b": (), "c": ("b",)}


def test_nobody_knows_how_long_a_run_took_whose_end_is_not_written_down(ports: Ports) -> None:
    record_run(ports, spec("a"), run=header(status=RunStatus.FAILED))
    assert overview(ports, stored(ports), 5).seconds(after(90)) is None


def driver_events(ports: Ports, *acts: str) -> RunHeader:
    """A run that goes on, after its own events."""
    record_run(ports, spec("a"), run=header(handovers=len(acts)))
    for act in acts:
        before = stored(ports)
        moved = RunChange(act=act, before="RUNNING", after="RUNNING", at=NOW, actor="engine",
                          reason="no memory")  # fmt: skip
        later = replace(before, revision=before.revision + 1)
        ports.runs.record(before, [], after=later, run_changes=[moved])
    return stored(ports)


@pytest.mark.parametrize(
    ("acts", "reason"),
    [((), None), (("DRIVER_FAILED",), "no memory"), (("DRIVER_FAILED", "RESTART"), None)],
    ids=["never", "now", "before"],
)
def test_a_run_whose_driver_failed_says_so_until_something_is_done(
    ports: Ports, acts: tuple[str, ...], reason: str | None
) -> None:
    failure = overview(ports, driver_events(ports, *acts), 1).driver_failure
    assert (failure.reason if failure else None) == reason


def test_what_another_driver_drives_or_has_ended_tells_of_no_failure(ports: Ports) -> None:
    failed = driver_events(ports, "DRIVER_FAILED")
    for seen in (replace(failed, driver="next"), replace(failed, status=RunStatus.CANCELLED)):
        assert driver_failure(ports, seen) is None


def test_a_run_that_was_made_late_has_begun_when_it_was_made(ports: Ports) -> None:
    made = header(started_at=EARLIER, made_at=NOW)
    record_run(ports, spec("a"), run=made)
    assert began_at(ports, stored(ports)) == NOW
    assert ports.runs.events(RUN)[0].at == NOW
    assert generation(ports, stored(ports)) == Generation(NOW)


def test_a_job_waits_for_jobs_further_up_whose_outputs_it_reads(ports: Ports) -> None:
    late = spec("c", "b", "b2", reads=(Reference("a", "rows"), Reference("b", "rows")))
    record_run(ports, spec("a"), spec("b"), spec("b2"), late, b=J.SUCCEEDED)
    waits = {
        each.record.spec.name: each.waits_for for each in overview(ports, stored(ports), 5).waiting
    }
    assert waits["c"] == ("b2", "a")


def test_an_overview_tells_how_far_jobs_are(ports: Ports) -> None:
    claims = MemoryClaims()
    key = AttemptKey(run_id=RUN, job="a", attempt=1)
    at = "2026-11-23T12:00:00Z"
    claims.put(key, {"owner": "id-a", "progress": {"percent": 40, "text": "loading", "at": at}})
    record_run(ports, spec("a"), spec("b"), a=J.RUNNING, b=J.RUNNING)
    seen = overview(replace(ports, claims=claims), stored(ports), 5)
    assert seen.progress == {"a": Progress(percent=40.0, text="loading", at=NOW)}
