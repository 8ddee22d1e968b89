"""The operators' verbs as the services do them: decided on what is stored, and only on that."""

from collections.abc import Callable

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import operate
from chalicelib.core.run import Run
from chalicelib.errors import ConflictError
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports
from chalicelib.services import operations, steps
from chalicelib.services.operations import Selection
from tests.unit.runs import NOW, header, order, spec
from tests.unit.stage import RUN as DRIVEN
from tests.unit.stage import Stage, job_of, plenty
from tests.unit.stores import record_run, world

RUN = "etl/2026"
J = JobStatus
A = Selection(run_id=RUN, patterns=["a"])


class BusyStore(MemoryStore):
    """A store in which something happens after each of the first reads of a run."""

    def __init__(self, happens: Callable[[MemoryStore], None], times: int) -> None:
        super().__init__()
        self.left = times
        self.happens = happens

    def load_run(self, run_id: str) -> Run:
        run = super().load_run(run_id)
        if self.left:
            self.left -= 1
            self.happens(self)
        return run


def busy(times: int) -> Ports:
    """A run whose job `b` is held and released by somebody else at each of the first reads."""

    def toggle(store: MemoryStore) -> None:
        run = MemoryStore.load_run(store, RUN)
        act = Act.HOLD if run.states["b"].status is J.WAITING else Act.RELEASE
        operation = operate(run, ["b"], order(act))
        store.record(run.header, operation.changes, after=operation.header)

    ports = world(store=BusyStore(toggle, times))
    record_run(ports, spec("a"), spec("b"))
    return ports


def test_a_verb_is_decided_anew_when_the_run_has_moved() -> None:
    ports = busy(3)
    operation = operations.act_on_jobs(ports, A, order(Act.HOLD))
    assert [change.job for change in operation.changes] == ["a"]
    states = ports.runs.load_run(RUN).states
    assert states["a"].status is J.HELD
    assert (states["b"].status, states["b"].version) == (J.HELD, 3)


def test_a_verb_gives_up_on_a_run_that_never_stands_still() -> None:
    ports = busy(1000)
    with pytest.raises(ConflictError):
        operations.act_on_jobs(ports, A, order(Act.HOLD))


def test_what_is_refused_changes_nothing() -> None:
    ports = world()
    record_run(ports, spec("a"), a=J.SUCCEEDED)
    operation = operations.act_on_jobs(ports, A, order(Act.HOLD))
    assert (operation.changes, len(operation.refusals)) == ((), 1)
    assert ports.runs.get_header(RUN).revision == 0
    assert [event.act for event in ports.runs.events(RUN)] == ["START"]


def test_the_plan_of_a_restart_can_be_read_and_nothing_is_done() -> None:
    ports = world()
    record_run(ports, spec("a"), run=header(status=RunStatus.FAILED, ended_at=NOW), a=J.FAILED)
    before = ports.runs.get_header(RUN)
    plan = operations.preview_restart(ports, RUN, order(Act.RESTART))
    assert (plan.again, plan.header.generation) == (("a",), 2)
    assert ports.runs.get_header(RUN) == before


def test_a_restart_is_an_event_of_the_run() -> None:
    ports = world()
    record_run(ports, spec("a"), run=header(status=RunStatus.FAILED, ended_at=NOW), a=J.FAILED)
    operations.restart(ports, RUN, order(Act.RESTART, reason="fixed"))
    own = [event for event in ports.runs.events(RUN) if not event.job]
    assert [(event.act, event.before, event.after) for event in own[1:]] == [
        ("RESTART", "FAILED", "RUNNING")
    ]
    assert own[1].reason == "fixed"


def test_a_cancel_is_on_record_with_who_and_why() -> None:
    ports = world()
    record_run(ports, spec("a"))
    operations.cancel(ports, RUN, order(Act.CANCEL, reason="wrong day"))
    stored = ports.runs.get_header(RUN)
    assert (stored.cancelling, stored.revision) == ("cancel by ada: wrong day", 1)
    assert ports.runs.events(RUN)[-1].act == "CANCEL"


def test_a_cancel_without_a_reason_says_who() -> None:
    ports = world()
    record_run(ports, spec("a"))
    assert operations.cancel(ports, RUN, order(Act.CANCEL)).cancelling == "cancel by ada"


def test_a_run_is_cancelled_once() -> None:
    ports = world()
    record_run(ports, spec("a"))
    operations.cancel(ports, RUN, order(Act.CANCEL))
    with pytest.raises(ConflictError, match="is being cancelled already"):
        operations.cancel(ports, RUN, order(Act.CANCEL))
    assert ports.runs.get_header(RUN).revision == 1


def test_a_run_that_has_ended_can_not_be_cancelled() -> None:
    ports = world()
    record_run(ports, spec("a"), run=header(status=RunStatus.SUCCEEDED, ended_at=NOW))
    with pytest.raises(ConflictError, match="is SUCCEEDED: there is nothing to cancel"):
        operations.cancel(ports, RUN, order(Act.CANCEL))


class Race:
    """An operator passes job `a` of a driven run, and something else moves it just then."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.leg = self.stage.record(spec("a"), spec("b", "a"))
        self.refused: list[str] = []

    def passes(self) -> None:
        selection = Selection(run_id=DRIVEN, patterns=["a"])
        operation = operations.act_on_jobs(self.stage.ports, selection, order(Act.PASS))
        self.refused += [refusal.sentence for refusal in operation.refusals]

    def submits(self) -> None:
        steps.submit_jobs(self.stage.ports, self.leg, plenty)

    def polls(self) -> None:
        steps.poll_jobs(self.stage.ports, self.leg, plenty)

    def run(self, way: str, driver: Callable[[], None]) -> None:
        """The operator comes before the driver or after it, or one just before the other writes."""
        late = way in ("after", "overtaking")
        first, second = (driver, self.passes) if late else (self.passes, driver)
        if way in ("overtaken", "overtaking"):
            self.stage.store.others = [second]
            first()
        else:
            first()
            second()

    def finish(self) -> None:
        for _ in range(2):
            self.submits()
            self.stage.queue.run_until_quiet()
            self.polls()
        self.submits()
        assert self.stage.header.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("way", ["before", "after", "overtaken", "overtaking"])
def test_f31_a_job_that_is_passed_as_it_finishes_has_finished(way: str) -> None:
    race = Race()
    race.submits()
    race.stage.queue.advance(1.5)
    race.run(way, race.polls)
    assert race.stage.statuses["a"] == "SUCCEEDED"
    refused = [sentence[:16] for sentence in race.refused]
    assert refused == (["'a' is SUCCEEDED"] if way in ("after", "overtaken") else [])
    race.finish()
    assert race.stage.submitted == ["a", "b"]


@pytest.mark.parametrize("way", ["before", "after", "overtaken", "overtaking"])
def test_f31_a_job_that_is_passed_as_it_is_handed_over_does_not_run(way: str) -> None:
    race = Race()
    race.run(way, race.submits)
    race.finish()
    assert race.refused == []
    assert race.stage.statuses == {"a": "PASS", "b": "SUCCEEDED"}
    started = [race.stage.queue.submissions[start.job_id] for start in race.stage.queue.starts]
    assert [job_of(submission) for submission in started] == ["b"]
