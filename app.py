"""Everything that AWS can call, and where it goes: a table of contents, no logic.

The first six are the states of stepfunctions/batch-scheduler.asl.json; the next four are told by
EventBridge; one looks after runs that nobody drives, one starts what is due. The routes of the HTTP
API are in chalicelib/api/routes.py, and the authorizer stands before all of them but one.
"""

from typing import Any

from chalice.app import AuthRequest, Chalice, CloudWatchEvent, Rate

from chalicelib.api import authorizing
from chalicelib.api.entry import entry_of
from chalicelib.api.registering import register
from chalicelib.bootstrap import access_ports, driving_ports
from chalicelib.config import read_api
from chalicelib.core.messages import parse_message
from chalicelib.core.naming import parse_start
from chalicelib.services import arrivals, reconciling, steps, ticking, uploading
from chalicelib.services.steps import Leg

Json = dict[str, Any]

app = Chalice(app_name="batch-scheduler")

_JOBS = {
    "source": ["aws.batch"],
    "$or": [
        {"detail-type": ["Batch Job State Change"], "detail": {"status": ["SUCCEEDED", "FAILED"]}},
        {"detail-type": ["Batch Job Queue Blocked"]},
    ],
}
_EXECUTIONS = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {"status": ["ABORTED", "TIMED_OUT"]},
}
_UPLOADS = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {"object": {"key": [{"suffix": each} for each in uploading.SUFFIXES]}},
}


@app.lambda_function()
def get_schedule(event: Json, context: Any) -> Json:
    """Make or find the run that a message means."""
    message, started_at = parse_message(event["input"]), parse_start(event["startedAt"])
    return steps.get_schedule(driving_ports(), message, event["execution"], started_at).to_json()


@app.lambda_function()
def submit_jobs(event: Json, context: Any) -> Json:
    """Hand over every job that can go now."""
    return steps.submit_jobs(
        driving_ports(), Leg.of_json(event), context.get_remaining_time_in_millis
    ).to_json()


@app.lambda_function()
def wait_for_change(event: Json, context: Any) -> None:
    """Keep the token that wakes the state machine."""
    steps.wait_for_change(driving_ports(), Leg.of_json(event["leg"]), event["token"])


@app.lambda_function()
def poll_jobs(event: Json, context: Any) -> Json:
    """Ask AWS Batch about every live job."""
    return steps.poll_jobs(
        driving_ports(), Leg.of_json(event), context.get_remaining_time_in_millis
    ).to_json()


@app.lambda_function()
def record_history(event: Json, context: Any) -> Json:
    """Close the turn; hand over in time."""
    return steps.record_history(
        driving_ports(), Leg.of_json(event), context.get_remaining_time_in_millis
    ).to_json()


@app.lambda_function()
def notify(event: Json, context: Any) -> Json:
    """Tell of the end of the run, or of its driver's."""
    remaining = context.get_remaining_time_in_millis
    leg, error = Leg.of_json(event), event.get("error")
    return steps.notify(driving_ports(), leg, error, remaining).to_json()


@app.on_cw_event(_JOBS)
def job_state_changed(event: CloudWatchEvent) -> None:
    """Wake the run of a job that ended or is stuck."""
    arrivals.job_state_changed(driving_ports(), event.detail)


@app.on_cw_event(_EXECUTIONS)
def execution_ended(event: CloudWatchEvent) -> None:
    """Take up what an aborted or timed-out execution left."""
    arrivals.execution_ended(driving_ports(), event.detail)


@app.on_cw_event(_UPLOADS)
def schedule_uploaded(event: CloudWatchEvent) -> None:
    """Store an uploaded schedule."""
    arrivals.schedule_uploaded(driving_ports(), event.detail)


@app.lambda_function()
def object_arrived(event: Json, context: Any) -> Json:
    """Start what waits for an object of S3; the rule is in cloudformation/functions.yaml."""
    return {"told": arrivals.object_arrived(driving_ports(), event["detail"], event["time"])}


@app.schedule(Rate(5, unit=Rate.MINUTES))
def reconcile(event: CloudWatchEvent) -> Json:
    """Make good what was lost: runs that nobody drives, ended runs that are not archived."""
    context: Any = event.context  # which Chalice calls a mapping, and Lambda gives as an object
    remaining = context.get_remaining_time_in_millis
    return {"found": reconciling.reconcile(driving_ports(), remaining)}


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> Json:
    """Start the runs that are due."""
    context: Any = event.context
    remaining = context.get_remaining_time_in_millis
    return ticking.tick_in_time(driving_ports(), remaining).to_json()


@app.authorizer(name="authorize", ttl_seconds=authorizing.TTL_SECONDS)
def authorize(request: AuthRequest) -> Json:
    """Say what the bearer of a token may call."""
    return authorizing.authorize(access_ports(), request.token, request.method_arn)


register(app, entry_of(read_api(), authorize))
