"""The strict AWS Batch holds to the limits of its API; each has a row here."""

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from chalicelib.local.memory_queue import FakeSettings, VirtualClock
from chalicelib.local.slots import Capacity
from tests.strict.asking import Act, Answer, Bound, client_of, least, most, name_of, refused
from tests.strict.batch import FakeBatch

QUEUE, DEFINITION = "daily", "extract"
CLIENT = "ClientException"


class Bench(NamedTuple):
    """A queue, a definition, and what EventBridge is told."""

    fake: FakeBatch
    client: Any
    clock: VirtualClock
    events: list[Answer]


def bench(lag: float = 0.0, slots: float = 1000.0, script: Any = None) -> Bench:
    clock, events = VirtualClock(), []  # type: ignore[var-annotated]
    settings = FakeSettings(capacity=Capacity(slots, 1_000_000), listing_lag=lag)
    fake = FakeBatch(clock, events, script or (lambda *_: (5.0, 0)), settings)
    fake.registry.make_queue(QUEUE)
    fake.registry.register(DEFINITION, {"command": ["true"]})
    return Bench(fake, client_of("batch", fake.service(), clock), clock, events)


@pytest.fixture
def here() -> Bench:
    return bench()


def submit(client: Any, name: str = "a", **members: Any) -> str:
    request = {"jobName": name, "jobQueue": QUEUE, "jobDefinition": DEFINITION, **members}
    return str(client.submit_job(**request)["jobId"])


def submitting(**members: Any) -> Act:
    return lambda client: submit(client, **members)


def command_of(client: Any, size: int) -> None:
    """A request whose JSON text has that many bytes."""
    empty = '{"jobName": "a", "jobQueue": "daily", "jobDefinition": "extract", '
    empty += '"containerOverrides": {"command": [""]}}'
    submit(client, containerOverrides={"command": ["x" * (size - len(empty))]})


def upstream_of(client: Any, count: int) -> None:
    jobs = [submit(client, f"up-{number}") for number in range(count)]
    submit(client, dependsOn=[{"jobId": each} for each in jobs])


def rules(count: int) -> Answer:
    return {"attempts": 2, "evaluateOnExit": [{"onExitCode": "1", "action": "RETRY"}] * count}


def rule_of(client: Any, size: int) -> None:
    rule = {"onReason": "x" * size, "action": "RETRY"}
    submit(client, retryStrategy={"attempts": 2, "evaluateOnExit": [rule]})


def array_of(client: Any, size: int) -> None:
    submit(client, arrayProperties={"size": size})


def listing(**members: Any) -> Act:
    return lambda client: client.list_jobs(**{"jobQueue": QUEUE, **members})


def by(name: str, *values: str) -> list[Answer]:
    return [{"name": name, "values": list(values)}]


BOUNDS = (
    most("a payload of 30 KiB", command_of, 30 * 1024, CLIENT),
    most("20 jobs to depend on", upstream_of, 20, CLIENT),
    most("a name of 128 characters", lambda c, n: submit(c, "a" * n), 128, CLIENT),
    most("an array of 10,000", array_of, 10_000, CLIENT),
    least("an array of 2", array_of, 2, CLIENT),
    most("10 attempts", lambda c, n: submit(c, retryStrategy={"attempts": n}), 10, CLIENT),
    least("1 attempt", lambda c, n: submit(c, retryStrategy={"attempts": n}), 1, CLIENT),
    most("5 rules of a retry", lambda c, n: submit(c, retryStrategy=rules(n)), 5, CLIENT),
    most("a pattern of 512 characters", rule_of, 512, CLIENT),
    least("a time-out of 60 s",
          lambda c, n: submit(c, timeout={"attemptDurationSeconds": n}), 60, CLIENT),
    most("50 tags", lambda c, n: submit(c, tags={str(k): "" for k in range(n)}), 50, CLIENT),
    most("a tag's key of 128 characters", lambda c, n: submit(c, tags={"k" * n: ""}), 128, CLIENT),
    most("a tag's value of 256", lambda c, n: submit(c, tags={"k": "v" * n}), 256, CLIENT),
    most("a priority of 9,999", lambda c, n: submit(c, schedulingPriorityOverride=n), 9999, CLIENT),
    most("100 ids of a DescribeJobs",
         lambda c, n: c.describe_jobs(jobs=[str(k) for k in range(n)]), 100, CLIENT),
    most("100 definitions of one call",
         lambda c, n: c.describe_job_definitions(jobDefinitions=["x"] * n), 100, CLIENT),
    most("a reason of 1,024 characters to terminate",
         lambda c, n: c.terminate_job(jobId=submit(c), reason="x" * n), 1024, CLIENT),
    most("a reason of 1,024 characters to cancel",
         lambda c, n: c.cancel_job(jobId=submit(c), reason="x" * n), 1024, CLIENT),
    most("a page of 1,000 by status",
         lambda c, n: listing(jobStatus="RUNNING", maxResults=n)(c), 1000, CLIENT),
    most("a page of 100 by a filter",
         lambda c, n: listing(filters=by("JOB_NAME", "a"), maxResults=n)(c), 100, CLIENT),
)  # fmt: skip


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_what_is_beyond_a_limit_is_refused(here: Bench, bound: Bound) -> None:
    bound.hold(here.client)


class Refusal(NamedTuple):
    """What is refused whatever its size."""

    name: str
    act: Act
    words: str


def overrides(**members: Any) -> Act:
    return submitting(containerOverrides=members)


REFUSALS = (
    Refusal("a name that begins with a hyphen", submitting(name="-a"), "Job name"),
    Refusal("a name that begins with an underscore", submitting(name="_a"), "Job name"),
    Refusal("a name with a point", submitting(name="a.b"), "Job name"),
    Refusal("a name with a letter that is no ASCII", submitting(name="é"), "Job name"),
    Refusal("a queue that there is not", submitting(jobQueue="other"), "doesn't exist"),
    Refusal("a definition that there is not", submitting(jobDefinition="other"), "doesn't exist"),
    Refusal("a revision that there is not", submitting(jobDefinition="extract:2"), "doesn't exist"),
    Refusal("an id to depend on that there is not",
            submitting(dependsOn=[{"jobId": "none"}]), "none"),
    Refusal("SEQUENTIAL of no array", submitting(dependsOn=[{"type": "SEQUENTIAL"}]), "array"),
    Refusal("a retry without a condition",
            submitting(retryStrategy={"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}]}),
            "needs onExitCode"),
    Refusal("rules without attempts",
            submitting(retryStrategy={"evaluateOnExit": rules(1)["evaluateOnExit"]}), "attempts"),
    Refusal("a star within a pattern",
            submitting(retryStrategy={"attempts": 1, "evaluateOnExit": [
                {"onReason": "a*b", "action": "EXIT"}]}), "at its end only"),
    Refusal("an exit code of letters",
            submitting(retryStrategy={"attempts": 1, "evaluateOnExit": [
                {"onExitCode": "x", "action": "EXIT"}]}), "digits"),
    Refusal("a variable that Batch keeps for itself",
            overrides(environment=[{"name": "AWS_BATCH_X", "value": "1"}]), "AWS_BATCH"),
    Refusal("memory in letters",
            overrides(resourceRequirements=[{"type": "MEMORY", "value": "much"}]), "MEMORY"),
    Refusal("a list of nothing", lambda c: c.list_jobs(), "exactly one"),
    Refusal("a list of two things", listing(arrayJobId="x"), "exactly one"),
    Refusal("a list of a queue that there is not", listing(jobQueue="other"), "doesn't exist"),
    Refusal("two filters at a time", listing(filters=by("JOB_NAME", "a") * 2), "one filter"),
    Refusal("a filter of two values", listing(filters=by("JOB_NAME", "a", "b")), "one value"),
    Refusal("a filter by something else", listing(filters=by("STATUS", "RUNNING")), "STATUS"),
    Refusal("a time that is none", listing(filters=by("AFTER_CREATED_AT", "now")), "milliseconds"),
    Refusal("a token of nobody", listing(nextToken="x"), "nextToken"),
    Refusal("an end of a job that there is not",
            lambda c: c.terminate_job(jobId="none", reason="x"), "doesn't exist"),
    Refusal("an end without a reason",
            lambda c: c.cancel_job(jobId=submit(c), reason=""), "reason"),
)  # fmt: skip


@pytest.mark.parametrize("row", REFUSALS, ids=name_of)
def test_what_batch_does_not_take_is_refused(here: Bench, row: Refusal) -> None:
    code, message = refused(row.act, here.client)
    assert (code, row.words in message) == (CLIENT, True), f"{code}: {message}"


# How fast, how late, how long


def test_fifty_submissions_a_second_are_taken_and_no_more(here: Bench) -> None:
    for number in range(50):
        submit(here.client, f"a{number}")
    assert refused(submit, here.client)[0] == "TooManyRequestsException"
    here.clock.advance(0.999)
    assert refused(submit, here.client)[0] == "TooManyRequestsException"
    here.clock.advance(0.001)
    assert refused(submit, here.client) == ("", "")


def test_the_same_submission_twice_makes_two_jobs(here: Bench) -> None:
    assert submit(here.client) != submit(here.client)


def test_a_new_job_is_not_seen_for_a_while() -> None:
    late = bench(lag=10.0)
    job_id = submit(late.client)
    named = listing(filters=by("JOB_NAME", "a"))
    for seconds, count in ((0.0, 0), (9.9, 0), (0.1, 1)):
        late.clock.advance(seconds)
        assert len(late.client.describe_jobs(jobs=[job_id])["jobs"]) == count
        assert len(named(late.client)["jobSummaryList"]) == count  # type: ignore[index]


def test_ids_that_are_unknown_or_forgotten_are_absent(here: Bench) -> None:
    job_id = submit(here.client)
    here.fake.run_until_quiet()
    assert [job["jobId"] for job in described(here, job_id, "none")] == [job_id]
    here.clock.advance(timedelta(days=7).total_seconds())
    assert described(here, job_id) == []


def described(here: Bench, *job_ids: str) -> list[Answer]:
    jobs: list[Answer] = here.client.describe_jobs(jobs=list(job_ids))["jobs"]
    return jobs


# Lists


def names(here: Bench, **members: Any) -> list[str]:
    answer: Any = listing(**members)(here.client)
    return [job["jobName"] for job in answer["jobSummaryList"]]


def test_a_list_without_a_status_is_of_running_jobs() -> None:
    here = bench(slots=1.0)
    submit(here.client, "first")
    submit(here.client, "second")
    here.clock.advance(1)
    assert names(here) == ["first"]
    assert names(here, jobStatus="RUNNABLE") == ["second"]
    assert names(here, jobStatus="SUCCEEDED") == []


def test_a_filter_finds_jobs_of_every_status_and_ignores_the_one_asked_for(here: Bench) -> None:
    submit(here.client, "Load-1")
    here.fake.run_until_quiet()
    submit(here.client, "load-2")
    found = names(here, filters=by("JOB_NAME", "LOAD-*"), jobStatus="FAILED")
    assert found == ["load-2", "Load-1"]  # newest first, whatever the case
    assert names(here, filters=by("JOB_NAME", "load-1")) == ["Load-1"]
    assert names(here, filters=by("JOB_NAME", "load")) == []


def test_a_filter_finds_jobs_by_definition_and_by_time(here: Bench) -> None:
    here.fake.registry.register("other", {"command": ["true"]})
    submit(here.client, "a")
    here.clock.advance(1)
    submit(here.client, "b", jobDefinition="other")
    at = str(here.clock.milliseconds)
    assert names(here, filters=by("JOB_DEFINITION", "other")) == ["b"]
    assert names(here, filters=by("BEFORE_CREATED_AT", at)) == ["a"]
    assert names(here, filters=by("AFTER_CREATED_AT", str(int(at) - 1))) == ["b"]


def test_a_long_list_comes_in_pages(here: Bench) -> None:
    for number in range(120):
        here.clock.advance(0.02)
        submit(here.client, f"a-{number:03d}")
    pages = here.client.get_paginator("list_jobs")
    found = list(pages.paginate(jobQueue=QUEUE, filters=by("JOB_NAME", "a-*")))
    assert [len(page["jobSummaryList"]) for page in found] == [100, 20]
    listed = [job["jobName"] for page in found for job in page["jobSummaryList"]]
    assert listed == sorted(listed, reverse=True)


# Ends


def test_a_job_whose_upstream_job_fails_fails_without_running() -> None:
    here = bench(script=lambda submission, _: (1.0, int(submission.job_name == "up")))
    up = submit(here.client, "up")
    down = submit(here.client, "down", dependsOn=[{"jobId": up}])
    here.fake.run_until_quiet()
    [job] = described(here, down)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Dependent job failed")
    assert "startedAt" not in job
    assert [start.job_name for start in here.fake.starts] == ["up"]


def test_a_cancel_ends_what_has_not_started_and_nothing_else() -> None:
    here = bench(slots=1.0)
    running, waiting = submit(here.client, "a"), submit(here.client, "b")
    here.clock.advance(1)
    for job_id in (running, waiting):
        here.client.cancel_job(jobId=job_id, reason="not now")
    assert [job["status"] for job in described(here, running, waiting)] == ["RUNNING", "FAILED"]


def test_a_terminate_ends_whatever_has_not_ended(here: Bench) -> None:
    job_id = submit(here.client)
    here.clock.advance(1)
    here.client.terminate_job(jobId=job_id, reason="too late")
    here.fake.settle()
    [job] = described(here, job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "too late")
    here.client.terminate_job(jobId=job_id, reason="again")  # and once more is no error
    assert described(here, job_id)[0]["statusReason"] == "too late"


def test_an_attempt_that_takes_too_long_is_ended_and_not_retried(here: Bench) -> None:
    slow = bench(script=lambda *_: (3600.0, 0))
    job_id = submit(slow.client, timeout={"attemptDurationSeconds": 60},
                    retryStrategy={"attempts": 3})  # fmt: skip
    slow.fake.run_until_quiet()
    [job] = described(slow, job_id)
    assert (job["status"], len(job["attempts"])) == ("FAILED", 1)


def test_a_definition_without_a_revision_is_the_newest_active_one(here: Bench) -> None:
    second = here.fake.registry.register(DEFINITION, {"command": ["true"]})
    third = here.fake.registry.register(DEFINITION, {"command": ["true"]})
    here.fake.registry.deregister(third.arn)
    [job] = described(here, submit(here.client))
    assert job["jobDefinition"] == second.arn
    assert refused(submit, here.client, jobDefinition=third.arn)[0] == CLIENT


# Events


def test_every_move_of_a_job_is_told_but_its_submission(here: Bench) -> None:
    job_id = submit(here.client, tags={"run": "r"})
    here.fake.run_until_quiet()
    assert {each["detail-type"] for each in here.events} == {"Batch Job State Change"}
    told = [each["detail"]["status"] for each in here.events]
    assert told[-4:] == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    assert "SUBMITTED" not in told
    assert {each["detail"]["jobId"] for each in here.events} == {job_id}
    assert here.events[-1]["detail"]["tags"] == {"run": "r"}
    assert len({each["id"] for each in here.events}) == len(here.events)
