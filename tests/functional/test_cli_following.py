"""What is seen of a run while it is waited for, and what is told at its end."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.cli.accompanying import accompany
from chalicelib.cli.ending import tell_end
from chalicelib.cli.exits import Exit
from chalicelib.cli.progress import View, last_event, progress_for, summary
from chalicelib.cli.session import Session
from chalicelib.config import read_settings
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import JobState
from chalicelib.services.overview import Generation
from tests.functional.recorded import RUN, Desk
from tests.unit.runs import NOW, after, header, spec, state


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


def session_of(desk: Desk) -> Session:
    return Session(read_settings(state=desk.directory), as_json=False)


def view(counts: dict[str, int], *, seconds: float = 60, kept: int = 0) -> View:
    """A run whose generation is `seconds` old, started long before."""
    begun = NOW - timedelta(seconds=seconds)
    return View(header(run_id=RUN), Generation(begun, kept), counts, [], NOW)


def shown(desk: Desk, capsys: pytest.CaptureFixture[str], since: int, *views: View) -> list[str]:
    """The lines that a pipe gets of these views."""
    with session_of(desk) as session, progress_for(session, since) as progress:
        for each in views:
            progress.show(each)
    return capsys.readouterr().out.splitlines()


def test_elapsed_counts_from_the_beginning_of_the_generation() -> None:
    assert "0:01:00 elapsed" in summary(view({"RUNNING": 1}))


def test_an_ended_run_is_no_longer_counted_on() -> None:
    ended = replace(view({"FAILED": 1}), header=header(ended_at=NOW - timedelta(seconds=20)))
    assert ended.elapsed == timedelta(seconds=40)


def test_what_is_left_is_reckoned_from_what_this_generation_did() -> None:
    assert view({"SUCCEEDED": 90, "WAITING": 10}, kept=80).left == timedelta(seconds=60)
    assert view({"SUCCEEDED": 10, "WAITING": 10}).left == timedelta(seconds=60)


def test_what_is_left_can_not_be_told_before_this_generation_has_done_anything() -> None:
    assert view({"SUCCEEDED": 80, "WAITING": 10}, kept=80).left is None


def test_nothing_is_left_of_a_run_that_is_done() -> None:
    assert view({"SUCCEEDED": 80}).left is None


def test_a_summary_counts_what_is_not_done_well() -> None:
    counts = {"SUCCEEDED": 3, "FAILED": 1, "PASS": 2, "WAITING": 4}
    told = summary(view(counts)).split(", ")
    assert told == [
        "6/10 done", "4 WAITING", "1 FAILED", "2 PASS", "0:01:00 elapsed", "about 0:00:48 left",
    ]  # fmt: skip


def test_lines_tell_each_end_once_and_why(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    running = state("a", JobStatus.RUNNING, started_at=NOW)
    desk.record_run(specs=(spec("a"), spec("b")), states={"a": running, "b": running})
    why = "exit 3: Essential container in task exited: out of\nluck"
    desk.move(RUN, "a", Act.OBSERVE, status=JobStatus.FAILED, reason=why)
    now = view({"FAILED": 1, "RUNNING": 1})
    assert shown(desk, capsys, 0, now, now) == ["12:00:00 FAILED          a: exit 3: out of luck"]


def test_lines_tell_of_retries(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    running = state("a", JobStatus.RUNNING, started_at=NOW)
    desk.record_run(specs=(spec("a"),), states={"a": running})
    desk.move(RUN, "a", Act.RETRY, status=JobStatus.WAITING, reason="")
    assert shown(desk, capsys, 0, view({"WAITING": 1})) == ["12:00:00 WAITING         a"]


def test_lines_leave_out_what_is_on_record_when_they_begin(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    running = state("a", JobStatus.RUNNING, started_at=NOW)
    made = desk.record_run(specs=(spec("a"), spec("b")), states={"a": running, "b": running})
    desk.move(RUN, "a", Act.OBSERVE, status=JobStatus.SUCCEEDED)
    with session_of(desk) as session:
        since = last_event(session, made)
    desk.move(RUN, "b", Act.OBSERVE, status=JobStatus.SUCCEEDED)
    assert shown(desk, capsys, since, view({"SUCCEEDED": 2})) == ["12:00:00 SUCCEEDED       b"]


def test_lines_of_a_large_run_are_a_summary_every_ten_seconds(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    first = view({"RUNNING": 201})
    seconds = [0, 9, 10, 19, 20]
    views = [replace(first, at=NOW + timedelta(seconds=each)) for each in seconds]
    lines = shown(desk, capsys, 0, *views)
    assert [line[:8] for line in lines] == ["12:00:00", "12:00:10", "12:00:20"]
    assert lines[0].startswith("12:00:00 0/201 done, 201 RUNNING, ")


def test_the_history_of_a_large_run_is_not_read_for_its_last_event(desk: Desk) -> None:
    with session_of(desk) as session:
        assert last_event(session, header(run_id=RUN, counts={"WAITING": 201})) == 0


def test_a_run_that_has_ended_already_is_not_waited_for(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.record_run(specs=(spec("a"),), states={"a": JobState(status=JobStatus.PASS)})
    desk.end(RUN, RunStatus.CANCELLED)
    with session_of(desk) as session:
        assert accompany(session, RUN, "test", 0) is Exit.RUN_CANCELLED
    assert capsys.readouterr().out == ""


def test_the_end_is_told_with_reasons_that_tell_and_what_to_type(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "exit 137: Essential container in task exited: OutOfMemoryError"
    failed = state("a", JobStatus.FAILED, started_at=NOW, exit_code=137, reason=why)
    desk.record_run(specs=(spec("a"),), states={"a": failed})
    desk.write_log("id-a", "".join(f"\x1b[31mline {number}\n" for number in range(9)))
    desk.end(RUN, RunStatus.FAILED)
    with session_of(desk) as session:
        tell_end(session, session.find_run(RUN))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"Run {RUN} FAILED after 7200.0 s: 1 FAILED",
        "  a: FAILED, attempt 1: exit 137: OutOfMemoryError",
        "    | �[31mline 4",
    ]
    assert [line.partition("  # ")[0].strip() for line in lines[7:]] == [
        "", "Possible now:",
        f"batch-scheduler explain {RUN}",
        f"batch-scheduler restart {RUN} --plan",
        f"batch-scheduler restart {RUN}",
    ]  # fmt: skip


def test_of_many_failures_the_end_tells_five(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"j{number}" for number in range(7)]
    failed = {name: JobState(status=JobStatus.FAILED) for name in names}
    desk.record_run(specs=tuple(map(spec, names)), states=failed)
    desk.end(RUN, RunStatus.FAILED)
    with session_of(desk) as session:
        tell_end(session, session.find_run(RUN))
    lines = capsys.readouterr().out.splitlines()
    assert lines[5:7] == ["  j4: FAILED, attempt 0", "  … and 2 more failed jobs"]


def test_the_plan_of_a_restart_runs_again_as_many_jobs_as_status_says(desk: Desk) -> None:
    tidy = spec("tidy", is_finally=True)
    ends = {"a": JobStatus.SUCCEEDED, "b": JobStatus.FAILED, "c": JobStatus.UPSTREAM_FAILED}
    states = {name: JobState(status=status) for name, status in ends.items()}
    states["tidy"] = JobState(status=JobStatus.SUCCEEDED)
    desk.record_run(specs=(spec("a"), spec("b"), spec("c", "b"), tidy), states=states)
    desk.end(RUN, RunStatus.FAILED)
    assert "run again what is not done: 2 jobs" in desk.read("status")
    assert desk.read("restart", RUN, "--plan").splitlines()[1:] == [
        "  run again (2): b, c",
        "  and again at the end (1): tidy",
        "  keep as done (1): a",
    ]
    assert desk.json("restart", RUN, "--plan")["again"] == ["b", "c", "tidy"]


def test_the_end_of_a_restarted_run_tells_how_long_its_last_generation_took(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.record_run(specs=(spec("a"),), states={"a": JobState(status=JobStatus.SUCCEEDED)})
    desk.restart(RUN, after(7200), until=after(7230))
    with session_of(desk) as session:
        tell_end(session, session.find_run(RUN))
    assert " after 30.0 s: 1 SUCCEEDED" in capsys.readouterr().out
