"""What happens to a call: counted, held to the model, and hit by each fault there is."""

from typing import Any, NamedTuple

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from chalicelib.aws.clients import Clients
from chalicelib.local.memory_queue import VirtualClock
from tests.simulation.faults import Crash
from tests.strict.answers import Fault, Service
from tests.strict.asking import name_of, refused
from tests.strict.aws import StrictAws
from tests.strict.batch import FakeBatch
from tests.strict.stores import stores

PUT = {"Bucket": "docs", "Key": "a", "Body": b"x"}


@pytest.fixture
def aws() -> StrictAws:
    made = stores(VirtualClock())
    made.client("s3").create_bucket(
        Bucket="docs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    made.calls.clear()
    return made


def is_there(aws: StrictAws) -> bool:
    aws.faults = None
    return bool(aws.client("s3").list_objects_v2(Bucket="docs")["KeyCount"])


class Hit(NamedTuple):
    """A fault, what the caller sees of it, and whether the call was done."""

    fault: Fault
    seen: type[BaseException]
    was_done: bool

    @property
    def name(self) -> str:
        return self.fault.value


HITS = (
    Hit(Fault.CRASH_BEFORE, Crash, False),
    Hit(Fault.CRASH_AFTER, Crash, True),
    Hit(Fault.LOST_REQUEST, ConnectTimeoutError, False),
    Hit(Fault.UNREACHABLE, EndpointConnectionError, False),
    Hit(Fault.LOST_ON_THE_WAY, ReadTimeoutError, False),
    Hit(Fault.LOST_REPLY, ReadTimeoutError, True),
)


@pytest.mark.parametrize("row", HITS, ids=name_of)
def test_a_call_that_is_cut_off_is_done_or_not_and_the_caller_can_not_tell(
    aws: StrictAws, row: Hit
) -> None:
    aws.faults = lambda *_: row.fault
    with pytest.raises(row.seen):
        aws.client("s3").put_object(**PUT)
    assert is_there(aws) is row.was_done


class Answered(NamedTuple):
    """A fault that is an error answer."""

    name: str
    fault: Fault
    code: str
    was_done: bool


ANSWERED = (
    Answered("throttled", Fault.THROTTLE, "SlowDown", False),
    Answered("broken before", Fault.SERVER_ERROR, "InternalError", False),
    Answered("broken after", Fault.SERVER_ERROR_AFTER, "InternalError", True),
)


@pytest.mark.parametrize("row", ANSWERED, ids=name_of)
def test_an_error_of_the_service_is_answered_in_its_words_and_sent_once(
    aws: StrictAws, row: Answered
) -> None:
    aws.faults = lambda *_: row.fault
    assert refused(aws.client("s3").put_object, **PUT)[0] == row.code
    assert [call.error for call in aws.calls] == [row.code]
    assert is_there(aws) is row.was_done


SENT_AGAIN = (
    Fault.LOST_REQUEST,
    Fault.UNREACHABLE,
    Fault.LOST_ON_THE_WAY,
    Fault.LOST_REPLY,
    Fault.THROTTLE,
    Fault.SERVER_ERROR,
    Fault.SERVER_ERROR_AFTER,
)


@pytest.mark.parametrize("fault", SENT_AGAIN, ids=lambda fault: str(fault.value))
def test_an_sdk_that_sends_again_gets_its_answer_and_one_that_must_not_never_does(
    fault: Fault,
) -> None:
    queue = FakeBatch(VirtualClock(), [])
    queue.registry.make_queue("q")
    queue.registry.register("d", {"command": ["true"]})
    aws = StrictAws(VirtualClock(), sends_again=True)
    aws.serve("batch", queue.service())
    aws.faults = lambda index, *_: fault if index in (0, 3) else None
    request = {"jobName": "a", "jobQueue": "q", "jobDefinition": "d"}
    clients = Clients(aws)
    clients["batch"].submit_job(**request)
    assert aws.count("SubmitJob") == 2
    clients["batch"].describe_jobs(jobs=["x"])
    with pytest.raises((ClientError, BotoCoreError)):
        clients.submitting.submit_job(**request)
    assert aws.count("SubmitJob") == 3


def test_a_request_that_is_wrong_is_not_sent_again() -> None:
    aws = stores(VirtualClock())
    aws.sends_again = True
    assert refused(aws.client("s3").put_object, **PUT)[0] == "NoSuchBucket"
    assert aws.count("PutObject") == 1


def test_a_fault_is_told_which_call_it_may_hit(aws: StrictAws) -> None:
    seen: list[tuple[int, str, str]] = []

    def second(index: int, service: str, operation: str) -> Fault | None:
        seen.append((index, service, operation))
        return Fault.THROTTLE if index == 1 else None

    aws.faults = second
    client = aws.client("s3")
    codes = [refused(client.put_object, **PUT)[0] for _ in range(3)]
    assert codes == ["", "SlowDown", ""]
    assert seen == [(number, "s3", "PutObject") for number in range(3)]


def test_a_call_says_what_a_policy_must_allow(aws: StrictAws) -> None:
    client = aws.client("s3")
    client.put_object(**PUT)
    client.get_object(Bucket="docs", Key="a")
    client.list_objects_v2(Bucket="docs")
    assert aws.permissions() == {
        "s3:PutObject": {"arn:aws:s3:::docs/a"},
        "s3:GetObject": {"arn:aws:s3:::docs/a"},
        "s3:ListBucket": {"arn:aws:s3:::docs"},
    }
    assert aws.count("GetObject") == 1


def test_a_request_that_botocore_does_not_know_is_never_sent(aws: StrictAws) -> None:
    with pytest.raises(ParamValidationError):
        aws.client("s3").put_object(**PUT, Colour="red")
    assert aws.calls == []


def test_what_is_not_faked_is_no_answer(aws: StrictAws) -> None:
    with pytest.raises(NotImplementedError, match="s3 DeleteBucket isn't faked"):
        aws.client("s3").delete_bucket(Bucket="docs")


def answering(**operations: Any) -> StrictAws:
    aws = StrictAws(VirtualClock())
    made = {name: lambda _params, answer=answer: answer for name, answer in operations.items()}
    aws.serve("batch", Service(operations=made))
    return aws


class Impossible(NamedTuple):
    """An answer that AWS could never give."""

    name: str
    answer: dict[str, Any]


IMPOSSIBLE = (
    Impossible("lacks what is required", {"jobName": "a"}),
    Impossible("has what the model has not", {"jobName": "a", "jobId": "1", "colour": "red"}),
    Impossible("has another type", {"jobName": "a", "jobId": 1}),
)


@pytest.mark.parametrize("row", IMPOSSIBLE, ids=name_of)
def test_a_fake_can_not_answer_what_aws_never_would(row: Impossible) -> None:
    client = answering(SubmitJob=row.answer).client("batch")
    with pytest.raises(AssertionError, match="SubmitJob never answers so"):
        client.submit_job(jobName="a", jobQueue="q", jobDefinition="d")


JOB = {"jobName": "a", "jobId": "1", "jobQueue": "q", "status": "FAILED", "jobDefinition": "d"}


@pytest.mark.parametrize(
    "jobs",
    ["none", [None], [{**JOB, "status": "ASLEEP"}], [{**JOB, "createdAt": "now"}],
     [{**JOB, "container": {"exitCode": "1"}}], [{**JOB, "tags": {"a": 1}}],
     [{name: JOB[name] for name in JOB if name != "jobQueue"}]],
    ids=["no list", "null", "status", "time", "member", "map", "missing"],
)  # fmt: skip
def test_an_answer_is_held_to_the_model_all_the_way_down(jobs: Any) -> None:
    assert answering(DescribeJobs={"jobs": [JOB]}).client("batch").describe_jobs(jobs=["1"])
    client = answering(DescribeJobs={"jobs": jobs}).client("batch")
    with pytest.raises(AssertionError, match="DescribeJobs never answers so"):
        client.describe_jobs(jobs=["1"])


def test_two_accounts_know_nothing_of_each_other() -> None:
    first, second = (answering(CancelJob={}) for _ in range(2))
    first.client("batch").cancel_job(jobId="1", reason="x")
    assert (len(first.calls), len(second.calls)) == (1, 0)
    assert first.client("batch") is first.client("batch")
    assert first.client("batch") is not second.client("batch")
