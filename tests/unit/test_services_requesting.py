"""Starts that somebody asks for by HTTP."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.run import RunHeader
from chalicelib.errors import BackendError, ConflictError, InvalidInputError
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services import redoing
from chalicelib.services.redoing import Wanted
from chalicelib.services.requesting import ask
from chalicelib.services.runs import StartRequest
from chalicelib.services.ticking import tick
from chalicelib.services.waiting_starts import Waiting, waiting_of
from tests.unit.stores import world
from tests.unit.triggered import HOUR, MINUTE, START, agenda, end, move, paused, put, runs

BY_HTTP = {"name": "api", "http": {}}


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


def asked(ports: Ports, stored: StoredSchedule, **members: Any) -> RunHeader | Waiting:
    given: dict[str, Any] = {"actor": "ann", "at": ports.clock(), **members}
    return ask(ports, stored, StartRequest(**given))


def test_a_schedule_without_an_http_trigger_is_started_at_once_however_many_run(
    ports: Ports,
) -> None:
    stored = put(ports, "etl", {"cron": "0 2 * * *"})
    first, second = asked(ports, stored), asked(ports, stored, actor="bob")
    assert isinstance(first, RunHeader)
    assert isinstance(second, RunHeader)
    assert (first.started_by, second.started_by) == ("ann", "bob")
    assert first.run_id != second.run_id


def test_f16_the_same_request_again_is_the_same_run(ports: Ports) -> None:
    for document in ((), (BY_HTTP,)):
        stored = put(ports, f"etl-{len(document)}", *document)
        first = asked(ports, stored, at=START)
        move(ports, START + MINUTE)
        again = asked(ports, stored, at=START)
        assert isinstance(first, RunHeader)
        assert isinstance(again, RunHeader)
        assert first.run_id == again.run_id


def test_f16_without_a_key_a_trigger_that_forbids_overlap_protects(ports: Ports) -> None:
    stored = put(ports, "etl", BY_HTTP)
    header = asked(ports, stored)
    assert isinstance(header, RunHeader)
    move(ports, START + MINUTE)
    for _ in range(2):
        with pytest.raises(ConflictError, match="still goes on"):
            asked(ports, stored)
    end(ports, header)
    move(ports, START + HOUR)
    assert isinstance(asked(ports, stored), RunHeader)


def test_a_start_that_waits_says_for_how_long_and_which_run_it_will_be(ports: Ports) -> None:
    stored = put(ports, "etl", {**BY_HTTP, "startBetween": ["06:00", "08:00"]})
    waiting = asked(ports, stored)
    assert waiting == Waiting(
        run_id="etl/2026-11-23T00:00:00.000000Z",
        trigger="api",
        actor="ann",
        not_before=START + 6 * HOUR,
    )
    assert asked(ports, stored) == waiting
    move(ports, START + 6 * HOUR)
    tick(ports)
    assert [each.run_id for each in runs(ports)] == ["etl/2026-11-23T00:00:00.000000Z"]
    assert runs(ports)[0].started_by == "ann"


def test_what_is_queued_waits_for_the_run_before_it(ports: Ports) -> None:
    stored = put(ports, "etl", {**BY_HTTP, "overlap": "queue"})
    first = asked(ports, stored)
    assert isinstance(first, RunHeader)
    move(ports, START + MINUTE)
    assert isinstance(asked(ports, stored), Waiting)
    end(ports, first)
    tick(ports)
    assert len(runs(ports)) == 2


def test_parameters_of_the_request_go_before_those_of_the_trigger(ports: Ports) -> None:
    given = {"day": "${fireTime:%Y-%m-%d}", "size": "1"}
    declared = {"day": {"type": "date"}, "size": {"type": "integer"}}
    waiting = {**BY_HTTP, "parameters": given, "calendar": "weekdays"}
    stored = put(ports, "etl", waiting, parameters=declared)
    header = asked(ports, stored, parameters={"size": 3})
    assert isinstance(header, RunHeader)
    assert header.parameters == {"day": "2026-11-23", "size": 3}


def test_bad_parameters_are_refused_and_nothing_is_planned(ports: Ports) -> None:
    stored = put(ports, "etl", {**BY_HTTP, "overlap": "queue"}, parameters={"n": {"default": "1"}})
    asked(ports, stored)
    with pytest.raises(InvalidInputError, match="no such parameter"):
        asked(ports, stored, at=START + MINUTE, parameters={"m": 1})
    assert len(runs(ports)) == 1


def test_a_paused_schedule_is_not_started(ports: Ports) -> None:
    stored = put(ports, "etl", BY_HTTP)
    paused(ports, "etl", "bob")
    with pytest.raises(ConflictError, match="paused by bob"):
        asked(ports, stored)


def test_a_trigger_starts_only_the_newest_version(ports: Ports) -> None:
    old = put(ports, "etl", BY_HTTP)
    put(ports, "etl", BY_HTTP, scheduleName="other")
    with pytest.raises(InvalidInputError, match="starts the newest version"):
        asked(ports, old)


class Unplugged(MemoryStore):
    """A store that makes no run."""

    def create_run(self, *_: object) -> None:
        raise BackendError("store", "create run", "unplugged", retryable=True)


def test_a_start_that_fails_says_so_and_is_made_later() -> None:
    broken = world(store=Unplugged())
    move(broken, START)
    stored = put(broken, "etl", BY_HTTP)
    with pytest.raises(BackendError, match="unplugged"):
        asked(broken, stored)
    mended = replace(broken, runs=MemoryStore())
    tick(mended)
    assert len(runs(mended)) == 1


def test_a_start_whose_window_opens_after_its_deadline_is_refused_at_once(ports: Ports) -> None:
    closed = {**BY_HTTP, "startBetween": ["06:00", "08:00"], "deadline": "1h"}
    stored = put(ports, "etl", closed)
    with pytest.raises(ConflictError, match="starts nothing before 2026-11-23T06:00"):
        asked(ports, stored)
    assert waiting_of(agenda(ports)) == []
    move(ports, START + 5 * HOUR)
    assert isinstance(asked(ports, stored), Waiting)


def test_a_start_that_waits_is_of_the_version_that_was_asked_for_or_of_the_newest(
    ports: Ports,
) -> None:
    queued = {**BY_HTTP, "overlap": "queue"}
    put(ports, "etl", queued)
    for version in (None, 1, None):
        wanted = Wanted(schedule_id="etl", version=version)
        redoing.start(ports, wanted, StartRequest(actor="ann", at=ports.clock()))
        move(ports, ports.clock() + MINUTE)
    put(ports, "etl", queued, scheduleName="other")
    for _ in range(2):
        end(ports, runs(ports)[-1])
        tick(ports)
    assert [each.schedule_version for each in runs(ports)] == [1, 1, 2]
