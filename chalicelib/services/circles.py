"""Schedules that start each other by `onRun` in a circle: each run starts the next, for ever."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from chalicelib.core.timing.trigger import OnRun, Trigger
from chalicelib.core.wording import json_path
from chalicelib.errors import Problem
from chalicelib.ports import Ports
from chalicelib.services import agendas

_MOST = 1000  # schedules that are looked at for one trigger: each is read


def circle_warnings(
    ports: Ports, schedule_id: str, triggers: Sequence[Trigger], sees: Callable[[str], bool]
) -> list[Problem]:
    """One for each trigger of the schedule that closes a circle of schedules that are `seen`."""
    return [
        problem
        for index, trigger in enumerate(triggers)
        for upstream in _upstream([trigger])
        for problem in _warning(index, [*_chain(ports, upstream, schedule_id, sees), schedule_id])
    ]


def _warning(index: int, circle: Sequence[str]) -> Iterable[Problem]:
    if len(circle) > 1:
        reason = "closes a circle: each run may start the next, without end"
        yield Problem(json_path(("triggers", index, "onRun")), reason, " -> ".join(circle))


def _chain(ports: Ports, first: str, last: str, sees: Callable[[str], bool]) -> list[str]:
    """The shortest way from `last` to `first` on which each one's end starts the next; or none."""
    starts, waiting = {first: ""}, deque([first])
    while waiting:
        schedule_id = waiting.popleft()
        if schedule_id == last:
            return list(_way(starts, last))
        if len(starts) > _MOST or not sees(schedule_id):
            continue
        agenda = agendas.find_agenda(ports, schedule_id)
        for upstream in _upstream(agenda.triggers if agenda else ()):
            if upstream not in starts:
                starts[upstream] = schedule_id
                waiting.append(upstream)
    return []


def _way(starts: dict[str, str], begin: str) -> Iterable[str]:
    schedule_id = begin
    while schedule_id:
        yield schedule_id
        schedule_id = starts[schedule_id]


def _upstream(triggers: Iterable[Trigger]) -> Iterable[str]:
    """The schedules whose ends fire the triggers."""
    for trigger in triggers:
        match trigger.kind:
            case OnRun(schedule) if trigger.enabled:
                yield schedule
            case _:
                pass
