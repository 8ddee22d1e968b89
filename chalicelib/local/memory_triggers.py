"""What starts runs, and the calendars it goes by, in memory: the same contract as SQLite's."""

from dataclasses import replace
from datetime import datetime

from chalicelib.store_words import calendar_moved, no_calendar, storable, triggers_moved
from chalicelib.timing_ports import StoredCalendar, StoredTriggers


class MemoryTriggers:
    """ports.TriggerStore and ports.CalendarStore."""

    def __init__(self) -> None:
        self._triggers: dict[str, StoredTriggers] = {}
        self._calendars: dict[str, StoredCalendar] = {}

    def get_triggers(self, schedule_id: str) -> StoredTriggers | None:
        """None for a schedule that never had any."""
        return self._triggers.get(schedule_id)

    def put_triggers(self, before: StoredTriggers | None, after: StoredTriggers) -> None:
        """Replace `before` by `after`. Raises ConflictError."""
        stored = self._triggers.get(after.schedule_id)
        if (stored and stored.revision) != (before and before.revision):
            raise triggers_moved(after.schedule_id)
        self._triggers[after.schedule_id] = after

    def due_triggers(self, now: datetime, limit: int) -> list[StoredTriggers]:
        """Those whose `next_at` is not after `now`, the earliest first."""
        due = [
            (each.next_at, each.schedule_id)
            for each in self._triggers.values()
            if each.next_at is not None and each.next_at <= now
        ]
        return [self._triggers[schedule_id] for _, schedule_id in sorted(due)[:limit]]

    def listeners(self, event: str) -> list[str]:
        """The ids of the schedules that listen to the event, in order."""
        return sorted(each.schedule_id for each in self._triggers.values() if event in each.listens)

    def get_calendar(self, name: str) -> StoredCalendar:
        """Raises NotFoundError."""
        if name not in self._calendars:
            raise no_calendar(name)
        return self._calendars[name]

    def list_calendars(self) -> list[StoredCalendar]:
        """All of them, ordered by name."""
        return [self._calendars[name] for name in sorted(self._calendars)]

    def put_calendar(self, calendar: StoredCalendar) -> None:
        """Store it. Raises ConflictError unless its revision is the next one."""
        stored = self._calendars.get(calendar.name)
        if calendar.revision != (stored.revision if stored else 0) + 1:
            raise calendar_moved(calendar.name, "put calendar")
        owner = storable(calendar.stored_by)
        self._calendars[calendar.name] = replace(calendar, stored_by=owner)

    def delete_calendar(self, name: str, revision: int) -> None:
        """Raises NotFoundError, and ConflictError when the stored one has another revision."""
        if self.get_calendar(name).revision != revision:
            raise calendar_moved(name, "delete calendar")
        del self._calendars[name]
