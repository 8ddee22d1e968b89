"""AWS Batch as the queue that jobs are handed to."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chalicelib.aws.batch_replies import detail_of
from chalicelib.aws.clients import Clients
from chalicelib.aws.submitting import Submitter
from chalicelib.aws.translation import translated
from chalicelib.core.batch import (
    JobDetail,
    Outcome,
    QueueLimits,
    Refused,
    Submission,
)
from chalicelib.core.guarding import (
    MEMBERS,
    OWN_VARIABLES,
    Allowed,
    has_revision,
    is_ready_made,
    lacking,
    objection,
    with_definition,
)
from chalicelib.errors import BackendError, InvalidInputError, Problem

_BATCH = "Batch"
_TO_MAKE = "a stage whose parameters say what such jobs may use (how-to: deploy on AWS)"
_DESCRIBED = 100  # ids of one DescribeJobs (API_DescribeJobs)
_LIMITS = QueueLimits(
    max_dependencies=20,  # service_limits
    max_submissions=50,  # with the budget's default of 20 a second a call is done in 10 s
    # 900 s, the longest that a Lambda function may run, so that whoever reserved is dead; 300 s of
    # difference between its clock and ours; 300 s until ListJobs shows a new job, for which AWS
    # documents no time: seconds as a rule.
    fence=1500.0,
    # One empty answer may be a late copy's, and two may be the same copy's. The third comes from
    # another turn at least, and by then the fence has long covered any lag seen.
    empty_lookups=3,
)


class BatchQueue:
    """Hands jobs to AWS Batch and asks after them."""

    def __init__(self, clients: Clients, submitter: Submitter, allowed: Allowed) -> None:
        self._clients = clients
        self._submitter = submitter
        self._allowed = allowed

    @property
    def limits(self) -> QueueLimits:
        return _LIMITS

    def lacks(self, request: Mapping[str, Any]) -> str:
        return lacking(request, self._allowed)

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        refused: dict[int, Outcome] = {}
        requests = []
        for position, submission in enumerate(submissions):
            needed = objection(submission.request, self._allowed, own=OWN_VARIABLES)
            if not submission.request.get("jobDefinition"):
                needed = "a registered jobDefinition"
            if needed:
                refused[position] = Refused(f"it needs {needed}")
            else:
                requests.append(submit_arguments(submission))
        sent = iter(self._submitter.submit(requests))
        return [refused.get(i) or next(sent) for i in range(len(submissions))]

    def describe(self, job_ids: Sequence[str]) -> list[JobDetail]:
        ids = list(dict.fromkeys(job_ids))
        found: dict[str, JobDetail] = {}
        for start in range(0, len(ids), _DESCRIBED):
            with translated(_BATCH, "DescribeJobs"):
                reply = self._clients["batch"].describe_jobs(jobs=ids[start : start + _DESCRIBED])
            found.update((each["jobId"], detail_of(each)) for each in reply["jobs"])
        return [found[job_id] for job_id in ids if job_id in found]

    def find(self, job_name: str, job_queue: str) -> list[JobDetail]:
        filters = [{"name": "JOB_NAME", "values": [job_name]}]
        pages = self._clients["batch"].get_paginator("list_jobs")
        with translated(_BATCH, "ListJobs"):
            replies = [
                each
                for page in pages.paginate(jobQueue=job_queue, filters=filters)
                for each in page["jobSummaryList"]
            ]
        # The filter ignores case and takes a `*` (API_ListJobs): another attempt's job is not ours.
        return [detail_of(each) for each in replies if each["jobName"] == job_name]

    def cancel(self, job_id: str, reason: str) -> None:
        with self._ending("CancelJob", job_id):
            self._clients["batch"].cancel_job(jobId=job_id, reason=reason)

    def terminate(self, job_id: str, reason: str) -> None:
        with self._ending("TerminateJob", job_id):
            self._clients["batch"].terminate_job(jobId=job_id, reason=reason)

    def pin(self, requests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The requests with each job definition named by its newest ACTIVE revision.

        A definition that is changed while a run goes on must not change the run. Raises
        InvalidInputError for names that have no ACTIVE revision.
        """
        requests = [with_definition(request, self._allowed) for request in requests]
        names = {str(request.get("jobDefinition", "")) for request in requests}
        floating = sorted(name for name in names if name and not has_revision(name))
        pinned = {name: self._newest(name) for name in floating}
        unknown = [name for name, revision in pinned.items() if not revision]
        if unknown:
            raise InvalidInputError([self._unknown(name) for name in unknown])
        return [_pinned(request, pinned) for request in requests]

    def _unknown(self, name: str) -> Problem:
        reason = "there is no ACTIVE job definition of that name"
        allowed = _TO_MAKE if is_ready_made(name, self._allowed) else ""
        return Problem("$.jobDefinition", reason, name, allowed)

    def _newest(self, name: str) -> int:
        """The highest ACTIVE revision, 0 for none; AWS documents no order."""
        family = name.rpartition("/")[2]
        pages = self._clients["batch"].get_paginator("describe_job_definitions")
        with translated(_BATCH, "DescribeJobDefinitions"):
            definitions = [
                each
                for page in pages.paginate(jobDefinitionName=family, status="ACTIVE")
                for each in page["jobDefinitions"]
            ]
        # Only this account's definitions are listed: the ARN of another one finds none of its own.
        own = f"{name}:" if name.startswith("arn:") else ""
        revisions = (
            each["revision"] for each in definitions if each["jobDefinitionArn"].startswith(own)
        )
        return max(revisions, default=0)

    @contextmanager
    def _ending(self, operation: str, job_id: str) -> Iterator[None]:
        """Forgive a refusal to end a job that the queue does not know."""
        try:
            with translated(_BATCH, operation):
                yield
        except BackendError as error:
            if error.retryable or self.describe([job_id]):
                raise


def submit_arguments(submission: Submission) -> dict[str, Any]:
    """The arguments of a SubmitJob: nothing but what documents may set, and what is ours."""
    request = {key: value for key, value in submission.request.items() if key in MEMBERS}
    tags = {**request.pop("tags", {}), **submission.tags}
    if tags:
        request["tags"] = tags
    if submission.depends_on:
        request["dependsOn"] = [{"jobId": job_id} for job_id in submission.depends_on]
    return {"jobName": submission.job_name, **request}


def _pinned(request: Mapping[str, Any], revisions: Mapping[str, int]) -> Mapping[str, Any]:
    name = request.get("jobDefinition", "")
    if name not in revisions:
        return request
    return {**request, "jobDefinition": f"{name}:{revisions[name]}"}
