"""Jobs that read outputs of others: when they are handed over, with what, and when never."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.batch import MAX_PAYLOAD
from chalicelib.core.claims import MAX_VALUE, AttemptKey
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.schedule import JobSpec, Reference, TriggerRule
from chalicelib.services import operations
from chalicelib.services.operations import Selection
from chalicelib.services.turn import Driven
from tests.unit.runs import after, order, spec
from tests.unit.telling import REQUEST, RUN, Driving

J = JobStatus
ROWS = Reference("load", "rows")
AWAY = "what it told could not be read: throttled"


def load(*upstream: str, **members: Any) -> JobSpec:
    return spec("load", *upstream, **{"request": REQUEST, **members})


def report(*upstream: str, text: str = f"n={ROWS}", **members: Any) -> JobSpec:
    request = {"containerOverrides": {"command": ["echo", text]}, "jobQueue": "main"}
    return spec("report", *upstream, **{"request": request, "reads": (ROWS,), **members})


def submitted(driving: Driving) -> dict[str, list[str]]:
    """The commands of all submissions, by the jobs' names."""
    taken = driving.queue.submissions.values()
    return {
        each.tags["batch-scheduler:job"]: each.request["containerOverrides"]["command"]
        for each in taken
    }


@pytest.fixture
def driving() -> Driving:
    return Driving()


def test_an_output_is_filled_in_when_the_job_is_handed_over(driving: Driving) -> None:
    driving.begin(load(), report("load"))
    driving.tell("load", outputs={"rows": "5 or 6"})
    assert list(submitted(driving)) == ["load"], "it never waits in the queue"
    driving.pass_time()
    assert submitted(driving)["report"] == ["echo", "n=5 or 6"]
    frozen = driving.ports.runs.get_jobs(RUN, ["report"])[0].spec.request
    assert frozen["containerOverrides"]["command"] == ["echo", f"n={ROWS}"]
    driving.pass_time()
    assert driving.statuses() == {"load": "SUCCEEDED", "report": "SUCCEEDED"}


def test_a_job_may_wait_in_the_queue_for_others_once_what_it_reads_is_there(
    driving: Driving,
) -> None:
    driving.begin(load(), spec("slow", "load", request=REQUEST), report("slow"))
    driving.tell("load", outputs={"rows": "5"})
    driving.queue.advance(1.5)
    driving.turn()
    assert submitted(driving)["report"] == ["echo", "n=5"]
    waiting = driving.queue.submissions[driving.state("report").job_id]
    assert waiting.depends_on == (driving.state("slow").job_id,)


def test_a_job_whose_rule_is_met_waits_for_what_it_reads_all_the_same(driving: Driving) -> None:
    rule = TriggerRule.ANY_SUCCEEDED
    driving.begin(
        load("gate"),
        spec("gate", request=REQUEST, passed=True),
        spec("quick", request={}, passed=True),
        report("quick", "load", trigger_rule=rule),
        load=JobStatus.HELD,
    )
    assert driving.statuses()["report"] == "WAITING"
    selection = Selection(run_id=RUN, patterns=["load"])
    operations.act_on_jobs(driving.ports, selection, order(Act.RELEASE))
    driving.driven = Driven(driving.ports.runs.load_run(RUN))
    driving.turn()
    driving.tell("load", outputs={"rows": "5"})
    driving.pass_time()
    assert submitted(driving)["report"] == ["echo", "n=5"]


def test_a_job_that_lacks_an_output_fails_and_is_never_handed_over(driving: Driving) -> None:
    driving.begin(load(), report("load"), spec("after", "report", request=REQUEST))
    driving.tell("load", outputs={"lines": "5"})
    driving.pass_time()
    assert driving.statuses() == {
        "load": "SUCCEEDED",
        "report": "FAILED",
        "after": "UPSTREAM_FAILED",
    }
    failed = driving.state("report")
    assert failed.reason.startswith('output "rows" of "load" is missing: it succeeded without')
    assert (failed.attempt, failed.job_id, failed.stopped_at) == (0, "", driving.clock.at)
    assert list(submitted(driving)) == ["load"]
    acts = [event.act for event in driving.ports.runs.events(RUN, job="report")]
    assert acts == [Act.REFUSE]
    assert driving.ports.runs.get_header(RUN).status == "FAILED"


def test_a_job_that_lacks_an_output_that_could_not_be_kept_says_so(driving: Driving) -> None:
    driving.begin(load(), report("load"))
    driving.tell("load", outputs={"rows": "two\nlines", "lines": "5"})
    driving.pass_time()
    assert driving.state("load").reason == 'of what it told: "rows" can\'t be kept'
    assert (
        'output "rows" of "load" is missing: told, but not kept' in driving.state("report").reason
    )


@pytest.mark.parametrize("owner", ["", "the-other"], ids=["away", "of a double"])
def test_a_job_that_lacks_an_output_fails_though_nobody_can_say_what_was_dropped(
    driving: Driving, owner: str
) -> None:
    driving.begin(load(), report("load", hold=True))
    driving.tell("load", outputs={"lines": "5"})
    driving.pass_time()
    if owner:
        driving.tell("load", owner=owner, outputs={"rows": 5})
    driving.claims.is_away = not owner
    selection = Selection(run_id=RUN, patterns=["report"])
    operations.act_on_jobs(driving.ports, selection, order(Act.RELEASE))
    driving.driven = Driven(driving.ports.runs.load_run(RUN))
    driving.turn()
    assert "it succeeded without telling it" in driving.state("report").reason


def test_a_passed_job_has_no_outputs(driving: Driving) -> None:
    driving.begin(load(passed=True), report("load"))
    assert driving.statuses()["report"] == "FAILED"
    assert "it is PASS and did not run to its end" in driving.state("report").reason


def test_a_rule_that_expects_failures_takes_what_was_told_before_them() -> None:
    driving = Driving(("load",))
    rule = TriggerRule.ALL_DONE
    driving.begin(load(), report("load", text=f"{ROWS}/{ROWS}", trigger_rule=rule))
    driving.tell("load", outputs={"rows": "5"})
    driving.pass_time()
    assert submitted(driving)["report"] == ["echo", "5/5"]


def test_what_a_failed_job_did_not_tell_is_empty_to_such_a_rule() -> None:
    driving = Driving(("load",))
    last = report(text=f"{ROWS}", is_finally=True, trigger_rule=TriggerRule.ALL_DONE)
    driving.begin(load(), last)
    driving.pass_time()
    assert submitted(driving)["report"] == ["echo", ""]


def test_others_go_on_beside_a_job_that_lacks_an_output(driving: Driving) -> None:
    driving.begin(load(), report("load"), spec("b", "load", request=REQUEST, hold=True),
                  spec("c", "b", request=REQUEST))  # fmt: skip
    selection = Selection(run_id=RUN, patterns=["b"])
    operations.act_on_jobs(driving.ports, selection, order(Act.RELEASE))
    driving.driven = Driven(driving.ports.runs.load_run(RUN))
    driving.pass_time()
    assert list(submitted(driving)) == ["load", "b", "c"]


def away_at_the_end(driving: Driving) -> None:
    """`load` has told what `report` reads, and claims can't be read from its end on."""
    driving.begin(load(), report("load"), spec("b", "load", request=REQUEST, hold=True))
    driving.tell("load", outputs={"rows": "5"})
    driving.claims.is_away = True
    driving.pass_time()
    assert (driving.state("load").status, driving.state("load").reason) == (J.SUCCEEDED, AWAY)


def test_a_job_waits_for_an_output_that_can_not_be_read_and_for_how_long_it_takes(
    driving: Driving,
) -> None:
    away_at_the_end(driving)
    for _ in range(20):
        assert driving.statuses()["report"] == "WAITING"
        assert driving.driven.wake_at is not None
        driving.clock.at = driving.driven.wake_at
        driving.turn()
    driving.claims.is_away = False
    driving.turn()
    assert submitted(driving)["report"] == ["echo", "n=5"]
    assert driving.driven.wake_at is None


def test_a_wait_for_claims_ends_no_sooner_than_another_one(driving: Driving) -> None:
    away_at_the_end(driving)
    run = driving.driven.run
    later = replace(run.states["b"], status=J.WAITING, not_before=after(7), version=9)
    run.states["b"] = later
    driving.driven.run = type(run)(run.header, run.specs.values(), run.states)
    driving.turn()
    assert driving.driven.wake_at == after(7)


def test_what_was_not_read_at_the_end_is_read_before_it_is_said_to_be_missing(
    driving: Driving,
) -> None:
    driving.begin(load(), report("load"))
    driving.claims.is_away = True
    driving.pass_time()
    driving.claims.is_away = False
    driving.tell("load", owner="a double", outputs={"rows": "5"})
    driving.turn()
    assert driving.statuses()["report"] == "FAILED"


def test_a_restart_fills_in_what_kept_jobs_told(driving: Driving) -> None:
    driving.failing = ("report",)
    driving.begin(load(), report("load"))
    driving.tell("load", outputs={"rows": "5"})
    driving.pass_time()
    driving.pass_time()
    assert driving.ports.runs.get_header(RUN).status == "FAILED"
    driving.claims.put(AttemptKey(run_id=RUN, job="load", attempt=1), {"owner": "gone"})
    operations.restart(driving.ports, RUN, order(Act.RESTART))
    driving.driven = Driven(driving.ports.runs.load_run(RUN))
    driving.failing = ()
    driving.turn()
    assert driving.state("report").attempt == 2
    assert submitted(driving)["report"] == ["echo", "n=5"]


def test_a_rerun_tells_anew_and_never_mixes_with_what_was_told_before(driving: Driving) -> None:
    driving.begin(load(), report("load"))
    driving.tell("load", outputs={"rows": "5"})
    driving.pass_time()
    driving.pass_time()
    selection = Selection(run_id=RUN, patterns=["load"])
    again = order(Act.RERUN, downstream=True, at=driving.clock.at)
    operations.act_on_jobs(driving.ports, selection, again)
    driving.driven = Driven(driving.ports.runs.load_run(RUN))
    driving.turn()
    assert (driving.state("load").attempt, driving.state("load").told) == (2, None)
    driving.tell("load", outputs={"other": "x"})
    driving.pass_time()
    assert driving.statuses()["report"] == "FAILED"


def test_a_request_is_checked_again_once_it_is_filled(driving: Driving) -> None:
    driving.begin(load(), report("load"))
    driving.tell("load", outputs={"rows": "shark"})
    driving.pass_time()
    assert driving.state("report").reason == (
        "with the outputs that it reads it can't run here: it needs no shark"
    )


def test_a_request_that_outputs_make_too_large_is_never_handed_over(driving: Driving) -> None:
    text = f"{ROWS}" * (MAX_PAYLOAD // MAX_VALUE + 1)
    driving.begin(load(), report("load", text=text))
    driving.tell("load", outputs={"rows": "x" * MAX_VALUE})
    driving.pass_time()
    assert "too large to be submitted" in driving.state("report").reason


def test_f3_a_job_that_was_filled_in_is_found_again_when_the_reply_is_lost(
    driving: Driving,
) -> None:
    driving.begin(load(), report("load"))
    driving.tell("load", outputs={"rows": "5"})
    driving.queue.loses_replies = True
    driving.pass_time()
    assert driving.statuses()["report"] == "RESERVED"
    driving.turn()
    assert len(driving.queue.submissions) == 2
    assert submitted(driving)["report"] == ["echo", "n=5"]
