"""The state machine's definition as a diagram and tables, for stepfunctions/README.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEFINITION = Path(__file__).parents[1] / "stepfunctions" / "batch-scheduler.asl.json"
_ENDS = ("Succeed", "Fail")
_CAUGHT = {"States.ALL": "failed", "States.Timeout": "timed out"}

State = dict[str, Any]
Way = tuple[str, str, str]  # from, to, why


def states() -> dict[str, State]:
    """The definition's states, in its order."""
    found: dict[str, State] = json.loads(DEFINITION.read_text(encoding="utf-8"))["States"]
    return found


def ways() -> Iterator[Way]:
    """Every transition that the definition has, with what makes it happen; empty: nothing else."""
    for name, state in states().items():
        for choice in state.get("Choices", ()):
            yield name, choice["Next"], choice["StringEquals"]
        if "Default" in state:
            yield name, state["Default"], "else"
        if "Next" in state:
            waits = state.get("Resource", "").endswith(".waitForTaskToken")
            yield name, state["Next"], "woken" if waits else ""
        for catcher in state.get("Catch", ()):
            yield name, catcher["Next"], _CAUGHT[catcher["ErrorEquals"][0]]


def diagram() -> str:
    """The definition as a Mermaid diagram: one arrow for all ways from a state to another."""
    first = json.loads(DEFINITION.read_text(encoding="utf-8"))["StartAt"]
    arrows: dict[tuple[str, str], list[str]] = {}
    for origin, target, why in ways():
        arrows.setdefault((origin, target), []).append(why)
    lines = [
        "```mermaid",
        "stateDiagram-v2",
        *(f"    state {name} <<choice>>" for name, state in _of_type("Choice")),
        f"    [*] --> {first}",
        *(_arrow(*pair, whys) for pair, whys in arrows.items()),
        *(f"    {name} --> [*]" for name, _ in _of_type(*_ENDS)),
        "```\n",
    ]
    return "\n".join(lines)


def state_rows() -> Iterator[tuple[str, str, str]]:
    """Each state with the function that it calls and what it is for."""
    for name, state in states().items():
        function = function_of(state)
        calls = f"`{function}`" if function else ""
        yield f"`{name}`", calls, state.get("Comment") or state.get("Cause", "")


def retry_rows() -> Iterator[tuple[str, str, str, str]]:
    """Each rule of retries: errors, states that have it, how often, after how long."""
    found: dict[str, list[str]] = {}
    for name, state in states().items():
        for rule in state.get("Retry", ()):
            found.setdefault(json.dumps(rule), []).append(f"`{name}`")
    for text, names in found.items():
        rule = json.loads(text)
        errors = ", ".join(f"`{error}`" for error in rule["ErrorEquals"])
        yield errors, ", ".join(names), *_patience(rule)


def function_of(state: State) -> str:
    """The function that a state calls, by its name in app.py; empty for none."""
    arn = state.get("Parameters", {}).get("FunctionName") or state.get("Resource", "")
    return str(arn).rpartition("-")[2]


def _patience(rule: State) -> tuple[str, str]:
    if rule["MaxAttempts"] == 0:
        return "never", ""
    first, rate, longest = rule["IntervalSeconds"], rule["BackoffRate"], rule["MaxDelaySeconds"]
    times = f"{rule['MaxAttempts']} times"
    return times, f"0 to {first} s, then {rate} times as long, up to {longest} s"


def _of_type(*types: str) -> Iterator[tuple[str, State]]:
    return ((name, state) for name, state in states().items() if state["Type"] in types)


def _arrow(origin: str, target: str, whys: list[str]) -> str:
    said = "" if whys == [""] else ", ".join(why or "done" for why in whys)
    return f"    {origin} --> {target}" + (f": {said}" if said else "")
