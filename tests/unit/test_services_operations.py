"""The operators' verbs as the services do them: decided on what is stored, and only on that."""

from collections.abc import Callable

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import operate
from chalicelib.core.run import Run
from chalicelib.errors import ConflictError
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports
from chalicelib.services import operations
from chalicelib.services.operations import Selection
from tests.unit.runs import NOW, header, order, spec
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
