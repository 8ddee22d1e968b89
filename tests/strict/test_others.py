"""The strict SNS, EventBridge, CloudWatch and Lambda payloads: sizes, words and pages."""

import json
from typing import Any, NamedTuple

import pytest

from chalicelib.local.memory_queue import VirtualClock
from tests.strict.answers import AwsError
from tests.strict.asking import Act, Bound, client_of, most, name_of, refused
from tests.strict.others import FakeEvents, FakeLogs, FakeMetrics, FakeTopics, tokens
from tests.strict.payloads import MOST, check_payload

KIB = 1024
TOPIC = "arn:aws:sns:eu-central-1:123456789012:notices"
GROUP = "/aws/batch/job"

# SNS


@pytest.fixture
def sns() -> Any:
    return client_of("sns", FakeTopics("notices").service())


def publish(client: Any, **members: Any) -> None:
    client.publish(**{"TopicArn": TOPIC, "Message": "done", **members})


def attributed(client: Any, size: int) -> None:
    """A message whose attribute counts too."""
    attribute = {"id": {"DataType": "String", "StringValue": "x" * 100}}
    counted = len("id") + len("String") + 100
    publish(client, Message="x" * (size - counted), MessageAttributes=attribute)


TOLD = (
    most("a subject of 99 characters", lambda c, n: publish(c, Subject="s" * n), 99,
         "InvalidParameter"),
    most("a message of 256 KiB", lambda c, n: publish(c, Message="x" * n), 256 * KIB,
         "InvalidParameter"),
    most("a message of 256 KiB in letters of two bytes",
         lambda c, n: publish(c, Message="é" * (n // 2) + "x" * (n % 2)), 256 * KIB,
         "InvalidParameter"),
    most("a message of 256 KiB with its attributes", attributed, 256 * KIB, "InvalidParameter"),
)  # fmt: skip


@pytest.mark.parametrize("bound", TOLD, ids=name_of)
def test_a_notice_that_is_too_large_is_refused(sns: Any, bound: Bound) -> None:
    bound.hold(sns)


@pytest.mark.parametrize(
    "subject", ["", " begins", "two\nlines", "a\ttab", "Grüße", "\x1b[0m"], ids=ascii
)
def test_a_subject_that_is_no_plain_line_is_refused(sns: Any, subject: str) -> None:
    assert refused(publish, sns, Subject=subject)[0] == "InvalidParameter"


def test_a_message_of_nothing_is_refused(sns: Any) -> None:
    assert refused(publish, sns, Message="")[0] == "InvalidParameter"


def test_a_topic_that_there_is_not_is_refused(sns: Any) -> None:
    assert refused(publish, sns, TopicArn=TOPIC + "2")[0] == "NotFound"


# EventBridge


@pytest.fixture
def events() -> Any:
    return client_of("events", FakeEvents(VirtualClock(), []).service())


def entry(**members: Any) -> dict[str, Any]:
    return {"Source": "ours", "DetailType": "Done", "Detail": "{}", **members}


def detail_of(client: Any, size: int) -> None:
    """Two entries of that size together, as EventBridge counts."""
    rest = size - 2 * len("oursDone") - len("{}") - len('""')
    client.put_events(Entries=[entry(), entry(Detail=json.dumps("x" * rest))])


PUT = (
    most("less than 256 KiB of all entries", detail_of, 256 * KIB - 1),
    most("10 entries", lambda c, n: c.put_events(Entries=[entry()] * n), 10),
)


@pytest.mark.parametrize("bound", PUT, ids=name_of)
def test_events_that_are_too_many_or_too_large_are_refused(events: Any, bound: Bound) -> None:
    bound.hold(events)


def test_an_entry_that_is_wrong_fails_alone(events: Any) -> None:
    answer = events.put_events(
        Entries=[entry(), entry(Detail="{"), entry(Source="aws.batch"), entry(Source="")]
    )
    codes = [each.get("ErrorCode", "") for each in answer["Entries"]]
    denied = "NotAuthorizedForSourceException"
    assert codes == ["", "MalformedDetail", denied, denied]
    assert answer["FailedEntryCount"] == 3


# CloudWatch


def test_a_thousand_metrics_are_taken_at_once_and_no_names_of_aws() -> None:
    metrics = client_of("cloudwatch", FakeMetrics().service())

    def put(client: Any, count: int, namespace: str = "ours") -> None:
        data = [{"MetricName": "runs", "Value": 1.0}] * count
        client.put_metric_data(Namespace=namespace, MetricData=data)

    most("1,000 metrics", put, 1000, "InvalidParameterValue").hold(metrics)
    assert refused(put, metrics, 1, "AWS/Batch")[0] == "InvalidParameterValue"


def logs_of(*messages: str) -> Any:
    streams = {"job/default/1": list(enumerate(messages)), "job/default/2": [(0, "other")]}
    return client_of("logs", FakeLogs(streams).service())


def read(client: Any, **members: Any) -> Any:
    return client.get_log_events(logGroupName=GROUP, logStreamName="job/default/1", **members)


def lines(page: Any) -> list[str]:
    return [event["message"] for event in page["events"]]


LOGGED = (
    most("10,000 events of a page", lambda c, n: read(c, limit=n), 10_000,
         "InvalidParameterException"),
    most("50 streams of a page",
         lambda c, n: c.describe_log_streams(logGroupName=GROUP, limit=n), 50,
         "InvalidParameterException"),
)  # fmt: skip


@pytest.mark.parametrize("bound", LOGGED, ids=name_of)
def test_a_page_that_is_too_large_is_refused(bound: Bound) -> None:
    bound.hold(logs_of("one"))


def test_a_log_is_read_on_until_its_token_stays_the_same() -> None:
    client = logs_of("a", "b", "c")
    first = read(client, startFromHead=True, limit=2)
    rest = read(client, nextToken=first["nextForwardToken"], limit=2)
    end = read(client, nextToken=rest["nextForwardToken"], limit=2)
    assert [lines(page) for page in (first, rest, end)] == [["a", "b"], ["c"], []]
    assert end["nextForwardToken"] == rest["nextForwardToken"]


def test_a_log_is_read_back_from_its_end() -> None:
    client = logs_of("a", "b", "c")
    last = read(client, limit=2)
    before = read(client, nextToken=last["nextBackwardToken"], limit=2)
    start = read(client, nextToken=before["nextBackwardToken"], limit=2)
    assert [lines(page) for page in (last, before, start)] == [["b", "c"], ["a"], []]
    assert start["nextBackwardToken"] == before["nextBackwardToken"]


def test_a_page_of_a_log_holds_a_megabyte_with_26_bytes_for_each_event() -> None:
    size = 256 * KIB - 26
    clients = [logs_of(*["x" * each] * 4) for each in (size, size + 1)]
    assert [len(lines(read(client, startFromHead=True))) for client in clients] == [4, 3]


def test_a_page_of_a_log_holds_ten_thousand_events() -> None:
    page = read(logs_of(*["x"] * 10_001), startFromHead=True)
    assert len(lines(page)) == 10_000


class Missing(NamedTuple):
    """What is not there, or not like that."""

    name: str
    act: Act
    code: str


MISSING = (
    Missing("a stream", lambda c: c.get_log_events(logGroupName=GROUP, logStreamName="x"),
            "ResourceNotFoundException"),
    Missing("a group", lambda c: c.describe_log_streams(logGroupName="/other"),
            "ResourceNotFoundException"),
    Missing("a token of nobody", lambda c: read(c, nextToken="x"), "InvalidParameterException"),
)  # fmt: skip


@pytest.mark.parametrize("row", MISSING, ids=name_of)
def test_what_is_not_there_is_not_read(row: Missing) -> None:
    assert refused(row.act, logs_of("a"))[0] == row.code


# Lambda, and who asks


@pytest.mark.parametrize("kind", MOST)
def test_a_payload_of_the_largest_size_passes_and_one_byte_more_does_not(kind: str) -> None:
    fitting = "x" * (MOST[kind] - len('""'))
    check_payload(kind, fitting)
    with pytest.raises(AwsError):
        check_payload(kind, fitting + "x")


def test_a_payload_is_measured_in_bytes_as_json_has_them() -> None:
    with pytest.raises(AwsError):
        check_payload("a state", "é" * (MOST["a state"] // 6 + 1))  # é is \\u00e9 there


def test_who_asks_is_known() -> None:
    identity = client_of("sts", tokens()).get_caller_identity()
    assert identity["Account"] == "123456789012"
