"""People at a stage: each act by a process of its own, and again when no answer came."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.driving_ports import DrivingPorts
from chalicelib.errors import BackendError, ConflictError, NotFoundError
from chalicelib.services import operations, runs
from chalicelib.services.operations import Selection
from tests.rehearsal.ledger import Ledger
from tests.simulation.faults import Crash
from tests.strict.stage import StrictStage

Result = TypeVar("Result")


class NoAnswerError(Exception):
    """Nobody knows whether it was done."""


class People:
    """What people do to the runs of a stage; the run that is meant is the latest."""

    def __init__(self, stage: StrictStage, ledger: Ledger) -> None:
        self._stage = stage
        self._ledger = ledger

    @property
    def run_id(self) -> str:
        """The run that began last, as a list of the runs shows it; empty for none."""
        headers = self._ledger.headers()
        return max(headers, key=lambda run_id: headers[run_id]["startDateTime"], default="")

    def start(self, schedule_id: str = "etl") -> None:
        """Start a run. Who got no answer looks whether there is one."""
        with self._calling() as ports:
            stored = ports.schedules.get_schedule(schedule_id)
            runs.start(ports, stored, runs.StartRequest(actor="ada"))

    def act(
        self, verb: Act, names: Sequence[str], *, downstream: bool = False, run_id: str = ""
    ) -> None:
        """One verb over jobs. Raises ConflictError if it was refused to any."""
        selection = Selection(run_id=run_id or self.run_id, patterns=names)
        with self._calling() as ports:
            order = self._order(ports, verb, downstream=downstream)
            operation = operations.act_on_jobs(ports, selection, order)
        if operation.refusals:
            raise ConflictError(operation.refusals[0].sentence)

    def cancel(self) -> None:
        with self._calling() as ports:
            operations.cancel(ports, self.run_id, self._order(ports, Act.CANCEL))

    def restart(self, run_id: str = "") -> None:
        with self._calling() as ports:
            operations.restart(ports, run_id or self.run_id, self._order(ports, Act.RESTART))

    def try_to(self, deed: Callable[[], object]) -> str | None:
        """Do it: empty when it was done, the sentence of a refusal, None without an answer."""
        try:
            deed()
        except (ConflictError, NotFoundError) as error:
            return str(error)
        except NoAnswerError:
            return None
        return ""

    @contextmanager
    def _calling(self) -> Iterator[DrivingPorts]:
        caller, self._stage.aws.caller = self._stage.aws.caller, ""
        try:
            yield self._stage.process()
        except (BackendError, Crash) as error:
            raise NoAnswerError from error
        finally:
            self._stage.aws.caller = caller

    def _order(self, ports: DrivingPorts, act: Act, *, downstream: bool = False) -> Order:
        return Order(act=act, actor="ada", reason="", at=ports.clock(), downstream=downstream)
