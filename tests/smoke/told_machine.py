"""The state machine of the simulations, with the history that Step Functions would keep of it."""

from dataclasses import replace
from typing import Any

from tests.simulation.machine import Execution, Machine
from tests.strict.answers import Service
from tests.strict.states import FakeStates

Json = Any


class ToldMachine(Machine):
    """Writes down which states were entered, what was called, and what failed."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.told: dict[str, list[dict[str, Any]]] = {}

    def _enter(self, execution: Execution, state: Json) -> None:
        if not execution.resumed and not execution.token:
            kind = {"Task": "TaskStateEntered", "Wait": "WaitStateEntered"}.get(
                state["Type"], f"{state['Type']}StateEntered"
            )
            self._tell(execution, kind, stateEnteredEventDetails={"name": execution.state})
            if state["Type"] == "Task":
                self._tell(execution, "TaskScheduled")
        super()._enter(execution, state)

    def _failed(self, execution: Execution, state: Json, error: str, cause: str) -> None:
        self._tell(execution, "TaskTimedOut" if error == "States.Timeout" else "TaskFailed")
        super()._failed(execution, state, error, cause)

    def _tell(self, execution: Execution, kind: str, **details: Any) -> None:
        told = self.told.setdefault(execution.name, [])
        at = self._clock()
        told.append({"timestamp": at, "type": kind, "id": len(told) + 1, **details})


def told_states(states: FakeStates, machine: ToldMachine) -> Service:
    """Step Functions with GetExecutionHistory."""
    service = states.service()

    def history(params: Any) -> dict[str, Any]:
        name = params["executionArn"].rpartition(":")[2]
        return {"events": machine.told.get(name, [])}

    return replace(service, operations={**service.operations, "GetExecutionHistory": history})
