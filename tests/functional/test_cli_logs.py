import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from chalicelib.cli.log_page import follow
from chalicelib.cli.log_source import find_log
from chalicelib.cli.session import Session
from chalicelib.config import read_settings
from chalicelib.core.batch import AttemptDetail
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import JobState
from chalicelib.services.logs import newest_attempt
from tests.functional.recorded import RUN, Desk
from tests.unit.runs import NOW, after, described, spec, state


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path / "state", capsys)
    made.record_run()
    return made


@pytest.fixture
def session(desk: Desk) -> Iterator[Session]:
    with Session(read_settings(state=desk.directory), as_json=False) as opened:
        yield opened


class World:
    """What happens at each pause of somebody who follows a log; it ends with the last."""

    def __init__(self, *happenings: Callable[[], None]) -> None:
        self._happenings = list(happenings)

    def __call__(self) -> None:
        assert self._happenings, "followed for longer than anything happened"
        self._happenings.pop(0)()


def followed(
    session: Session, job: str, world: World, last: int = 0, attempt: str = ""
) -> list[str]:
    source = find_log(session, job, "", attempt)
    return [line for _, line in follow(session, source, last, world)]


def test_logs_prints_what_the_job_wrote_as_it_wrote_it(desk: Desk) -> None:
    desk.write_log("id-load", "one\n\ttwo \x1b[31mred\x1b[0m\n")
    assert desk.type("logs", "load") == (Exit.DONE, "one\n\ttwo \x1b[31mred\x1b[0m\n", "")


def test_logs_prints_the_last_lines_only_if_asked(desk: Desk) -> None:
    desk.write_log("id-load", "1\n2\n3\n")
    assert desk.read("logs", "load", "--lines", "2") == "2\n3\n"


def test_logs_prints_more_than_is_read_at_once(desk: Desk) -> None:
    text = "".join(f"{number:099}\n" for number in range(12_000))
    desk.write_log("id-load", text)
    assert desk.read("logs", "load") == text


def test_a_job_without_a_log_tells_why(desk: Desk) -> None:
    code, out, err = desk.type("logs", "sign-off")
    assert (code, out) == (Exit.DONE, "")
    assert err.splitlines() == [
        "sign-off has no log yet; it is HELD: a gate: waits for its release",
        f"Why: batch-scheduler explain sign-off --run {RUN}",
    ]


def test_a_final_job_without_a_log_will_never_have_one(desk: Desk) -> None:
    _, _, err = desk.type("logs", "report")
    assert err.startswith("report has no log; it is UPSTREAM_FAILED: upstream 'load' is FAILED")


def test_a_job_that_began_but_wrote_nothing_yet_has_no_log_yet(desk: Desk) -> None:
    shape = desk.json("logs", "crunch")
    assert (shape["exists"], shape["jobId"], shape["lines"]) == (False, None, [])


def test_the_newest_attempt_of_the_queue_is_shown_and_the_one_before_named(desk: Desk) -> None:
    desk.write_log("id-load", "first\n", attempt=1)
    desk.write_log("id-load", "second\n", attempt=2)
    _, out, err = desk.type("logs", "load")
    assert out == "second\n"
    assert "--attempt 1.1" in err
    assert desk.read("logs", "load", "--attempt", "1.1") == "first\n"


def test_an_earlier_attempt_is_found_by_the_history(desk: Desk) -> None:
    desk.write_log("id-load", "first\n")
    desk.move(RUN, "load", Act.RERUN, status=JobStatus.WAITING)
    desk.move(RUN, "load", Act.RESERVE, status=JobStatus.RESERVED, attempt=2, job_id="")
    desk.move(RUN, "load", Act.ACCEPT, status=JobStatus.SUBMITTED, job_id="id-again")
    desk.write_log("id-again", "second\n")
    assert desk.read("logs", "load") == "second\n"
    assert desk.read("logs", "load", "--attempt", "1") == "first\n"
    assert desk.read("logs", "load", "--attempt", "2") == "second\n"


def test_an_attempt_that_never_was_is_not_found(desk: Desk) -> None:
    code, _, err = desk.type("logs", "load", "--attempt", "7")
    assert code == Exit.NOT_FOUND
    assert "load has had 1." in err


@pytest.mark.parametrize("text", ["0", "x", "1.0", "-1", "1.2.3"])
def test_what_is_no_attempt_is_refused(desk: Desk, text: str) -> None:
    code, _, err = desk.type("logs", "load", f"--attempt={text}")
    assert code == Exit.INVALID
    assert "a number such as 2, or 2.1" in err


def test_a_child_of_an_array_has_a_log_of_its_own(desk: Desk) -> None:
    desk.write_log("id-load:3", "third child\n")
    assert desk.read("logs", "load:3") == "third child\n"


def test_a_job_whose_name_looks_like_a_child_is_that_job(desk: Desk) -> None:
    desk.record_run(
        "odd/1", (spec("a:3"),), {"a:3": state("a", JobStatus.RUNNING)}, started_at=after(1)
    )
    desk.write_log("id-a", "not a child\n")
    assert desk.read("logs", "a:3") == "not a child\n"


@pytest.mark.parametrize("job", ["unknown", "unknown:3"])
def test_a_job_that_is_not_there_has_no_log(desk: Desk, job: str) -> None:
    code, _, err = desk.type("logs", job)
    assert code == Exit.NOT_FOUND
    assert "unknown" in err


def test_following_a_job_that_has_ended_prints_all_of_its_log(desk: Desk) -> None:
    desk.write_log("id-load", "one\ntwo\n")
    assert desk.read("logs", "load", "--follow") == "one\ntwo\n"


def test_following_as_json_is_an_object_a_line(desk: Desk) -> None:
    desk.write_log("id-load", "one\n")
    line = json.loads(desk.read("logs", "load", "-f", "--json"))
    assert line == {"attempt": 1, "queueAttempt": 1, "line": "one"}


def test_lines_are_followed_as_they_are_written_until_the_job_ends(
    desk: Desk, session: Session
) -> None:
    desk.write_log("id-crunch", "one\n")

    def end() -> None:
        desk.write_log("id-crunch", "three\n")
        desk.move(RUN, "crunch", Act.OBSERVE, status=JobStatus.SUCCEEDED)

    world = World(lambda: desk.write_log("id-crunch", "two\n"), end)
    assert followed(session, "crunch", world) == ["one", "two", "three"]


def test_following_begins_with_the_last_lines_if_asked(desk: Desk, session: Session) -> None:
    desk.write_log("id-crunch", "1\n2\n3\n")

    def end() -> None:
        desk.write_log("id-crunch", "4\n5\n")
        desk.move(RUN, "crunch", Act.OBSERVE, status=JobStatus.SUCCEEDED)

    assert followed(session, "crunch", World(end), last=1) == ["3", "4", "5"]


def test_a_new_attempt_is_told_of_and_followed(
    desk: Desk, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write_log("id-crunch", "first\n")

    def retry() -> None:
        desk.write_log("id-crunch", "last words\n")
        desk.move(RUN, "crunch", Act.RETRY, status=JobStatus.WAITING, attempt=2, job_id="")

    def again() -> None:
        desk.move(RUN, "crunch", Act.ACCEPT, status=JobStatus.SUBMITTED, job_id="id-2")
        desk.write_log("id-2", "second\n")

    def end() -> None:
        desk.move(RUN, "crunch", Act.OBSERVE, status=JobStatus.SUCCEEDED)

    world = World(retry, again, end)
    assert followed(session, "crunch", world) == ["first", "last words", "second"]
    assert capsys.readouterr().err == "-- attempt 2.1 --\n"


def test_a_log_that_is_not_there_yet_is_waited_for(
    desk: Desk, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    def end() -> None:
        desk.write_log("id-crunch", "at last\n")
        desk.move(RUN, "crunch", Act.OBSERVE, status=JobStatus.SUCCEEDED)

    world = World(lambda: None, end)
    assert followed(session, "crunch", world) == ["at last"]
    assert capsys.readouterr().err.count("crunch has no log yet; it is RUNNING") == 1


def test_following_a_job_that_never_ran_ends_at_once(desk: Desk, session: Session) -> None:
    assert followed(session, "report", World()) == []


def test_following_an_earlier_attempt_ends_with_what_it_wrote(desk: Desk, session: Session) -> None:
    desk.write_log("id-crunch", "first\n")
    desk.move(RUN, "crunch", Act.RETRY, status=JobStatus.WAITING)
    desk.move(RUN, "crunch", Act.RESERVE, status=JobStatus.RESERVED, attempt=2, job_id="")
    assert followed(session, "crunch", World(), attempt="1") == ["first"]


def test_following_the_present_attempt_by_its_number_goes_on_to_its_end(
    desk: Desk, session: Session
) -> None:
    desk.write_log("id-crunch", "one\n")

    def end() -> None:
        desk.write_log("id-crunch", "two\n")
        desk.move(RUN, "crunch", Act.OBSERVE, status=JobStatus.SUCCEEDED)

    assert followed(session, "crunch", World(end), attempt="1") == ["one", "two"]


def test_the_newest_attempt_is_the_one_that_runs_or_the_last_that_ran() -> None:
    ended = AttemptDetail(started_at=NOW, stopped_at=NOW, exit_code=1)
    assert newest_attempt(described("a", JobStatus.RUNNABLE)) == 1
    assert newest_attempt(described("a", JobStatus.RUNNING, attempts=(ended,))) == 2
    assert newest_attempt(described("a", JobStatus.FAILED, attempts=(ended, ended))) == 2


def test_a_job_that_was_never_submitted_has_no_log(desk: Desk) -> None:
    desk.record_run("plain/1", (spec("lone"),), {"lone": JobState()}, started_at=after(1))
    assert desk.json("logs", "lone")["exists"] is False
