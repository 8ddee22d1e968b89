"""The start of a run, which is half of its id: one for each fire time and each event.

A tick that comes twice, or an event, names the same run again, and the second start is refused.
"""

from datetime import datetime

from chalicelib.core.timing.waiting import hashed

_MICROSECONDS = 1_000_000


def run_start(schedule_id: str, trigger: str, fire_time: datetime) -> datetime:
    """The fire time, with microseconds that tell triggers of the same schedule apart."""
    return _marked(fire_time, hashed(schedule_id, trigger, fire_time))


def event_start(schedule_id: str, trigger: str, event: str, moment: datetime) -> datetime:
    """The second of an event, with microseconds that tell events apart.

    `event` says which: the upstream run's id and generation, or a file and its version. `moment` is
    the event's own time, so that it is the same however often and late the event comes.
    """
    return _marked(moment, hashed(schedule_id, trigger, event))


def _marked(moment: datetime, number: int) -> datetime:
    return moment.replace(microsecond=number % _MICROSECONDS)
