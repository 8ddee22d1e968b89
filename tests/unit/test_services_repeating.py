"""Requests that may come twice, and acts that find what they did."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.naming import run_id
from chalicelib.errors import BackendError, ConflictError, ContradictionError, NotFoundError
from chalicelib.local.memory_requests import MemoryRequests
from chalicelib.ports import Ports
from chalicelib.services import redoing, runs, schedules
from chalicelib.services.operations import Selection
from chalicelib.services.redoing import Wanted
from chalicelib.services.repeating import Claim, Reply, RequestRecord, Turn, once
from chalicelib.services.runs import StartRequest
from tests.builders import loaded
from tests.unit.runs import NOW, after, header, order, spec
from tests.unit.stores import record_run, world

J = JobStatus
CLAIM = Claim(key="k", digest="d", now=NOW)
DONE = Reply(status=202, body="{}", media_type="application/json", location="/x")
RUN = "etl/2026"


class Shaky(MemoryRequests):
    """Fails at the calls whose numbers are given, before or after the record is kept."""

    def __init__(self, failing: dict[int, str]) -> None:
        super().__init__()
        self._failing = failing
        self._calls = 0

    def put_request(self, record: RequestRecord, now: datetime) -> None:
        self._calls += 1
        how = self._failing.get(self._calls, "")
        if how not in {"before", "for good"}:
            super().put_request(record, now)
        if how:
            raise BackendError("store", "put", "lost", retryable=how != "for good")


def never(turn: Turn) -> Reply:
    raise AssertionError(f"done at {turn.at}")


def failing(error: Exception) -> Callable[[Turn], Reply]:
    def act(turn: Turn) -> Reply:
        del turn
        raise error

    return act


def test_the_first_answer_is_that_of_all_who_ask_the_same() -> None:
    requests = MemoryRequests()
    turns: list[Turn] = []

    def act(turn: Turn) -> Reply:
        turns.append(turn)
        return DONE

    assert once(requests, CLAIM, act) == DONE
    assert once(requests, replace(CLAIM, now=after(3600)), never) == DONE
    assert turns == [Turn(NOW)]
    with pytest.raises(ContradictionError):
        once(requests, replace(CLAIM, digest="other"), never)


def test_after_a_day_the_key_is_free() -> None:
    requests = MemoryRequests()
    once(requests, CLAIM, lambda _: DONE)
    late = replace(CLAIM, digest="other", now=NOW + timedelta(hours=24))
    again = replace(DONE, body="[]")
    assert once(requests, late, lambda _: again) == again


def test_what_failed_may_be_tried_again_at_once_at_the_same_moment() -> None:
    requests = MemoryRequests()
    with pytest.raises(BackendError):
        once(requests, CLAIM, failing(BackendError("s", "o", "r", retryable=True)))
    turns: list[Turn] = []

    def act(turn: Turn) -> Reply:
        turns.append(turn)
        return DONE

    once(requests, replace(CLAIM, now=after(1)), act)
    assert turns == [Turn(NOW, again=True)]


def test_while_one_is_at_work_the_other_waits_and_then_takes_over() -> None:
    requests = MemoryRequests()

    def act(turn: Turn) -> Reply:
        del turn
        with pytest.raises(ConflictError, match="being worked on"):
            once(requests, CLAIM, never)
        late = replace(CLAIM, now=after(90))
        assert once(requests, late, lambda turn: replace(DONE, body=str(turn.again))).body == "True"
        return DONE

    assert once(requests, CLAIM, act) == DONE  # too late to be kept
    assert once(requests, replace(CLAIM, now=after(91)), never).body == "True"


def test_who_is_beaten_to_it_waits() -> None:
    class Beaten(MemoryRequests):
        def get_request(self, key: str, now: datetime) -> RequestRecord | None:
            return None

        def put_request(self, record: RequestRecord, now: datetime) -> None:
            raise ConflictError("taken")

    with pytest.raises(ConflictError, match="being worked on"):
        once(Beaten(), CLAIM, never)


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_record_that_seems_lost_is_kept_in_another_try(number: int, how: str) -> None:
    requests = Shaky({number: how})
    assert once(requests, CLAIM, lambda _: DONE) == DONE
    assert once(requests, CLAIM, never) == DONE


def test_a_store_that_is_down_stops_the_first_record_and_not_the_answer() -> None:
    for failing in ({1: "for good"}, {1: "before", 2: "before", 3: "before"}):
        with pytest.raises(BackendError):
            once(Shaky(dict(failing)), CLAIM, never)
    requests = Shaky({2: "for good"})
    assert once(requests, CLAIM, lambda _: DONE) == DONE
    found = requests.get_request("k", NOW)
    assert found is not None
    assert found.reply is None


def test_a_lost_record_in_whose_place_is_another_is_a_conflict() -> None:
    class Elsewhere(Shaky):
        def get_request(self, key: str, now: datetime) -> RequestRecord | None:
            found = super().get_request(key, now)
            return found and replace(found, digest="other")

    with pytest.raises(ConflictError):
        once(Elsewhere({1: "after"}), CLAIM, never)


def with_run(status: RunStatus) -> Ports:
    ports = world()
    record_run(ports, spec("a"), spec("b", "a"), run=header(status=status), a=J.FAILED)
    return ports


def test_a_start_that_is_asked_again_gives_its_run() -> None:
    ports = world()
    schedules.put(ports, loaded(), "ada")
    wanted = Wanted(schedule_id="nightly")
    request = StartRequest(actor="ada", at=NOW)
    first = redoing.start(ports, wanted, request)
    again = replace(request, again=True)
    assert redoing.start(ports, wanted, again).run_id == first.run_id
    stored = ports.schedules.get_schedule("nightly")
    assert runs.start(ports, stored, again).run_id == first.run_id
    other = replace(again, actor="bob")
    assert redoing.start(ports, wanted, other).run_id != first.run_id
    assert runs.started_before(ports, "nightly", replace(again, at=None)) is None
    assert len(ports.runs.find_headers()) == 2
    new = redoing.start(ports, wanted, replace(again, at=after(5)))  # cut off before it began
    assert new.run_id == run_id("nightly", after(5))


def test_no_version_of_a_deleted_schedule_is_started() -> None:
    ports = world()
    schedules.put(ports, loaded(), "ada")
    request, first = StartRequest(actor="ada", at=NOW), Wanted(schedule_id="nightly", version=1)
    started = redoing.start(ports, first, request)
    schedules.delete(ports, "nightly", "ada")
    with pytest.raises(ConflictError, match="is deleted: nothing starts it"):
        redoing.start(ports, first, replace(request, at=after(1)))
    assert redoing.start(ports, first, replace(request, again=True)) == started
    schedules.put(ports, loaded(), "ada")
    assert redoing.start(ports, first, replace(request, at=after(1))).run_id != started.run_id


def test_a_restart_and_a_cancel_that_are_asked_again_are_not_done_again() -> None:
    ports = with_run(RunStatus.FAILED)
    restart, cancel = order(Act.RESTART), order(Act.CANCEL)
    assert redoing.restart(ports, RUN, restart, again=True).generation == 2
    assert redoing.restart(ports, RUN, restart, again=True).generation == 2
    cancelled = redoing.cancel(ports, RUN, replace(cancel, at=after(1)), again=True)
    assert redoing.cancel(ports, RUN, replace(cancel, at=after(1)), again=True) == cancelled
    with pytest.raises(ConflictError):
        redoing.cancel(ports, RUN, replace(cancel, at=after(1)), again=False)


def test_a_verb_that_is_asked_again_tells_what_it_did() -> None:
    ports = with_run(RunStatus.RUNNING)
    hold = order(Act.HOLD)
    some = Selection(run_id=RUN, patterns=["a", "b"])
    first = redoing.act_on_jobs(ports, some, hold, again=True)
    assert redoing.act_on_jobs(ports, some, hold, again=True) == first
    assert [each["jobName"] for each in first["changed"]] == ["b"]
    assert [each["jobName"] for each in first["refused"]] == ["a"]
    waiting = Selection(run_id=RUN, statuses=[J.WAITING])
    assert redoing.act_on_jobs(ports, waiting, hold, again=True)["refused"] == []
    with pytest.raises(NotFoundError):
        redoing.act_on_jobs(ports, waiting, hold, again=False)
