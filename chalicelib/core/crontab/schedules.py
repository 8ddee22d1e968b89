"""The schedule that a line of a crontab becomes."""

from dataclasses import dataclass
from typing import Any

from chalicelib.core.crontab.commands import escaped, job_fields
from chalicelib.core.crontab.environment import Environment
from chalicelib.core.crontab.identifying import slug
from chalicelib.core.loading import load
from chalicelib.core.resolving import check_unfilled
from chalicelib.errors import InvalidInputError

TRIGGER = "crontab"  # one name whatever its times: a trigger that is changed keeps its place
# As cron does it: it neither looks whether a command still runs nor makes up for what was missed.
_POLICIES = {"catchUp": "none", "overlap": "allow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A line that becomes a schedule, before it has its id."""

    times: str
    command: str
    environment: Environment
    description: str = ""

    @property
    def order(self) -> str:
        """Orders drafts of the same command, whatever line they are on."""
        about = self.environment
        return repr((self.times, about.timezone, about.shell, sorted(about.variables.items())))


def schedule_of(draft: Draft, schedule_id: str) -> dict[str, Any]:
    """Its document."""
    about = draft.environment
    trigger = {"name": TRIGGER, "cron": draft.times, "timezone": about.timezone, **_POLICIES}
    job = {
        "jobName": slug(draft.command),
        **job_fields(about.shell, draft.command),
        "environment": {name: escaped(value) for name, value in about.variables.items()},
    }
    return {
        "scheduleId": schedule_id,
        **({"description": draft.description} if draft.description else {}),
        **({"workingDirectory": about.home} if about.home else {}),
        "triggers": [trigger],
        "jobList": [job],
    }


def fault_of(document: dict[str, Any]) -> str:
    """Why the document would be refused; empty if it is good."""
    try:
        check_unfilled(load(document))
    except InvalidInputError as error:
        return "; ".join(map(str, error.problems))
    return ""
