"""What there is to see of a run: jobs, history, logs, graph, and why it stands so."""

from itertools import islice

from chalicelib.api.answering import Answer
from chalicelib.api.cursors import Listing
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import (
    EventsQuery,
    ExplainQuery,
    GraphQuery,
    JobsQuery,
    LogsQuery,
    TimelineQuery,
)
from chalicelib.core.drawing import draw
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.selecting import parse_statuses
from chalicelib.core.timeline import timeline
from chalicelib.errors import InvalidInputError, NotFoundError
from chalicelib.services import explanations
from chalicelib.services.claims import progress_of
from chalicelib.services.finding import get_job, history_of
from chalicelib.services.listing import list_jobs as list_some
from chalicelib.services.logs import LogRequest, read_log
from chalicelib.services.overview import nodes_of_run
from chalicelib.services.shapes import (
    event_shape,
    explanation_shape,
    job_shape,
    log_part_shape,
    run_shape,
    timeline_job_shape,
    whole_job_shape,
)

run_views = Resource(__name__)


@run_views.handles("list_jobs")
def list_jobs(desk: Desk) -> Answer:
    """In the order of the schedule's document."""
    asked, run_id = desk.query(JobsQuery), desk.run.run_id
    which = asked.job, _statuses(asked.status)
    listing = Listing("jobs", run_id, which)
    page = list_some(desk.ports, run_id, which, asked.limit, listing.number(asked.cursor))
    progress = progress_of(desk.ports, run_id, page.items)
    found = [
        whole_job_shape(record, progress.get(record.spec.name))
        if asked.whole
        else job_shape(record.spec, record.state, progress.get(record.spec.name))
        for record in page.items
    ]
    return Answer(
        body={"runId": run_id, "jobs": found, "nextCursor": listing.of_number(page.after)}
    )


@run_views.handles("list_events")
def list_events(desk: Desk) -> Answer:
    """The oldest first."""
    asked, run_id = desk.query(EventsQuery), desk.run.run_id
    if asked.own and asked.job:
        raise InvalidInputError.at("?own", "can't be asked for together with a job")
    if asked.own:
        own = desk.ports.runs.events(run_id, job="", after=asked.after)
        shapes = [event_shape(event) for event in islice(own, asked.limit)]
        more = len(own) > asked.limit
    else:
        found = history_of(desk.ports, run_id, asked.job, asked.after)
        shapes = [event_shape(*each) for each in islice(found, asked.limit)]
        more = len(found) > asked.limit
    return Answer(body={"runId": run_id, "events": shapes, "more": more})


@run_views.handles("get_timeline")
def get_timeline(desk: Desk) -> Answer:
    """When each attempt was handed over, ran and ended, for a Gantt chart."""
    asked, header = desk.query(TimelineQuery), desk.run
    listing = Listing("timeline", header.run_id)
    after = listing.number(asked.cursor)
    page = list_some(desk.ports, header.run_id, ((), ()), asked.limit, after)
    states = {record.spec.name: record.state for record in page.items}
    bars = timeline(desk.ports.runs.events(header.run_id), states)
    jobs = [timeline_job_shape(record, bars[record.spec.name]) for record in page.items]
    run = run_shape(header)
    return Answer(body={"run": run, "jobs": jobs, "nextCursor": listing.of_number(page.after)})


@run_views.handles("get_logs")
def get_logs(desk: Desk) -> Answer:
    """What a job wrote: from an offset on, or its end."""
    asked, run_id = desk.query(LogsQuery), desk.run.run_id
    if asked.offset is not None and asked.tail is not None:
        raise InvalidInputError.at("?tail", "can't be asked for together with an offset")
    request = LogRequest(
        job=asked.job, attempt=asked.attempt, offset=asked.offset or 0, tail=asked.tail or 0
    )
    return Answer(body=log_part_shape(read_log(desk.served, run_id, request)))


@run_views.handles("draw_run")
def draw_run(desk: Desk) -> Answer:
    """The graph of a run with its statuses."""
    asked, run_id = desk.query(GraphQuery), desk.run.run_id
    lines = draw(nodes_of_run(desk.ports, run_id), run_id, asked.format)
    return Answer(body="\n".join([*lines, ""]), media_type="text/plain; charset=utf-8")


@run_views.handles("explain")
def explain(desk: Desk) -> Answer:
    """Why a run or a job of it stands where it stands, and what can be done now."""
    asked, run_id = desk.query(ExplainQuery), desk.run.run_id
    if asked.job:
        get_job(desk.ports, run_id, asked.job)
    return Answer(body=explanation_shape(explanations.explain(desk.served, run_id, asked.job)))


def _statuses(texts: list[str]) -> list[JobStatus]:
    try:
        return parse_statuses(texts)
    except NotFoundError as error:
        raise InvalidInputError.at("?status", str(error)) from error
