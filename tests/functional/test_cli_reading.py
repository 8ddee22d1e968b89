import json
import shlex
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import JobState
from tests.functional.recorded import JOBS, RUN, STATES, Desk
from tests.unit.runs import NOW, after, header, spec, state


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path / "state", capsys)
    made.record_run()
    return made


@pytest.fixture
def bare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


def part(page: str, title: str) -> list[str]:
    """The lines of a page below one that begins with `title`, up to an empty one."""
    lines = page.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(title))
    end = lines.index("", first) if "" in lines[first:] else len(lines)
    return lines[first:end]


def test_status_begins_with_run_status_schedule_and_who_started_it(desk: Desk) -> None:
    head = desk.read("status").splitlines()
    assert head[0].startswith(f"{RUN}  RUNNING for ")
    assert head[1] == (
        "Nightly load, schedule etl version 3, generation 1, started 2026-11-23 11:00:00Z by ada"
    )
    assert head[2] == "parameters: date=2026-11-23"


def test_status_counts_jobs_per_status_in_the_order_of_a_job_s_life(desk: Desk) -> None:
    assert (
        "9 jobs: 2 WAITING, 1 HELD, 1 RUNNING, 2 SUCCEEDED, 1 FAILED, 1 UPSTREAM_FAILED, 1 PASS"
    ) in desk.read("status").splitlines()


def test_status_says_when_nobody_drives_a_running_run(desk: Desk) -> None:
    assert "NO ENGINE DRIVES IT: batch-scheduler resume" in desk.read("status")


def test_status_of_an_ended_run_tells_how_long_it_took_and_needs_no_engine(desk: Desk) -> None:
    desk.end(RUN, RunStatus.FAILED)
    page = desk.read("status")
    assert page.startswith(f"{RUN}  FAILED after 2 h 00 min\n")
    assert "ENGINE" not in page


def test_status_tells_what_failed_with_exit_code_attempt_and_reason(desk: Desk) -> None:
    assert part(desk.read("status"), "Failed") == [
        "Failed: 1",
        "  JOB   STATUS  EXIT  ATTEMPT  ENDED                 REASON",
        "  load  FAILED   137        1  2026-11-23 12:01:30Z  exit 137: OutOfMemoryError: killed",
        "  1 more never ran, because something upstream failed.",
    ]


def test_status_tells_what_runs_and_for_how_long(desk: Desk) -> None:
    running = part(desk.read("status"), "Running")
    assert running[0] == "Running: 1"
    assert running[2].split()[:2] == ["crunch", "RUNNING"]


def test_status_tells_what_waits_for_what_and_first_what_needs_a_person(desk: Desk) -> None:
    assert part(desk.read("status"), "Not started") == [
        "Not started: 3",
        "  JOB       STATUS   WAITS FOR",
        "  sign-off  HELD     its release (a gate: waits for its release)",
        "  publish   WAITING  sign-off, crunch",
        "  tidy      WAITING  the end of all other jobs",
    ]


def test_status_ends_with_commands_that_are_ready_to_paste(desk: Desk) -> None:
    commands = [line.partition("  # ")[0].strip() for line in part(desk.read("status"), "Poss")]
    assert commands == [
        "Possible now:",
        f"batch-scheduler explain {RUN}",
        "batch-scheduler logs load",
        f"batch-scheduler watch {RUN}",
        f"batch-scheduler restart {RUN}",
        f"batch-scheduler cancel {RUN}",
        "batch-scheduler release sign-off",
    ]


def test_commands_to_paste_say_again_which_state_directory_was_typed(
    desk: Desk, tmp_path: Path
) -> None:
    typed = ("--state", str(desk.directory))
    lines = pasted(Desk(tmp_path / "other", desk.screen).read("status", *typed))
    assert lines
    for line in lines:
        assert shlex.split(line, comments=True)[-2:] == [*typed]
    assert not any("--state" in line for line in pasted(desk.read("status")))


def pasted(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("  batch-scheduler ")]


@pytest.mark.parametrize("words", [["status"], ["explain"], ["explain", "load"]])
@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.FAILED])
def test_commands_to_paste_fit_100_columns(desk: Desk, words: list[str], status: RunStatus) -> None:
    if status is not RunStatus.RUNNING:
        desk.end(RUN, status)
    lines = pasted(desk.read(*words))
    assert lines
    assert [line for line in lines if len(line) > 100] == []


def test_commands_to_paste_name_a_run_that_is_not_the_latest_of_its_schedule(desk: Desk) -> None:
    desk.record_run("etl/2", started_at=after(1))
    lines = pasted(desk.read("status", RUN)) + pasted(desk.read("explain", "load", "--run", RUN))
    assert [line for line in lines if RUN not in line] == []


def test_commands_to_paste_name_a_run_when_another_schedule_has_such_a_job(desk: Desk) -> None:
    desk.record_run("other/1", started_at=after(1), specs=(spec("load"),), states={
        "load": STATES["load"]})  # fmt: skip
    lines = pasted(desk.read("status", RUN))
    assert any(line.startswith(f"  batch-scheduler logs load --run {RUN} ") for line in lines)
    assert any(line.startswith("  batch-scheduler release sign-off ") for line in lines)


def test_commands_in_json_always_name_the_run(desk: Desk) -> None:
    assert all(RUN in each["command"] for each in desk.json("status")["possible"])
    assert all(RUN in each["command"] for each in desk.json("explain", "load")["possible"])


def test_the_time_of_a_restarted_run_counts_from_its_restart(desk: Desk) -> None:
    desk.end(RUN, RunStatus.FAILED)
    desk.restart(RUN, after(7200), until=after(7260))
    page = desk.read("status").splitlines()
    assert page[0] == f"{RUN}  SUCCEEDED after 1 min 00 s"
    assert "generation 2 since 2026-11-23 14:00:00Z, started 2026-11-23 11:00:00Z" in page[1]
    assert desk.json("status")["seconds"] == 60


@pytest.mark.parametrize(
    ("status", "members", "words"),
    [
        (JobStatus.RESERVED, {}, "the queue's answer"),
        (JobStatus.RUNNABLE, {}, "a slot"),
        (JobStatus.RUNNABLE, {"reason": "CAPACITY"}, "a slot: CAPACITY"),
        (JobStatus.SUBMITTED, {}, "the queue"),
        (JobStatus.WAITING, {}, "the engine's next turn"),
    ],
)
def test_status_puts_what_a_job_waits_for_into_words(
    bare: Desk, status: JobStatus, members: dict[str, str], words: str
) -> None:
    bare.record_run(specs=(spec("a"),), states={"a": state("a", status, **members)})
    assert bare.json("status")["waiting"][0]["waitsFor"] == words


def test_status_tells_of_a_retry_that_waits_for_its_time(bare: Desk) -> None:
    soon = JobState(not_before=NOW.replace(year=NOW.year + 40), reason="exit 1")
    bare.record_run(specs=(spec("a"),), states={"a": soon})
    words = bare.json("status")["waiting"][0]["waitsFor"]
    assert words.startswith("its next attempt, in ")
    assert words.endswith(": exit 1")


def test_status_tells_of_a_ready_job_that_waits_for_a_free_place(bare: Desk) -> None:
    limited = header(max_concurrency=1).policy
    bare.record_run(specs=(spec("a"),), states={"a": JobState()}, policy=limited)
    words = bare.json("status")["waiting"][0]["waitsFor"]
    assert words == "a free place (maxConcurrency is 1)"


def test_status_names_three_upstream_jobs_and_counts_the_rest(bare: Desk) -> None:
    specs = (*(spec(name) for name in "abcde"), spec("join", *"abcde"))
    bare.record_run(specs=specs, states={item.name: JobState() for item in specs})
    assert "join  WAITING  a, b, c and 2 more" in bare.read("status")


def test_status_shows_twenty_jobs_of_a_kind_and_all_with_all(bare: Desk) -> None:
    specs = tuple(spec(f"j{number}") for number in range(25))
    bare.record_run(specs=specs, states={item.name: JobState() for item in specs})
    page = bare.read("status")
    assert "  … and 5 more; --all shows every job" in page.splitlines()
    assert "j20" not in page
    whole = bare.read("status", "--all")
    assert "j24" in whole
    assert "more;" not in whole
    assert len(bare.json("status", "--all")["jobs"]) == 25
    assert "jobs" not in bare.json("status")


def test_status_says_that_a_run_is_being_cancelled(bare: Desk) -> None:
    bare.record_run(cancelling="cancel by ada")
    assert bare.read("status").startswith(f"{RUN}  RUNNING, being cancelled for ")


def test_status_without_any_run_says_how_to_start_one(bare: Desk) -> None:
    code, out, err = bare.type("status")
    assert (code, out) == (Exit.NOT_FOUND, "")
    assert "batch-scheduler run FILE" in err


def test_runs_lists_the_newest_first_with_progress_and_failures(desk: Desk) -> None:
    desk.record_run("etl/2026-11-23T12:00:00.000000Z", started_at=NOW, started_by="bob")
    rows = [line.split() for line in desk.read("runs").splitlines()]
    assert rows[0] == ["RUN", "STATUS", "STARTED", "TOOK", "DONE", "FAILED", "BY"]
    assert [row[0] for row in rows[1:]] == ["etl/2026-11-23T12:00:00.000000Z", RUN]
    assert rows[2][-3:] == ["5/9", "2", "ada"]


def test_runs_are_chosen_by_schedule_status_and_limit(desk: Desk) -> None:
    desk.record_run("other/1", started_at=NOW)
    desk.record_run("etl/2", started_at=after(1))
    desk.end("etl/2", RunStatus.FAILED)
    assert [run["runId"] for run in desk.json("runs", "etl")] == ["etl/2", RUN]
    assert [run["runId"] for run in desk.json("runs", "--status", "failed")] == ["etl/2"]
    assert [run["runId"] for run in desk.json("runs", "--limit", "1")] == ["etl/2"]


def test_no_runs_at_all_is_no_error(bare: Desk) -> None:
    assert bare.read("runs") == "No such runs. Start one: batch-scheduler run FILE\n"
    assert bare.json("runs") == []


def test_a_misspelt_status_of_runs_is_refused_with_the_right_one(desk: Desk) -> None:
    code, _, err = desk.type("runs", "--status", "succeded")
    assert code == Exit.INVALID
    assert "did you mean 'SUCCEEDED'?" in err


def test_history_tells_time_job_act_statuses_and_reason_oldest_first(desk: Desk) -> None:
    desk.move(RUN, "sign-off", Act.RELEASE, status=JobStatus.WAITING, reason="release by ada: ok")
    lines = desk.read("history").splitlines()
    assert " ".join(lines[1].split()) == "11-23 11:00:00.000 (run) START - RUNNING - ada"
    assert "sign-off  RELEASE  HELD  WAITING" in lines[2]
    assert lines[2].endswith("engine  release by ada: ok")


def test_history_of_one_job_leaves_the_others_out(desk: Desk) -> None:
    desk.move(RUN, "publish", Act.HOLD, status=JobStatus.HELD)
    desk.move(RUN, "tidy", Act.HOLD, status=JobStatus.HELD)
    assert [event["jobName"] for event in desk.json("history", "--job", "tidy")] == ["tidy"]


def test_history_of_a_misspelt_job_suggests_the_right_one(desk: Desk) -> None:
    code, _, err = desk.type("history", "--job", "pubish")
    assert code == Exit.NOT_FOUND
    assert "Did you mean 'publish'?" in err


def test_explain_tells_a_failure_with_facts_and_its_last_lines(desk: Desk) -> None:
    desk.write_log("id-load", "reading\n\x1b[31mout of memory\n")
    page = desk.read("explain", "report").splitlines()
    assert page[:8] == [
        "report never ran, because of load",
        "  load failed: exit 137: OutOfMemoryError: killed, attempt 1",
        "      exit 137 means: killed (SIGKILL), mostly for want of memory or after a time-out",
        "      it asks for 512 MiB of memory",
        "      ran 90.0 s, until 2026-11-23 12:01:30 UTC",
        "      because of it 1 job downstream never ran",
        "      | reading",
        "      | �[31mout of memory",
    ]


def test_explain_shows_the_last_twenty_lines_of_a_log(desk: Desk) -> None:
    desk.write_log("id-load", "".join(f"line {number}\n" for number in range(30)))
    assert desk.json("explain", "load")["logs"]["load"] == [f"line {n}" for n in range(10, 30)]


def test_explain_of_a_stopped_job_begins_with_what_helps_upstream(desk: Desk) -> None:
    possible = desk.json("explain", "report")["possible"]
    assert possible[0]["command"] == f"batch-scheduler rerun load --run {RUN}"


def test_explain_of_a_run_tells_failures_holds_and_what_runs(desk: Desk) -> None:
    cause = desk.json("explain", RUN)["cause"]
    assert [link["jobName"] for link in cause["because"]] == ["load", "sign-off", "crunch"]
    assert desk.json("explain")["cause"] == cause


def test_explain_takes_a_job_of_the_run_that_is_named(desk: Desk) -> None:
    desk.record_run("etl/2", started_at=after(1))
    shape = desk.json("explain", "publish", "--run", RUN)
    assert shape["runId"] == RUN
    assert shape["cause"]["sentence"] == "waits for sign-off, crunch"


def test_explain_of_the_run_option_alone_is_of_that_run(desk: Desk) -> None:
    desk.record_run("etl/2", started_at=after(1))
    shape = desk.json("explain", "--run", RUN)
    assert (shape["runId"], shape["cause"]["jobName"]) == (RUN, None)


def test_explain_of_many_failures_counts_those_it_does_not_tell(bare: Desk) -> None:
    names = [f"j{number}" for number in range(12)]
    states = {name: state(name, JobStatus.FAILED, started_at=NOW) for name in names}
    bare.record_run(specs=tuple(spec(name) for name in names), states=states)
    assert "  … and 2 more" in bare.read("explain").splitlines()


def test_explain_of_nothing_known_says_so(desk: Desk) -> None:
    code, _, err = desk.type("explain", "unknown")
    assert code == Exit.NOT_FOUND
    assert "unknown" in err


def test_names_are_quoted_for_the_shell(bare: Desk) -> None:
    bare.record_run(specs=(spec("my job's"),), states={"my job's": STATES["sign-off"]})
    possible = bare.json("explain", "my job's")["possible"]
    assert possible[0]["command"] == f"""batch-scheduler release 'my job'"'"'s' --run {RUN}"""


def test_export_is_the_run_as_an_old_document_with_its_history(desk: Desk) -> None:
    whole = json.loads(desk.read("export"))
    assert whole["scheduleId"] == "etl"
    assert whole["scheduleStatus"] == "RUNNING"
    assert whole["wait_time"] == 60
    assert [job["jobName"] for job in whole["jobList"]] == [item.name for item in JOBS]
    load = whole["jobList"][3]
    assert load["jobDependencies"] == ["clean"]
    assert load["jobId"] == "id-load"
    assert load["containerOverrides"] == {"command": ["load"], "memory": 512}
    assert whole["jobList"][0]["jobQueue"] == "main"
    assert [event["act"] for event in whole["events"]] == ["START"]


def test_export_to_a_file_leaves_no_draft_behind(desk: Desk, tmp_path: Path) -> None:
    output = tmp_path / "out" / "run.json"
    output.parent.mkdir()
    code, out, err = desk.type("export", RUN, "--output", str(output))
    assert (code, out) == (Exit.DONE, "")
    assert str(output) in err
    assert json.loads(output.read_text())["runId"] == RUN
    assert [path.name for path in output.parent.iterdir()] == ["run.json"]


def test_export_to_where_nothing_can_be_written_is_refused(desk: Desk, tmp_path: Path) -> None:
    code, _, err = desk.type("export", "--output", str(tmp_path / "missing" / "run.json"))
    assert code == Exit.INVALID
    assert "can't be written" in err


def test_graph_of_a_run_shows_statuses(desk: Desk) -> None:
    page = desk.read("graph", RUN).splitlines()
    assert page[0] == f"{RUN}: 9 jobs, 7 dependencies, depth 5"
    assert "3  load       FAILED           <- clean" in page


def test_graph_of_nothing_known_says_where_to_look(desk: Desk) -> None:
    code, _, err = desk.type("graph", "unknown")
    assert code == Exit.NOT_FOUND
    assert "batch-scheduler list" in err
