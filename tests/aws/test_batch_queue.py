"""AWS Batch as a queue: what is sent, what is read from its answers, and F3 on moto's Batch."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto.core.models import botocore_stubber

from chalicelib.aws.batch_queue import BatchQueue, submit_arguments
from chalicelib.aws.clients import Clients
from chalicelib.aws.submitting import Pace, Submitter
from chalicelib.core.batch import Accepted, Refused, Submission, Unanswered
from chalicelib.core.guarding import Allowed
from chalicelib.core.lifecycle import JobStatus
from chalicelib.errors import BackendError, InvalidInputError
from chalicelib.local.memory_queue import VirtualClock
from tests.aws.on_moto import DEFINITION, QUEUE, moto, register, set_up_batch
from tests.aws.wire import Wire, accepted, error


class FreeBudget:
    def take(self, count: int) -> float:
        return 0.0 * count


def queue_at(clients: Clients, allowed: Allowed | None = None) -> BatchQueue:
    clock = VirtualClock()
    pace = Pace(
        budget=FreeBudget(),
        clock=clock,
        sleep=clock.advance,
        remaining=lambda: 300.0,
        chance=Random(1),  # noqa: S311 - jitter
    )
    return BatchQueue(clients, Submitter(clients, pace), allowed or Allowed())


def submission(name: str = "x-1", **members: Any) -> Submission:
    request = {"jobQueue": QUEUE, "jobDefinition": f"{DEFINITION}:1", **members}
    return Submission(job_name=name, request=request)


def described(job_id: str, **members: Any) -> dict[str, Any]:
    return {
        "jobId": job_id,
        "jobName": "x",
        "jobQueue": "q",
        "jobDefinition": "d",
        "status": "RUNNABLE",
        "startedAt": 0,
        **members,
    }


# Handing over


def test_a_job_is_sent_with_its_dependencies_and_both_kinds_of_tags() -> None:
    wire = Wire(accepted(4))
    request = {"jobQueue": "q", "jobDefinition": "d:1", "tags": {"team": "a"}}
    outcome = queue_at(Clients(wire)).submit(
        [
            Submission(
                job_name="x",
                request=request,
                depends_on=("id-1", "id-2"),
                tags={"batch-scheduler:run": "etl/2026"},
                working_directory="/data",
            )
        ]
    )
    assert outcome == [Accepted("id-4")]
    assert wire.sent == [
        {
            "jobName": "x",
            "jobQueue": "q",
            "jobDefinition": "d:1",
            "dependsOn": [{"jobId": "id-1"}, {"jobId": "id-2"}],
            "tags": {"team": "a", "batch-scheduler:run": "etl/2026"},
        }
    ]


def test_no_more_than_what_is_there_is_sent() -> None:
    assert submit_arguments(submission()).keys() == {"jobName", "jobQueue", "jobDefinition"}


def test_a_request_that_asks_for_too_much_is_refused_unsent_and_the_others_go() -> None:
    wire = Wire(accepted(1), accepted(2))
    bad = submission(nodeOverrides={"numNodes": 2})
    inline = submission(jobDefinition="")
    outcomes = queue_at(Clients(wire)).submit([submission(), bad, inline, submission()])
    assert outcomes == [
        Accepted("id-1"),
        Refused("it needs a request without nodeOverrides"),
        Refused("it needs a registered jobDefinition"),
        Accepted("id-2"),
    ]
    assert len(wire.sent) == 2


def test_what_a_document_lacks_is_told_before_a_run_begins() -> None:
    queue = queue_at(Clients(Wire(accepted())), Allowed(queues=("daily",)))
    assert queue.lacks({"jobDefinition": "d", "jobQueue": "daily"}) == ""
    assert queue.lacks({"jobDefinition": "d", "jobQueue": "x"}).startswith("a jobQueue")


def test_the_fence_outlasts_a_lambda_function_and_the_clocks_between_two() -> None:
    limits = queue_at(Clients(Wire(accepted()))).limits
    assert limits.fence >= 900 + 300 + 300
    assert limits.empty_lookups == 3
    assert limits.max_dependencies == 20
    assert limits.max_submissions <= 50


# Asking after jobs


def test_f7_a_hundred_ids_are_asked_for_at_a_time_and_each_once() -> None:
    wire = Wire((200, {"jobs": []}))
    ids = [f"id-{number}" for number in range(1001)]
    assert queue_at(Clients(wire)).describe([*ids, *ids]) == []
    assert [len(sent["jobs"]) for sent in wire.sent] == [100] * 10 + [1]


def test_f6_what_batch_has_forgotten_is_left_out_and_the_order_is_ours() -> None:
    reply = {"jobs": [described("b"), described("a")]}
    found = queue_at(Clients(Wire((200, reply)))).describe(["a", "gone", "b"])
    assert [detail.job_id for detail in found] == ["a", "b"]


def test_nothing_is_asked_about_no_jobs() -> None:
    wire = Wire((200, {"jobs": []}))
    assert queue_at(Clients(wire)).describe([]) == []
    assert wire.sent == []


def test_a_description_is_told_in_full() -> None:
    container = {"exitCode": 137, "reason": "OutOfMemoryError: killed", "logStreamName": "s"}
    reply = described(
        "a",
        status="FAILED",
        statusReason="Essential container in task exited",
        createdAt=1_790_000_000_123,
        startedAt=1_790_000_001_000,
        stoppedAt=1_790_000_002_000,
        container=container,
        attempts=[
            {
                "container": {"exitCode": 1},
                "startedAt": 1_790_000_000_500,
                "stoppedAt": 1_790_000_000_900,
                "statusReason": "Host EC2 (instance i-1) terminated.",
            },
            {"container": container, "stoppedAt": 1_790_000_002_000},
            {"container": {}, "startedAt": 1_790_000_002_100},
        ],
        arrayProperties={"size": 2, "statusSummary": {"FAILED": 2}},
    )
    [detail] = queue_at(Clients(Wire((200, {"jobs": [reply]})))).describe(["a"])
    assert detail.status is JobStatus.FAILED
    assert detail.created_at == datetime(2026, 9, 21, 14, 13, 20, 123000, UTC)
    assert detail.started_at == datetime(2026, 9, 21, 14, 13, 21, tzinfo=UTC)
    assert (detail.exit_code, detail.container_reason) == (137, "OutOfMemoryError: killed")
    assert detail.status_reason == "Essential container in task exited"
    assert detail.array_summary == {"FAILED": 2}
    assert [attempt.exit_code for attempt in detail.attempts] == [1, 137]
    assert detail.attempts[0].reason == "Host EC2 (instance i-1) terminated."
    assert detail.attempts[1].started_at is None


def test_pages_of_jobs_are_followed_to_the_end_and_names_compared_exactly() -> None:
    pages: list[dict[str, Any]] = [
        {"jobSummaryList": [{"jobId": "3", "jobName": "x-1", "createdAt": 3}], "nextToken": "t"},
        {"jobSummaryList": [], "nextToken": "u"},
        {"jobSummaryList": [{"jobId": "2", "jobName": "X-1"}, {"jobId": "1", "jobName": "x-1"}]},
    ]
    for page in pages:
        for job in page["jobSummaryList"]:
            job["status"] = "RUNNING"
    wire = Wire(*((200, page) for page in pages))
    found = queue_at(Clients(wire)).find("x-1", "daily")
    assert [detail.job_id for detail in found] == ["3", "1"]
    assert [sent.get("nextToken") for sent in wire.sent] == [None, "t", "u"]
    assert wire.sent[0]["filters"] == [{"name": "JOB_NAME", "values": ["x-1"]}]
    assert wire.sent[0]["jobQueue"] == "daily"


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_an_unknown_job_is_no_error_to_end(verb: str) -> None:
    wire = Wire(error(400, "ClientException", "no such job"), (200, {"jobs": []}))
    getattr(queue_at(Clients(wire)), verb)("gone", "enough")
    assert wire.sent[0] == {"jobId": "gone", "reason": "enough"}


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_a_refusal_to_end_a_known_job_is_an_error(verb: str) -> None:
    wire = Wire(error(400, "ClientException", "no"), (200, {"jobs": [described("a")]}))
    with pytest.raises(BackendError, match="ClientException: no"):
        getattr(queue_at(Clients(wire)), verb)("a", "enough")


@pytest.mark.parametrize("verb", ["describe", "find", "terminate"])
def test_trouble_of_batch_may_pass(verb: str) -> None:
    # 501 is one that botocore itself does not try again, after a pause, as it does 500.
    queue = queue_at(Clients(Wire(error(501, "ServerException"))))
    arguments = (["a"],) if verb == "describe" else ("a", "b")
    with pytest.raises(BackendError) as raised:
        getattr(queue, verb)(*arguments)
    assert raised.value.retryable


def test_trouble_is_not_taken_for_a_job_that_is_unknown() -> None:
    wire = Wire(error(501, "ServerException"), (200, {"jobs": []}))
    with pytest.raises(BackendError):
        queue_at(Clients(wire)).terminate("gone", "enough")


# On moto


@pytest.fixture(scope="module")
def batch() -> Iterator[Clients]:
    with moto() as clients:
        set_up_batch(clients)
        yield clients


def test_f3_a_lost_reply_makes_one_job_which_is_found_by_its_name(batch: Clients) -> None:
    sent = []

    def lose_reply(request: Any, **members: Any) -> None:
        sent.append(request.url)
        botocore_stubber(request=request, **members)  # moto does it
        raise ReadTimeoutError(endpoint_url=request.url)

    client = batch.submitting
    client.meta.events.register_first("before-send.batch.SubmitJob", lose_reply)
    queue = queue_at(batch)
    [outcome] = queue.submit([submission("lost-1")])
    client.meta.events.unregister("before-send.batch.SubmitJob", lose_reply)
    assert isinstance(outcome, Unanswered)
    assert len(queue.find("lost-1", QUEUE)) == 1
    assert len(sent) == 1


def test_a_job_that_was_handed_over_is_described_and_found(batch: Clients) -> None:
    queue = queue_at(batch)
    [outcome] = queue.submit([submission("good-1")])
    assert isinstance(outcome, Accepted)
    [detail] = queue.describe([outcome.job_id, "unknown"])
    [found] = queue.find("good-1", QUEUE)
    assert detail.job_id == found.job_id == outcome.job_id
    assert detail.job_name == "good-1"


def test_definitions_are_pinned_to_their_newest_active_revision(batch: Clients) -> None:
    register(batch, "load")
    newest = register(batch, "load")
    arn = newest["jobDefinitionArn"]
    batch["batch"].deregister_job_definition(
        jobDefinition=register(batch, "load")["jobDefinitionArn"]
    )
    requests = [
        {"jobDefinition": "load", "jobQueue": "q"},
        {"jobDefinition": "load:1"},
        {"jobDefinition": arn.removesuffix(":2")},
        {"jobDefinition": DEFINITION},
        {},
    ]
    pinned = queue_at(batch).pin(requests)
    assert [request.get("jobDefinition") for request in pinned] == [
        "load:2",
        "load:1",
        arn,
        "extract:1",
        None,
    ]
    assert pinned[0]["jobQueue"] == "q"


@pytest.mark.parametrize(
    "name", ["nobody", "arn:aws:batch:eu-central-1:999999999999:job-definition/extract"]
)
def test_a_definition_that_is_not_there_can_not_be_pinned(batch: Clients, name: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        queue_at(batch).pin([{"jobDefinition": name}])
    assert raised.value.problems[0].found == name


def test_a_kind_is_pinned_to_the_newest_revision_of_its_own_definition(batch: Clients) -> None:
    register(batch, "batch-scheduler-dev-glue")
    allowed = Allowed(definitions=("extract",), ready_made="batch-scheduler-dev-")
    queue = queue_at(batch, allowed)
    overrides = {"command": ["batch-job", "glue", "--job=load"]}
    pinned = queue.pin([{"uses": "glue", "jobQueue": QUEUE, "containerOverrides": overrides}])
    assert pinned == [
        {
            "jobDefinition": "batch-scheduler-dev-glue:1",
            "jobQueue": QUEUE,
            "containerOverrides": overrides,
        }
    ]


def test_a_kind_that_the_stage_does_not_have_is_told_with_what_makes_it(batch: Clients) -> None:
    queue = queue_at(batch, Allowed(ready_made="batch-scheduler-dev-"))
    with pytest.raises(InvalidInputError) as raised:
        queue.pin([{"uses": "lambda", "jobQueue": QUEUE}])
    (problem,) = raised.value.problems
    assert problem.found == "batch-scheduler-dev-lambda"
    assert problem.allowed.startswith("a stage whose parameters say what such jobs may use")
