"""What other runs and files start: once for each, however often they are told of."""

from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatch
from itertools import count, permutations

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.errors import BackendError, ConflictError
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.ports import Ports
from chalicelib.services.listening import ArrivedObject, files_arrived, object_arrived, run_ended
from chalicelib.services.runs import StartRequest, start
from chalicelib.services.ticking import tick
from chalicelib.timing_ports import FoundFile, StoredTriggers, TriggerStore
from tests.unit.stores import world
from tests.unit.triggered import (
    DAY,
    HOUR,
    MINUTE,
    START,
    TappedTriggers,
    end,
    move,
    paused,
    put,
    resumed,
    runs,
)

AFTER_LOAD = {"name": "after", "onRun": {"schedule": "load"}}
ON_CSV = {"name": "csv", "onFile": {"bucket": "incoming", "prefix": "day/", "suffix": ".csv"}}


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


def ended(
    ports: Ports, status: RunStatus = RunStatus.SUCCEEDED, schedule_id: str = "load"
) -> RunHeader:
    """A run of another schedule that has ended now."""
    stored = put(ports, schedule_id)
    return end(ports, start(ports, stored, StartRequest(actor="ann")), status)


def arrives(ports: Ports, key: str, version: str = "1", bucket: str = "incoming") -> None:
    object_arrived(ports, ArrivedObject(bucket, key, version, START))
    tick(ports)


def ends(ports: Ports, header: RunHeader) -> None:
    """Tell of the end of a run, and let what it starts be started."""
    run_ended(ports, header)
    tick(ports)


def looks(ports: Ports, shelf: "Shelf") -> None:
    files_arrived(ports, shelf)
    tick(ports)


@pytest.mark.parametrize(
    ("waited_for", "started_by"),
    [
        ("succeeded", [RunStatus.SUCCEEDED]),
        ("failed", [RunStatus.FAILED]),
        ("ended", [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED]),
    ],
)
def test_the_end_that_is_waited_for_starts_a_run_and_no_other_end_does(
    waited_for: str, started_by: list[RunStatus]
) -> None:
    for status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED):
        ports = world()
        put(ports, "etl", {"onRun": {"schedule": "load", "status": waited_for}})
        ends(ports, ended(ports, status))
        assert len(runs(ports)) == (status in started_by)


def test_the_run_is_told_what_it_follows(ports: Ports) -> None:
    given = {"from": "${run}", "how": "${runStatus}"}
    put(ports, "etl", {**AFTER_LOAD, "parameters": given}, parameters={"from": {}, "how": {}})
    header = ended(ports)
    ends(ports, header)
    (run,) = runs(ports)
    assert run.parameters == {"from": header.run_id, "how": "SUCCEEDED"}
    assert run.reason == f"{header.run_id} SUCCEEDED"
    assert run.started_by == "trigger after"


def test_an_end_that_is_told_again_starts_nothing_again(ports: Ports) -> None:
    put(ports, "etl", AFTER_LOAD)
    header = ended(ports)
    for _ in range(3):
        ends(ports, header)
        end(ports, runs(ports)[0])
    move(ports, START + DAY)
    ends(ports, header)
    assert len(runs(ports)) == 1


def test_each_generation_of_a_run_ends_for_itself(ports: Ports) -> None:
    put(ports, "etl", {**AFTER_LOAD, "overlap": "allow"})
    header = ended(ports)
    ends(ports, header)
    move(ports, START + HOUR)
    ends(ports, replace(header, generation=2, ended_at=START + HOUR))
    assert len(runs(ports)) == 2


def test_the_end_of_a_run_that_nothing_waits_for_starts_nothing(ports: Ports) -> None:
    put(ports, "etl", AFTER_LOAD)
    assert run_ended(ports, ended(ports, schedule_id="other")) == []
    assert runs(ports) == []


def test_a_trigger_that_is_not_enabled_does_not_listen(ports: Ports) -> None:
    put(ports, "etl", {**AFTER_LOAD, "enabled": False})
    ends(ports, ended(ports))
    assert runs(ports) == []


def test_a_paused_schedule_lets_ends_pass(ports: Ports) -> None:
    put(ports, "etl", AFTER_LOAD)
    paused(ports, "etl", "ann")
    header = ended(ports)
    ends(ports, header)
    resumed(ports, "etl")
    tick(ports)
    assert runs(ports) == []


def test_a_schedule_that_listens_no_more_is_not_started(ports: Ports) -> None:
    put(ports, "etl", AFTER_LOAD)
    put(ports, "etl")
    ends(ports, ended(ports))
    assert runs(ports) == []


def test_a_run_that_may_start_only_in_its_window_waits_for_it(ports: Ports) -> None:
    put(ports, "etl", {**AFTER_LOAD, "startBetween": ["06:00", "08:00"]})
    ends(ports, ended(ports))
    tick(ports)
    assert runs(ports) == []
    move(ports, START + 6 * HOUR)
    tick(ports)
    assert len(runs(ports)) == 1


def test_an_end_that_comes_too_late_is_missed(ports: Ports) -> None:
    put(ports, "etl", {**AFTER_LOAD, "deadline": "1h"})
    header = ended(ports)
    move(ports, START + 2 * HOUR)
    (decided,) = run_ended(ports, header)
    assert [each.why for each in decided.refused] == ["its deadline has passed"]
    assert runs(ports) == []


def test_what_waits_goes_by_the_trigger_s_calendar(ports: Ports) -> None:
    waiting = {**AFTER_LOAD, "calendar": "weekdays", "parameters": {"d": "${nextBusinessDay:%a}"}}
    put(ports, "etl", waiting, parameters={"d": {}})
    ends(ports, ended(ports))
    assert runs(ports)[0].parameters == {"d": "Tue"}


@pytest.mark.parametrize("at", range(4))
def test_an_end_and_a_tick_that_meet_at_any_call_start_one_run_each(ports: Ports, at: int) -> None:
    hourly = {"name": "hourly", "cron": "0 * * * *", "overlap": "allow"}
    put(ports, "etl", {**AFTER_LOAD, "overlap": "allow"}, hourly)
    header = ended(ports)
    move(ports, START + HOUR)
    calls = count()

    def meet() -> None:
        if next(calls) == at:
            tick(ports)

    run_ended(replace(ports, triggers=TappedTriggers(ports.triggers, meet)), header)
    tick(ports)
    assert sorted(each.started_by for each in runs(ports)) == ["trigger after", "trigger hourly"]


def test_who_never_gets_to_decide_says_so(ports: Ports) -> None:
    put(ports, "etl", AFTER_LOAD)
    header = ended(ports)

    def busy() -> None:
        """Somebody else is always quicker."""
        before = ports.triggers.get_triggers("etl")
        assert before is not None
        ports.triggers.put_triggers(before, replace(before, revision=before.revision + 1))

    with pytest.raises(ConflictError):
        run_ended(replace(ports, triggers=TappedTriggers(ports.triggers, busy)), header)
    assert runs(ports) == []


# Files


@pytest.mark.parametrize(
    ("key", "bucket", "starts"),
    [
        ("day/a.csv", "incoming", True),
        ("day/deep/a.csv", "incoming", True),
        ("day/a.json", "incoming", False),
        ("night/a.csv", "incoming", False),
        ("day/a.csv", "outgoing", False),
    ],
)
def test_an_object_that_is_waited_for_starts_a_run(
    ports: Ports, key: str, bucket: str, *, starts: bool
) -> None:
    put(ports, "etl", ON_CSV)
    arrives(ports, key, bucket=bucket)
    assert len(runs(ports)) == starts


def test_the_run_is_told_which_file_arrived(ports: Ports) -> None:
    given = {"file": "${file}", "name": "${fileName}"}
    put(ports, "etl", {**ON_CSV, "parameters": given}, parameters={"file": {}, "name": {}})
    arrives(ports, "day/a.csv")
    (run,) = runs(ports)
    assert run.parameters == {"file": "s3://incoming/day/a.csv", "name": "a.csv"}
    assert run.reason == "s3://incoming/day/a.csv arrived"


def test_f35_each_version_of_an_object_starts_one_run_in_whatever_order_events_come() -> None:
    events: list[tuple[str, str]] = [("day/a.csv", "1"), ("day/a.csv", "2"), ("day/b.csv", "1")]
    for order in permutations([*events, events[0], events[2]]):
        ports = world()
        put(ports, "etl", {**ON_CSV, "overlap": "allow"})
        for key, version in order:
            arrives(ports, key, version)
        assert len(runs(ports)) == len(events)


def test_several_schedules_hear_of_one_event(ports: Ports) -> None:
    for name in ("a", "b"):
        put(ports, name, AFTER_LOAD)
    ends(ports, ended(ports))
    assert [len(runs(ports, name)) for name in ("a", "b")] == [1, 1]


def test_of_several_triggers_only_those_start_that_are_meant(ports: Ports) -> None:
    both = {"bucket": "incoming", "prefix": "night/"}
    put(ports, "etl", ON_CSV, {"name": "night", "onFile": both}, AFTER_LOAD)
    arrives(ports, "night/a.json")
    ends(ports, ended(ports, schedule_id="incoming"))
    assert [each.started_by for each in runs(ports)] == ["trigger night"]


class Shelf:
    """ports.Files: files that the test puts there."""

    def __init__(self) -> None:
        self.files: list[FoundFile] = []

    def arrived(self, pattern: str, after: datetime) -> list[FoundFile]:
        return [each for each in self.files if fnmatch(each.path, pattern) and each.at > after]


def test_files_of_this_machine_start_one_run_each_once_they_are_waited_for(ports: Ports) -> None:
    shelf = Shelf()
    put(ports, "etl", {"name": "csv", "onFile": {"path": "in/*.csv"}, "overlap": "allow"})
    put(ports, "off", {"onFile": {"path": "in/*.csv"}, "enabled": False})
    shelf.files += [
        FoundFile("in/old.csv", START - MINUTE),
        FoundFile("in/a.csv", START + MINUTE),
        FoundFile("in/b.txt", START + MINUTE),
        FoundFile("in/c.csv", START + 2 * MINUTE),
    ]
    move(ports, START + HOUR)
    for _ in range(3):
        looks(ports, shelf)
    assert [each.reason for each in runs(ports)] == ["in/a.csv arrived", "in/c.csv arrived"]
    put(ports, "off", {"onFile": {"path": "in/*.csv"}})
    looks(ports, shelf)
    assert runs(ports, "off") == []


def test_a_trigger_that_waits_for_the_same_files_goes_on_where_it_was(ports: Ports) -> None:
    shelf = Shelf()
    waiting = {"name": "csv", "onFile": {"path": "in/*.csv"}}
    put(ports, "etl", waiting)
    looks(ports, shelf)
    shelf.files.append(FoundFile("in/a.csv", START + MINUTE))
    shelf.files.append(FoundFile("out/a.csv", START + MINUTE))
    move(ports, START + HOUR)
    put(ports, "etl", waiting, scheduleName="other")
    looks(ports, shelf)
    assert len(runs(ports)) == 1
    put(ports, "etl", {"name": "csv", "onFile": {"path": "out/*.csv"}})
    looks(ports, shelf)
    assert len(runs(ports)) == 1


NOTIFY = [{"on": ["missed"], "log": True}]


def told(ports: Ports, kind: str = "missed") -> list[str]:
    """The reasons of what people are told."""
    posted = ports.outbox.pending(ports.clock() + DAY, 100)
    return [each.letter.message for each in posted if each.letter.kind == kind]


def test_no_file_is_lost_while_a_run_goes_on_and_no_end_of_a_run_either(ports: Ports) -> None:
    shelf = Shelf()
    put(ports, "etl", {"name": "csv", "onFile": {"path": "in/*.csv"}}, AFTER_LOAD)
    shelf.files += [FoundFile(f"in/{name}.csv", START + MINUTE) for name in "abc"]
    ends(ports, ended(ports))
    move(ports, START + HOUR)
    for _ in range(4):
        looks(ports, shelf)
        end(ports, runs(ports)[-1])
    asked = [each.reason.rpartition("/")[2] for each in runs(ports)]
    assert sorted(asked[1:]) == ["a.csv arrived", "b.csv arrived", "c.csv arrived"]
    assert runs(ports)[0].started_by == "trigger after"


def test_of_each_file_that_is_skipped_it_is_told_with_what_starts_its_run(ports: Ports) -> None:
    ports = replace(ports, outbox=MemoryOutbox())
    shelf, given = Shelf(), {"parameters": {"file": "${file}"}, "overlap": "skip"}
    csv = {"name": "csv", "onFile": {"path": "in/*.csv"}, **given}
    rules = [{"on": ["overlapSkipped"], "log": True}]
    put(ports, "etl", csv, parameters={"file": {}}, notify=rules)
    shelf.files += [FoundFile(f"in/{name}.csv", START + MINUTE) for name in "abc"]
    move(ports, START + HOUR)
    for _ in range(2):
        looks(ports, shelf)
    skipped = told(ports, "overlapSkipped")
    assert len(runs(ports)) == 1
    assert len(skipped) == 2
    for each in skipped:
        name = each.partition("(csv: in/")[2][0]
        assert each.endswith(f"batch-scheduler start etl --param file=in/{name}.csv")


def test_a_file_whose_name_is_no_text_is_told_of_once_and_stops_nothing(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    ports = replace(ports, outbox=MemoryOutbox())
    shelf = Shelf()
    put(
        ports,
        "etl",
        {"name": "csv", "onFile": {"path": "in/*.csv"}, "overlap": "allow"},
        notify=NOTIFY,
    )
    looks(ports, shelf)
    shelf.files.append(FoundFile("in/bad\udcff.csv", START + MINUTE))
    shelf.files.append(FoundFile("in/good.csv", START + 2 * MINUTE))
    move(ports, START + HOUR)
    for _ in range(3):
        looks(ports, shelf)
    assert [each.reason for each in runs(ports)] == ["in/good.csv arrived"]
    (why,) = told(ports)
    assert r'"in/bad\udcff.csv": is a file' in why
    assert len([each for each in caplog.messages if "is not UTF-8" in each]) == 1


def test_a_file_whose_name_no_parameter_can_have_is_told_of(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    ports = replace(ports, outbox=MemoryOutbox())
    shelf = Shelf()
    csv = {"name": "csv", "onFile": {"path": "in/*.csv"}, "parameters": {"file": "${file}"}}
    put(ports, "etl", csv, parameters={"file": {}}, notify=NOTIFY)
    looks(ports, shelf)
    shelf.files.append(FoundFile("in/\x1b.csv", START + MINUTE))
    move(ports, START + HOUR)
    for _ in range(3):
        looks(ports, shelf)
    assert runs(ports) == []
    assert ["control character" in each for each in told(ports)] == [True]
    (warning,) = [each for each in caplog.messages if "starts nothing" in each]
    assert "of etl" in warning
    assert warning.isprintable()


def test_a_calendar_that_is_gone_keeps_no_file_of_another_schedule(ports: Ports) -> None:
    shelf, csv = Shelf(), {"name": "csv", "onFile": {"path": "in/*.csv"}}
    gone = {"previous": "${previousBusinessDay}"}
    put(ports, "a", {**csv, "calendar": "gone", "parameters": gone}, parameters={"previous": {}})
    put(ports, "b", csv)
    looks(ports, shelf)
    shelf.files.append(FoundFile("in/a.csv", START + MINUTE))
    move(ports, START + HOUR)
    looks(ports, shelf)
    assert [len(runs(ports, name)) for name in "ab"] == [0, 1]


THROTTLED = BackendError("store", "get triggers", "throttled", retryable=True)


class BrokenFor(TappedTriggers):
    """A store that can't read the triggers of one schedule."""

    def __init__(self, inner: TriggerStore, broken: str, error: Exception = THROTTLED) -> None:
        super().__init__(inner, lambda: None)
        self._broken = broken
        self._error = error

    def get_triggers(self, schedule_id: str) -> StoredTriggers | None:
        if schedule_id == self._broken:
            raise self._error
        return super().get_triggers(schedule_id)


@pytest.mark.parametrize("error", [THROTTLED, RuntimeError("a bug")], ids=["store", "bug"])
def test_a_schedule_that_cannot_be_told_keeps_no_other_from_hearing_and_hears_later(
    ports: Ports, error: Exception
) -> None:
    for name in ("a", "b", "c"):
        put(ports, name, AFTER_LOAD)
    header = ended(ports)
    with pytest.raises(type(error), match=str(error)):
        run_ended(replace(ports, triggers=BrokenFor(ports.triggers, "b", error)), header)
    tick(ports)
    assert [len(runs(ports, name)) for name in "abc"] == [1, 0, 1]
    ends(ports, header)
    assert [len(runs(ports, name)) for name in "abc"] == [1, 1, 1]


def test_a_start_whose_parameters_cannot_be_reckoned_is_told_and_keeps_no_other(
    ports: Ports,
) -> None:
    days = {"parameters": {"day": "${nextBusinessDay}"}, "calendar": "de"}
    wanted = {"name": "lost", "onRun": {"schedule": "load"}, **days}
    rules = [{"on": ["missed"], "log": True}]
    ports = replace(ports, outbox=MemoryOutbox())
    put(ports, "etl", AFTER_LOAD, wanted, notify=rules, parameters={"day": {"default": ""}})
    ends(ports, ended(ports))
    assert [run.started_by for run in runs(ports)] == ["trigger after"]
    [posted] = ports.outbox.pending(ports.clock(), 9)
    assert "no calendar 'de'" in posted.letter.message


@pytest.mark.parametrize("error", [THROTTLED, RuntimeError("a bug")], ids=["store", "bug"])
def test_a_schedule_that_fails_at_its_files_keeps_no_other_from_them(
    ports: Ports, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    for name in ("a", "b", "c"):
        put(ports, name, {"name": "csv", "onFile": {"path": "in/*.csv"}})
    looks(ports, shelf)
    shelf.files.append(FoundFile("in/a.csv", START + MINUTE))
    move(ports, START + HOUR)
    looks(replace(ports, triggers=BrokenFor(ports.triggers, "b", error)), shelf)
    assert [len(runs(ports, name)) for name in "abc"] == [1, 0, 1]
    assert "can't look for the files of b" in caplog.text
    looks(ports, shelf)
    assert [len(runs(ports, name)) for name in "abc"] == [1, 1, 1]
