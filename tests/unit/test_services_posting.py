"""What goes into the outbox: at the end of a run, while it goes on, and at a fire time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.notice_rules import Means, NoticeRule, Occasion, Receiver
from chalicelib.core.notice_words import NoStart
from chalicelib.core.notices import Letter
from chalicelib.core.run import RunHeader
from chalicelib.core.schedule import Policy
from chalicelib.ports import RunChange
from chalicelib.services import schedules
from chalicelib.services.announcing import tell_missed, tell_overlap_skipped
from chalicelib.services.posting import (
    Poster,
    post_driver_failed,
    post_end,
    post_first_failure,
    post_stuck,
)
from tests.builders import job, loaded
from tests.unit.runs import NOW, after, spec, state
from tests.unit.stage import RUN, Stage, driven

J, R = JobStatus, RunStatus
LOG = Receiver(means=Means.LOG)
ALL = tuple(Occasion)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def rules(*on: Occasion) -> Policy:
    return Policy(notify=(NoticeRule(on=on or ALL, receiver=LOG),))


def ended(status: RunStatus = R.FAILED, **members: object) -> RunHeader:
    given = {"status": status, "driver": "", "ended_at": NOW, "policy": rules()}
    return driven(**{**given, **members})


def told(letters: list[Letter] | None) -> list[str]:
    return [f"{each.kind} {each.id.removeprefix(RUN)}" for each in letters or ()]


def test_a_failed_run_is_told_of_with_why_and_what_repairs_it(stage: Stage) -> None:
    failed = state("a", J.FAILED, reason="exit 3")
    stage.record(spec("a"), spec("b"), run=ended(), a=failed, b=J.SUCCEEDED)
    failure, end = post_end(stage.ports, stage.header)
    assert told([failure, end]) == ["jobFailed /1/jobFailed", "failed /1/failed"]
    assert end.subject == "etl: run FAILED"
    assert end.message.splitlines()[:3] == [
        f"Run {RUN} is FAILED.", "Jobs: 1 SUCCEEDED, 1 FAILED.", "- a: exit 3",
    ]  # fmt: skip
    assert end.commands == (
        f"batch-scheduler explain {RUN}",
        f"batch-scheduler restart {RUN} --plan",
        f"batch-scheduler restart {RUN}",
    )
    assert (end.at, end.run_id, end.schedule_id) == (NOW, RUN, "etl")
    assert "The run has ended." in failure.message
    assert [each.letter for each in stage.outbox.pending(NOW, 9)] == sorted(
        [failure, end], key=lambda letter: letter.key
    )


def test_an_end_without_its_time_is_told_of_now(stage: Stage) -> None:
    stage.record(run=ended(R.SUCCEEDED, ended_at=None))
    [letter] = post_end(stage.ports, stage.header)
    assert letter.at == NOW


@pytest.mark.parametrize(
    ("on", "kinds"),
    [
        ((Occasion.SUCCEEDED,), []),
        ((Occasion.FAILED,), ["failed"]),
        ((Occasion.JOB_FAILED,), ["jobFailed"]),
    ],
)
def test_nobody_is_told_of_what_he_did_not_ask_for(
    stage: Stage, on: tuple[Occasion, ...], kinds: list[str]
) -> None:
    stage.record(run=ended(policy=rules(*on)), a=J.FAILED)
    assert [letter.kind for letter in post_end(stage.ports, stage.header)] == kinds


def test_a_run_without_rules_is_not_told_of(stage: Stage) -> None:
    stage.record(run=ended(policy=Policy()), a=J.FAILED)
    assert post_end(stage.ports, stage.header) == []
    assert stage.outbox.left() == 0


def test_a_cancelled_run_is_no_news_to_rules(stage: Stage) -> None:
    stage.record(run=ended(R.CANCELLED), a=J.CANCELLED)
    assert post_end(stage.ports, stage.header) == []


def test_f38_what_is_posted_again_is_the_same_and_is_not_doubled(stage: Stage) -> None:
    stage.record(run=ended(), a=J.FAILED)
    first = post_end(stage.ports, stage.header)
    stage.clock.advance(60.0)
    assert post_end(stage.ports, stage.header) == []
    assert stage.outbox.left() == len(first) == 2


def test_what_is_posted_is_tried_at_once_or_left_to_who_posted_it_for_a_while(
    stage: Stage,
) -> None:
    stage.record(run=ended(R.SUCCEEDED))
    post_end(stage.ports, stage.header, timedelta(minutes=2))
    assert stage.outbox.pending(after(119), 9) == []
    assert len(stage.outbox.pending(after(120), 9)) == 1


# Recovered


def succeeded_after(stage: Stage, *earlier: tuple[float, RunStatus]) -> list[str]:
    """What is told of a success that was started 1 h before NOW, after others so many s before."""
    for seconds, status in earlier:
        began = driven().started_at - timedelta(seconds=seconds)
        run_id = f"etl/before-{seconds}"
        about = ended(status, run_id=run_id, started_at=began)
        stage.store.create_run(about, [], {})
    stage.record(run=ended(R.SUCCEEDED), a=J.SUCCEEDED)
    return [letter.kind for letter in post_end(stage.ports, stage.header)]


def test_a_success_after_a_failed_run_of_the_schedule_is_a_recovery(stage: Stage) -> None:
    assert succeeded_after(stage, (60, R.FAILED), (120, R.SUCCEEDED)) == ["recovered"]


def test_a_success_after_a_success_is_none(stage: Stage) -> None:
    assert succeeded_after(stage, (60, R.SUCCEEDED), (120, R.FAILED)) == ["succeeded"]


def test_a_first_success_is_none(stage: Stage) -> None:
    assert succeeded_after(stage) == ["succeeded"]


def test_runs_that_were_cancelled_or_go_on_say_nothing_of_how_it_went(stage: Stage) -> None:
    earlier = ((30, R.CANCELLED), (60, R.RUNNING), (120, R.FAILED))
    assert succeeded_after(stage, *earlier) == ["recovered"]


def test_a_run_that_was_started_later_says_nothing_of_how_it_went_before(stage: Stage) -> None:
    assert succeeded_after(stage, (-60, R.FAILED)) == ["succeeded"]


def test_a_recovery_says_so(stage: Stage) -> None:
    stage.store.create_run(ended(run_id="etl/b", started_at=NOW - timedelta(days=1)), [], {})
    stage.record(run=ended(R.SUCCEEDED), a=J.SUCCEEDED)
    [letter] = post_end(stage.ports, stage.header)
    assert letter.subject == "etl: run SUCCEEDED again"
    assert "What had failed before is repaired." in letter.message
    assert letter.commands == ()


def test_who_does_not_care_for_recoveries_is_told_of_a_success(stage: Stage) -> None:
    stage.store.create_run(ended(run_id="etl/b", started_at=NOW - timedelta(days=1)), [], {})
    stage.record(run=ended(R.SUCCEEDED, policy=rules(Occasion.SUCCEEDED)), a=J.SUCCEEDED)
    [letter] = post_end(stage.ports, stage.header)
    assert letter.kind == "succeeded"
    assert letter.subject == "etl: run SUCCEEDED"


@pytest.mark.parametrize(("status", "kind"), [(R.FAILED, "recovered"), (R.CANCELLED, "succeeded")])
def test_a_success_after_a_restart_is_a_recovery_if_the_run_had_failed(
    stage: Stage, status: RunStatus, kind: str
) -> None:
    stage.record(run=ended(R.SUCCEEDED, generation=2), a=J.SUCCEEDED)
    change = RunChange(act="END", before="RUNNING", after=status, at=NOW, actor="engine")
    stage.store.record(stage.header, [], run_changes=[change])
    [letter] = post_end(stage.ports, stage.header)
    assert letter.kind == kind
    assert letter.id == f"{RUN}/2/{kind}"


# While a run goes on


def test_the_first_failure_is_told_once_while_the_run_goes_on(stage: Stage) -> None:
    stage.record(spec("a"), spec("b"), run=driven(policy=rules()), a=J.FAILED)
    [letter] = post_first_failure(stage.ports, stage.header)
    assert letter.subject == "etl: a failed"
    assert "goes on with what does not depend on it" in letter.message
    stage.clock.advance(1.0)
    assert post_first_failure(stage.ports, stage.header) == []


def test_a_failure_that_was_made_good_meanwhile_is_not_told(stage: Stage) -> None:
    stage.record(run=driven(policy=rules()), a=J.PASS)
    assert post_first_failure(stage.ports, stage.header) == []


def test_nobody_asked_for_failures_of_jobs(stage: Stage) -> None:
    stage.record(run=driven(policy=rules(Occasion.FAILED)), a=J.FAILED)
    assert post_first_failure(stage.ports, stage.header) == []


def test_stuck_jobs_are_told_once_a_generation(stage: Stage) -> None:
    old = state("a", J.RUNNABLE, runnable_since=NOW - timedelta(hours=2))
    stage.record(run=driven(policy=rules()), a=old)
    run = stage.store.load_run(RUN)
    assert told(post_stuck(stage.ports, run)) == ["stuck /1/stuck"]
    assert post_stuck(stage.ports, run) == []
    run.header = replace(run.header, generation=2)
    assert told(post_stuck(stage.ports, run)) == ["stuck /2/stuck"]


def test_no_job_is_stuck_or_nobody_wants_to_know(stage: Stage) -> None:
    old = state("a", J.RUNNABLE, runnable_since=NOW - timedelta(hours=2))
    stage.record(spec("a"), run=driven(policy=rules(Occasion.FAILED)), a=old)
    run = stage.store.load_run(RUN)
    assert post_stuck(stage.ports, run) is None
    run.header = replace(run.header, policy=rules())
    stage.clock.at = NOW - timedelta(hours=2)
    assert post_stuck(stage.ports, run) is None


def test_each_driver_that_failed_is_told_of(stage: Stage) -> None:
    stage.record(run=driven(policy=rules()))
    first = post_driver_failed(stage.ports, stage.header, "out of memory")
    second = post_driver_failed(stage.ports, replace(stage.header, handovers=1), "again")
    assert told([*first, *second]) == [
        "driverFailed /1/driverFailed-0", "driverFailed /1/driverFailed-1",
    ]  # fmt: skip
    assert "out of memory" in first[0].message
    stage.store.record(
        stage.header, [], after=replace(stage.header, policy=rules(Occasion.FAILED), revision=1)
    )
    assert post_driver_failed(stage.ports, stage.header, "again") == []


# While it is driven on one machine


class Seen:
    """A poster, and how often it woke who delivers."""

    def __init__(self, stage: Stage) -> None:
        self.woken = 0
        self.poster = Poster(stage.ports, stage.store, self._wake)

    def _wake(self) -> None:
        self.woken += 1


def end(stage: Stage, status: RunStatus = R.FAILED) -> None:
    before = stage.header
    after_end = replace(before, status=status, ended_at=NOW, revision=before.revision + 1)
    stage.store.record(before, [], after=after_end)


def test_ends_are_posted_once_for_whoever_finds_them(stage: Stage) -> None:
    stage.record(run=driven(policy=rules()), a=J.FAILED)
    end(stage)
    seen = Seen(stage)
    seen.poster.tell_ends()
    assert (stage.outbox.left(), seen.woken) == (2, 1)
    seen.poster.tell_ends()
    Seen(stage).poster.tell_ends()
    assert (stage.outbox.left(), seen.woken) == (2, 1)


def test_f38_an_end_that_was_posted_and_not_written_down_wakes_nobody_again(stage: Stage) -> None:
    stage.record(run=driven(policy=rules()), a=J.FAILED)
    end(stage)
    post_end(stage.ports, stage.header)
    seen = Seen(stage)
    seen.poster.tell_ends()
    assert (stage.outbox.left(), seen.woken) == (2, 0)
    assert stage.store.untold(9) == []


def test_a_turn_in_which_nothing_is_wrong_posts_nothing(stage: Stage) -> None:
    stage.record(run=driven(policy=rules()), a=J.RUNNABLE)
    stage.clock.at = NOW - timedelta(minutes=59)
    seen = Seen(stage)
    seen.poster.look_at(stage.store.load_run(RUN))
    assert (stage.outbox.left(), seen.woken) == (0, 0)


def test_turns_tell_of_a_failure_and_of_stuck_jobs_once_a_generation(stage: Stage) -> None:
    old = state("b", J.RUNNABLE, runnable_since=NOW - timedelta(hours=2))
    stage.record(spec("a"), spec("b"), run=driven(policy=rules()), a=J.FAILED, b=old)
    run, seen = stage.store.load_run(RUN), Seen(stage)
    for _ in range(3):
        seen.poster.look_at(run)
    assert (stage.outbox.left(), seen.woken) == (2, 2)
    run.header = replace(run.header, generation=2)
    seen.poster.look_at(run)
    assert stage.outbox.left() == 4


# Fire times


def put(stage: Stage, **members: object) -> None:
    schedules.put(stage.ports, loaded(job("a"), **members), "ada")


def no_start(trigger: str, why: str = "nothing ran") -> NoStart:
    return NoStart(trigger=trigger, fire_time=NOW, why=why)


def test_what_was_missed_is_told_by_the_rules_of_today(stage: Stage) -> None:
    put(stage, notify=[{"on": ["missed"], "log": True}])
    for _ in range(2):
        tell_missed(stage.ports, "nightly", no_start("cron 0 2 * * *"))
    [posted] = stage.outbox.pending(NOW, 9)
    letter = posted.letter
    assert (letter.kind, letter.schedule_id, letter.run_id, letter.at) == (
        "missed", "nightly", "", NOW,
    )  # fmt: skip
    assert letter.commands == ("batch-scheduler start nightly",)
    assert [each.id for each in tell_missed(stage.ports, "nightly", no_start("other"))] != [
        letter.id
    ]


def test_what_was_skipped_is_another_occasion(stage: Stage) -> None:
    put(stage, notify=[{"on": ["overlapSkipped"], "log": True}])
    assert tell_missed(stage.ports, "nightly", no_start("cron")) == []
    [letter] = tell_overlap_skipped(stage.ports, "nightly", no_start("cron", f"run {RUN}"))
    assert letter.kind == "overlapSkipped"
    assert RUN in letter.message


def test_a_schedule_without_rules_or_that_is_gone_tells_nobody(stage: Stage) -> None:
    put(stage)
    for name in ("nightly", "gone"):
        assert tell_missed(stage.ports, name, no_start("cron")) == []
