"""Step Functions on a virtual clock: interprets our state machine, so that tests run it as it is.

Only what the definition uses is known; anything else is refused. It counts the events that AWS
would write into the history of an execution, and the transitions that it would bill.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.local.memory_queue import VirtualClock
from tests.simulation.chance import Chance

DEFINITION = Path(__file__).parents[2] / "stepfunctions" / "batch-scheduler.asl.json"
MAX_EVENTS = 25_000  # of one execution (Step Functions quotas)
MAX_STATE = 262_144  # bytes of input or output of a state
_EVENTS = {"Task": 5, "Wait": 2, "Choice": 2, "Succeed": 2, "Fail": 1}  # entered … exited

Json = Any
Invoke = Callable[[str, Json], Json]  # (name of the function, payload) -> answer


@dataclass(slots=True)
class Execution:
    """One execution: where it is, what it carries, and what it waits for."""

    name: str
    input: Json
    started_at: datetime
    state: str
    data: Json
    status: str = "RUNNING"
    error: str = ""
    cause: str = ""
    events: int = 1
    transitions: int = 0
    due: datetime | None = None  # None: waits for its token alone
    token: str = ""
    resumed: str = ""  # "", "woken" or "timed out"
    moves: int = 0  # what was begun before the last of these counts no more
    tries: dict[tuple[str, int], int] = field(default_factory=dict)
    largest: int = 0  # bytes of the largest state seen
    ended_at: datetime | None = None


@cache
def _definition() -> tuple[Json, str]:
    """All states by name, which nobody changes, and the first one's name."""
    definition = json.loads(DEFINITION.read_text())
    return definition["States"], definition["StartAt"]


class Machine:
    """All executions of one state machine."""

    def __init__(self, clock: VirtualClock, invoke: Invoke, seed: int = 0) -> None:
        self.executions: dict[str, Execution] = {}
        self.ended: list[Execution] = []  # aborted or timed out: for EventBridge to tell
        self._states, self._first = _definition()
        self._clock = clock
        self._invoke = invoke
        self._random = Chance(seed)
        self._tokens = 0

    def start(self, name: str, payload: Mapping[str, Any]) -> None:
        """Start an execution; a name that was used before starts nothing."""
        if name in self.executions:
            return
        data = json.loads(json.dumps(dict(payload)))
        now = self._clock()
        self.executions[name] = Execution(name, data, now, self._first, data, due=now)

    def wake(self, token: str) -> None:
        """SendTaskSuccess; an unknown token does nothing."""
        execution = self.waiting(token)
        if execution is not None:
            execution.token, execution.resumed = "", "woken"
            execution.due = self._clock()
            execution.moves += 1

    def fail(self, token: str, error: str, cause: str) -> None:
        """SendTaskFailure; an unknown token does nothing."""
        execution = self.waiting(token)
        if execution is not None:
            execution.token = ""
            self._failed(execution, self._states[execution.state], error, cause)

    def waiting(self, token: str) -> Execution | None:
        """The execution that waits for this token."""
        return next((each for each in self.running() if each.token == token), None)

    def was_given(self, token: str) -> bool:
        """True for every token that an execution has ever waited for."""
        number = token.removeprefix("token-")
        return number.isdecimal() and 1 <= int(number) <= self._tokens

    def abort(self, name: str, status: str = "ABORTED") -> None:
        """End an execution from outside."""
        execution = self.executions[name]
        execution.status, execution.ended_at = status, self._clock()
        execution.moves += 1
        self.ended.append(execution)

    def running(self) -> list[Execution]:
        return [each for each in self.executions.values() if each.status == "RUNNING"]

    def next_due(self) -> datetime | None:
        """When something happens by itself; None when nothing does."""
        return min((each.due for each in self.running() if each.due), default=None)

    def run_due(self) -> bool:
        """Take one step of each execution that is due; False when none was."""
        due = [each for each in self.running() if each.due and each.due <= self._clock()]
        for execution in due:
            # Another one's function may have moved it meanwhile.
            if execution.status == "RUNNING" and execution.due and execution.due <= self._clock():
                self._step(execution)
        return bool(due)

    def lose(self, name: str) -> None:
        """Let the function that an execution is calling seem to have failed: it may go on."""
        execution = self.executions[name]
        state = self._states[execution.state]
        self._failed(execution, state, "Lambda.SdkClientException", "")

    def _step(self, execution: Execution) -> None:
        state = self._states[execution.state]
        size = len(json.dumps(execution.data))
        execution.largest = max(execution.largest, size)
        assert size <= MAX_STATE
        moves = execution.moves
        try:
            self._enter(execution, state)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | AssertionError):
                raise
            if execution.moves == moves:
                self._failed(execution, state, _name_of(error), _cause_of(error))
        assert execution.events < MAX_EVENTS, f"{execution.name} has a full history"

    def _enter(self, execution: Execution, state: Json) -> None:
        match state["Type"]:
            case "Choice":
                self._leave(execution, state, _chosen(state, execution.data))
            case "Wait" if not execution.resumed:
                seconds = state.get("Seconds") or _at(execution.data, state["SecondsPath"])
                execution.resumed = "waited"
                execution.due = self._clock() + timedelta(seconds=seconds)
            case "Wait":
                self._leave(execution, state, state["Next"])
            case "Task" if state["Resource"].endswith(".waitForTaskToken"):
                self._wait_for_token(execution, state)
            case "Task":
                function = state["Resource"].rpartition("-")[2]
                payload = _filled(state.get("Parameters"), execution, "")
                moves = execution.moves
                answer = self._invoke(function, payload)
                if execution.moves == moves:
                    execution.data = json.loads(json.dumps(answer))
                    self._leave(execution, state, state["Next"])
            case "Succeed" | "Fail" as kind:
                execution.status = "SUCCEEDED" if kind == "Succeed" else "FAILED"
                execution.error = state.get("Error", "")
                execution.ended_at = self._clock()
                execution.events += _EVENTS[kind]
            case other:
                raise AssertionError(f"the definition has a {other}, which this does not know")

    def _wait_for_token(self, execution: Execution, state: Json) -> None:
        if execution.resumed == "woken":
            self._leave(execution, state, state["Next"])
        elif execution.token:
            execution.token = ""
            self._failed(execution, state, "States.Timeout", "")
        else:
            self._tokens += 1
            execution.token = f"token-{self._tokens}"
            seconds = _at(execution.data, state["TimeoutSecondsPath"])
            execution.due = self._clock() + timedelta(seconds=seconds)
            parameters = _filled(state["Parameters"], execution, execution.token)
            function = parameters["FunctionName"].rpartition("-")[2]
            moves = execution.moves
            try:
                self._invoke(function, parameters["Payload"])
            except BaseException:
                if execution.moves == moves:
                    execution.token = ""
                raise

    def _leave(self, execution: Execution, state: Json, following: str) -> None:
        execution.events += _EVENTS[state["Type"]]
        execution.transitions += 1
        execution.moves += 1
        execution.state, execution.resumed, execution.due = following, "", self._clock()
        execution.tries.clear()

    def _failed(self, execution: Execution, state: Json, error: str, cause: str) -> None:
        execution.moves += 1
        for index, rule in enumerate(state.get("Retry", ())):
            if not _matches(rule, error):
                continue
            made = execution.tries.get((execution.state, index), 0)
            if made < rule.get("MaxAttempts", 3):
                execution.tries[execution.state, index] = made + 1
                execution.events += 3
                execution.transitions += 1
                delay = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** made
                delay = min(delay, rule.get("MaxDelaySeconds", delay))
                execution.due = self._clock() + timedelta(seconds=self._random.uniform(0, delay))
                return
            break
        for rule in state.get("Catch", ()):
            if _matches(rule, error):
                if rule["ResultPath"] is not None:
                    told = {"Error": error, "Cause": cause}
                    execution.data = {**execution.data, rule["ResultPath"][2:]: told}
                self._leave(execution, state, rule["Next"])
                return
        execution.status, execution.error, execution.cause = "FAILED", error, cause
        execution.ended_at = self._clock()


def _matches(rule: Json, error: str) -> bool:
    return error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]


def _cause_of(error: BaseException) -> str:
    """What Lambda answers of a function's error, which Step Functions hands on as text."""
    if not isinstance(error, Exception):
        return ""
    told = {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": "",
            "stackTrace": ['  File "/var/task/app.py", line 1, in function\n']}  # fmt: skip
    return json.dumps(told)


def _name_of(error: BaseException) -> str:
    # A function that dies without an answer is, to the state machine, Lambda.Unknown.
    return type(error).__name__ if isinstance(error, Exception) else "Lambda.Unknown"


def _chosen(state: Json, data: Json) -> str:
    for choice in state["Choices"]:
        assert choice.keys() == {"Variable", "StringEquals", "Next"}
        if _at(data, choice["Variable"]) == choice["StringEquals"]:
            return str(choice["Next"])
    return str(state["Default"])


def _at(data: Json, path: str) -> Json:
    assert path.startswith("$.")
    return data[path[2:]]


def _filled(parameters: Json, execution: Execution, token: str) -> Json:
    """The parameters of a state, with what their paths point at; all of the input for None."""
    if parameters is None:
        return json.loads(json.dumps(execution.data))
    context = {
        "$": execution.data,
        "$$.Execution.Name": execution.name,
        "$$.Execution.StartTime": execution.started_at.isoformat().replace("+00:00", "Z"),
        "$$.Task.Token": token,
    }
    filled = {}
    for key, value in parameters.items():
        if key.endswith(".$"):
            filled[key[:-2]] = json.loads(json.dumps(context[value]))
        elif isinstance(value, dict):
            filled[key] = _filled(value, execution, token)
        else:
            filled[key] = value
    return filled
