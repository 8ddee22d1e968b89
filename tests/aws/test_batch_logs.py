"""The logs of jobs: which stream an attempt has, and reading it on, from its end, or in vain."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from chalicelib.aws.batch_logs import BatchLogs
from chalicelib.aws.clients import Clients
from chalicelib.errors import BackendError
from chalicelib.ports import LogChunk
from tests.aws.on_moto import moto
from tests.aws.wire import Wire, error

GROUP = "/aws/batch/job"
START = 1_795_000_000_000  # ms
NONE = LogChunk(exists=False)


class BatchAtTheWire:
    """Batch as a test says, every other service as it was."""

    def __init__(self, others: Clients, *jobs: dict[str, Any]) -> None:
        self._others = others
        self._wire = Wire((200, {"jobs": list(jobs)}))

    def client(self, service_name: str, *, config: Config) -> Any:
        if service_name == "batch":
            return self._wire.client(service_name, config=config)
        return self._others[service_name]


def job(*attempts: str, now: str = "", **container: Any) -> dict[str, Any]:
    """A job whose ended attempts wrote to these streams, and whose container writes to `now`."""
    return {
        "jobId": "id-1",
        "jobName": "x",
        "jobQueue": "q",
        "status": "RUNNING",
        "startedAt": 0,
        "jobDefinition": "d",
        "attempts": [{"container": {"logStreamName": name}, "stoppedAt": 1} for name in attempts],
        "container": {"logStreamName": now or (attempts[-1] if attempts else ""), **container},
    }


class Desk:
    """CloudWatch Logs with some streams, and logs to read them by."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        clients["logs"].create_log_group(logGroupName=GROUP)

    def write(self, stream: str, *events: tuple[int, str], group: str = GROUP) -> None:
        logs = self.clients["logs"]
        existing = logs.describe_log_streams(logGroupName=group)["logStreams"]
        if stream not in [each["logStreamName"] for each in existing]:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        entries = [{"timestamp": START + at, "message": message} for at, message in events]
        if entries:
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=entries)

    def logs(self, *jobs: dict[str, Any]) -> BatchLogs:
        return BatchLogs(Clients(BatchAtTheWire(self.clients, *jobs)))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with moto() as clients:
        yield Desk(clients)


def test_a_log_is_read_from_its_beginning(desk: Desk) -> None:
    desk.write("s1", (0, "one"), (5, "two"))
    chunk = desk.logs(job(now="s1")).read("id-1", 1)
    assert (chunk.lines, chunk.exists) == (("one", "two"), True)
    assert chunk.offset == (START + 5) * 1_000_000 + 1


def test_a_log_that_grows_is_read_on_without_loss_or_double(desk: Desk) -> None:
    logs = desk.logs(job(now="s1"))
    desk.write("s1", (0, "a"), (5, "b"))
    first = logs.read("id-1", 1)
    desk.write("s1", (5, "c"), (5, "d"))
    second = logs.read("id-1", 1, first.offset)
    desk.write("s1", (5, "e"), (9, "f"))
    third = logs.read("id-1", 1, second.offset)
    assert [first.lines, second.lines, third.lines] == [("a", "b"), ("c", "d"), ("e", "f")]
    assert logs.read("id-1", 1, third.offset) == LogChunk((), third.offset)


def test_a_log_of_many_pages_is_read_whole(desk: Desk) -> None:
    expected = [f"line {number}" for number in range(25_000)]
    for start in range(0, len(expected), 5_000):
        part = expected[start : start + 5_000]
        desk.write("s1", *((number // 7, line) for number, line in enumerate(part, start)))
    logs, offset = desk.logs(job(now="s1")), 0
    found: list[str] = []
    while (chunk := logs.read("id-1", 1, offset)).lines:
        assert len(chunk.lines) <= 10_000
        found += chunk.lines
        offset = chunk.offset
    assert found == expected


def test_an_event_of_several_lines_is_told_line_by_line(desk: Desk) -> None:
    desk.write("s1", (0, "Traceback:\n  File x\n"), (1, "\n"))
    assert desk.logs(job(now="s1")).read("id-1", 1).lines == ("Traceback:", "  File x", "")


@pytest.mark.parametrize(("attempt", "line"), [(1, ("first",)), (2, ("second",)), (3, ("third",))])
def test_each_attempt_has_a_stream_of_its_own(
    desk: Desk, attempt: int, line: tuple[str, ...]
) -> None:
    for name in ("first", "second", "third"):
        desk.write(name, (0, name))
    logs = desk.logs(job("first", "second", now="third"))
    assert logs.read("id-1", attempt).lines == line


@pytest.mark.parametrize("attempt", [0, 2, 3, -1])
def test_an_attempt_that_was_not_made_has_no_log(desk: Desk, attempt: int) -> None:
    desk.write("first", (0, "first"))
    logs = desk.logs(job("first"))
    assert logs.read("id-1", attempt) == NONE
    assert logs.tail("id-1", attempt, 5) == NONE


@pytest.mark.parametrize(
    "jobs",
    [(), (job(),), (job(now="gone"),), (job(now="s1", logConfiguration={"logDriver": "splunk"}),)],
    ids=["forgotten", "not started", "expired", "written elsewhere"],
)
def test_f49_a_log_that_is_not_there_is_no_error(desk: Desk, jobs: tuple[Any, ...]) -> None:
    desk.write("s1", (0, "one"))
    logs = desk.logs(*jobs)
    assert logs.read("id-1", 1) == NONE
    assert logs.tail("id-1", 1, 5) == NONE


def test_a_group_that_the_definition_names_is_read(desk: Desk) -> None:
    desk.clients["logs"].create_log_group(logGroupName="mine")
    desk.write("s1", (0, "mine"), group="mine")
    configuration = {"logDriver": "awslogs", "options": {"awslogs-group": "mine"}}
    logs = desk.logs(job(now="s1", logConfiguration=configuration))
    assert logs.read("id-1", 1).lines == ("mine",)


def test_the_last_lines_are_read_and_then_what_follows(desk: Desk) -> None:
    logs = desk.logs(job(now="s1"))
    desk.write("s1", (0, "a"), (1, "b"), (1, "c"), (1, "d"))
    last = logs.tail("id-1", 1, 2)
    assert last.lines == ("c", "d")
    desk.write("s1", (1, "e"))
    assert logs.read("id-1", 1, last.offset).lines == ("e",)


@pytest.mark.parametrize(("lines", "found"), [(0, ()), (1, ("d",)), (9, ("a", "b", "c", "d"))])
def test_no_more_lines_than_there_are_or_than_asked_for(
    desk: Desk, lines: int, found: tuple[str, ...]
) -> None:
    desk.write("s1", (0, "a"), (1, "b"), (1, "c\nd"))
    assert desk.logs(job(now="s1")).tail("id-1", 1, lines).lines == found


def test_an_empty_log_is_there(desk: Desk) -> None:
    desk.write("s1")
    logs = desk.logs(job(now="s1"))
    assert logs.read("id-1", 1) == LogChunk()
    assert logs.tail("id-1", 1, 5) == LogChunk()


def page(token: str, *messages: str, at: int = 0) -> tuple[int, dict[str, Any]]:
    events = [{"timestamp": number, "message": text} for number, text in enumerate(messages, at)]
    return 200, {
        "events": events,
        "nextForwardToken": f"f/{token}",
        "nextBackwardToken": f"b/{token}",
    }


def test_an_empty_page_before_the_end_does_not_end_a_log() -> None:
    wire = Wire((200, {"jobs": [job(now="s1")]}), page("1"), page("2"), page("3", "at last"))
    assert BatchLogs(Clients(wire)).read("id-1", 1).lines == ("at last",)


def test_what_was_read_is_skipped_once_though_it_comes_in_two_pages() -> None:
    pages = [page("1", "old"), page("2", "new")]  # of one and the same millisecond, 0
    wire = Wire((200, {"jobs": [job(now="s1")]}), *pages, page("2"))
    assert BatchLogs(Clients(wire)).read("id-1", 1, 1).lines == ("new",)


def test_the_last_lines_may_come_in_several_pages() -> None:
    pages = [page("1", "c", at=2), page("2"), page("3", "a", "b"), page("3")]
    forward = [page("4", "c", at=2), page("4")]
    wire = Wire((200, {"jobs": [job(now="s1")]}), *pages, *forward)
    assert BatchLogs(Clients(wire)).tail("id-1", 1, 5).lines == ("a", "b", "c")


def test_trouble_of_cloudwatch_may_pass() -> None:
    # 501 is one that botocore itself does not try again, after a pause, as it does 500.
    wire = Wire((200, {"jobs": [job(now="s1")]}), error(501, "ServiceUnavailable"))
    with pytest.raises(BackendError) as raised:
        BatchLogs(Clients(wire)).read("id-1", 1)
    assert raised.value.retryable
