"""What each operation takes and answers, by the models that check and the types that are told."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalicelib.api import models, pages
from chalicelib.api.models import Nothing
from chalicelib.services import shape_types as shapes

JSON, TEXT = "application/json", "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One operation. `answers` are types by status, None where they are texts or anything."""

    answer: Any
    statuses: tuple[HTTPStatus, ...] = (HTTPStatus.OK,)
    query: type[models.Asked] = Nothing
    body: type[models.Asked] | None = None
    document: str = ""  # the schema of the document that it takes, JSON or YAML
    is_repeatable: bool = True  # by an Idempotency-Key, for an act
    takes_message: bool = False  # of the first version, besides
    is_conditional: bool = False  # by If-Match and If-None-Match
    media_type: str = JSON

    @property
    def is_act(self) -> bool:
        """Whether an Idempotency-Key means something."""
        return self.body is not None

    @property
    def takes_document(self) -> bool:
        return bool(self.document)


_ACCEPTED = (HTTPStatus.ACCEPTED,)


def _operation(body: type[models.Asked] = models.JobsBody) -> Contract:
    return Contract(answer=shapes.OperationShape, body=body)


CONTRACTS = {
    "health": Contract(answer=pages.Health),
    "openapi": Contract(answer=None),
    "validate_schedule": Contract(answer=pages.CheckedSchedule, document="Schedule"),
    "list_schedules": Contract(answer=pages.SchedulesPage, query=models.SchedulesQuery),
    "get_schedule": Contract(answer=pages.ShownSchedule, query=models.VersionQuery),
    "put_schedule": Contract(
        answer=pages.PutSchedule,
        statuses=(HTTPStatus.OK, HTTPStatus.CREATED),
        document="Schedule",
        is_conditional=True,
    ),
    "delete_schedule": Contract(
        answer=shapes.ScheduleShape, query=models.ReasonQuery, is_conditional=True
    ),
    "list_versions": Contract(answer=pages.VersionsPage, query=models.VersionsQuery),
    "diff_versions": Contract(answer=shapes.DifferenceShape, query=models.DiffQuery),
    "draw_schedule": Contract(answer=str, query=models.ScheduleGraphQuery, media_type=TEXT),
    "next_fire_times": Contract(answer=shapes.NextShape, query=models.NextQuery),
    "preview_fire_times": Contract(answer=pages.FireTimes, query=models.PreviewQuery),
    "pause_schedule": Contract(answer=shapes.PausedShape, body=models.ReasonBody),
    "resume_schedule": Contract(answer=shapes.PausedShape, body=models.ReasonBody),
    "list_runs": Contract(answer=pages.RunsPage, query=models.RunsQuery),
    "start_run": Contract(
        answer=shapes.RunShape | shapes.WaitingShape,
        statuses=_ACCEPTED,
        body=models.StartBody,
        takes_message=True,
    ),
    "get_run": Contract(
        answer=shapes.ShownRunShape | shapes.WaitingShape | shapes.DroppedStartShape
    ),
    "list_jobs": Contract(answer=pages.JobsPage, query=models.JobsQuery),
    "list_events": Contract(answer=pages.EventsPage, query=models.EventsQuery),
    "get_timeline": Contract(answer=pages.TimelinePage, query=models.TimelineQuery),
    "get_logs": Contract(answer=shapes.LogPartShape, query=models.LogsQuery),
    "draw_run": Contract(answer=str, query=models.GraphQuery, media_type=TEXT),
    "explain": Contract(answer=shapes.ExplanationShape, query=models.ExplainQuery),
    "plan_restart": Contract(answer=shapes.RestartShape),
    "restart_run": Contract(answer=shapes.RunShape, statuses=_ACCEPTED, body=models.ReasonBody),
    "cancel_run": Contract(
        answer=shapes.RunShape | shapes.DroppedStartShape,
        statuses=_ACCEPTED,
        body=models.ReasonBody,
    ),
    "hold_jobs": _operation(),
    "release_jobs": _operation(),
    "pass_jobs": _operation(),
    "terminate_jobs": _operation(),
    "mark_jobs": _operation(models.MarkBody),
    "rerun_jobs": _operation(models.RerunBody),
    "list_calendars": Contract(answer=pages.Calendars),
    "get_calendar": Contract(answer=shapes.CalendarShape),
    "put_calendar": Contract(
        answer=shapes.CalendarShape,
        statuses=(HTTPStatus.OK, HTTPStatus.CREATED),
        document="Calendar",
        is_conditional=True,
    ),
    "delete_calendar": Contract(answer=shapes.CalendarShape, is_conditional=True),
    "list_tokens": Contract(answer=pages.Tokens),
    "create_token": Contract(
        answer=pages.CreatedTokenShape,
        statuses=(HTTPStatus.CREATED,),
        body=models.TokenBody,
        is_repeatable=False,
    ),
    "revoke_token": Contract(answer=shapes.TokenShape),
}
