"""Every route of the HTTP API, as data: the blueprints, the authorizer and the pages go by it.

A run's id is its schedule's id, a slash and its start: so `/runs/` and the id is its address.
Names of jobs go into the query, which gateways decode in one way only.
"""

from dataclasses import dataclass

from chalicelib.core.access import Role

VIEWER, OPERATOR, AUTHOR, ADMIN = Role

_SCHEDULE = "/schedules/{schedule_id}"
_RUN = "/runs/{schedule_id}/{started_at}"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    `role` is the least that may use it, None for everybody without a token. Routes with a
    `schedule_id` in their path are seen only by those in whose scopes that schedule is.
    """

    method: str
    path: str
    operation: str  # the name of its handler, and its operationId
    role: Role | None

    @property
    def is_scoped(self) -> bool:
        return "{schedule_id}" in self.path


ROUTES = (
    Route("GET", "/health", "health", None),
    Route("GET", "/openapi.json", "openapi", VIEWER),
    Route("POST", "/validate", "validate_schedule", VIEWER),
    Route("GET", "/preview", "preview_fire_times", VIEWER),
    Route("GET", "/schedules", "list_schedules", VIEWER),
    Route("GET", _SCHEDULE, "get_schedule", VIEWER),
    Route("PUT", _SCHEDULE, "put_schedule", AUTHOR),
    Route("DELETE", _SCHEDULE, "delete_schedule", AUTHOR),
    Route("GET", f"{_SCHEDULE}/versions", "list_versions", VIEWER),
    Route("GET", f"{_SCHEDULE}/diff", "diff_versions", VIEWER),
    Route("GET", f"{_SCHEDULE}/graph", "draw_schedule", VIEWER),
    Route("GET", f"{_SCHEDULE}/next", "next_fire_times", VIEWER),
    Route("POST", f"{_SCHEDULE}/pause", "pause_schedule", OPERATOR),
    Route("POST", f"{_SCHEDULE}/resume", "resume_schedule", OPERATOR),
    Route("GET", "/runs", "list_runs", VIEWER),
    Route("POST", "/runs", "start_run", OPERATOR),
    Route("GET", _RUN, "get_run", VIEWER),
    Route("GET", f"{_RUN}/jobs", "list_jobs", VIEWER),
    Route("GET", f"{_RUN}/events", "list_events", VIEWER),
    Route("GET", f"{_RUN}/timeline", "get_timeline", VIEWER),
    Route("GET", f"{_RUN}/logs", "get_logs", VIEWER),
    Route("GET", f"{_RUN}/graph", "draw_run", VIEWER),
    Route("GET", f"{_RUN}/explain", "explain", VIEWER),
    Route("GET", f"{_RUN}/restart", "plan_restart", VIEWER),
    Route("POST", f"{_RUN}/restart", "restart_run", OPERATOR),
    Route("POST", f"{_RUN}/cancel", "cancel_run", OPERATOR),
    Route("POST", f"{_RUN}/hold", "hold_jobs", OPERATOR),
    Route("POST", f"{_RUN}/release", "release_jobs", OPERATOR),
    Route("POST", f"{_RUN}/pass", "pass_jobs", OPERATOR),
    Route("POST", f"{_RUN}/mark", "mark_jobs", OPERATOR),
    Route("POST", f"{_RUN}/rerun", "rerun_jobs", OPERATOR),
    Route("POST", f"{_RUN}/terminate", "terminate_jobs", OPERATOR),
    Route("GET", "/calendars", "list_calendars", VIEWER),
    Route("GET", "/calendars/{name}", "get_calendar", VIEWER),
    Route("PUT", "/calendars/{name}", "put_calendar", AUTHOR),
    Route("DELETE", "/calendars/{name}", "delete_calendar", AUTHOR),
    Route("GET", "/tokens", "list_tokens", ADMIN),
    Route("POST", "/tokens", "create_token", ADMIN),
    Route("DELETE", "/tokens/{token_id}", "revoke_token", ADMIN),
)

OF_OPERATION = {route.operation: route for route in ROUTES}
