"""What every place for claims promises: one owner an attempt, and what he tells is kept."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.memory_queue import VirtualClock
from fetch_and_run.claim_form import MOST_NAMES
from fetch_and_run.claims import Claim, Claims, Progress
from fetch_and_run.directory_claims import DirectoryClaims
from fetch_and_run.dynamo_claims import KEEP, DynamoClaims
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import Identity
from tests.aws import tables
from tests.aws.on_moto import moto
from tests.strict.answers import Fault
from tests.strict.aws import StrictAws
from tests.strict.stores import stores

NOW = datetime(2026, 11, 30, 5, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
WHO = Identity(
    run="nightly/2026-11-30T05:00:00.000000Z", job="load all/of it", attempt=1, owner="job-1"
)
OTHER = replace(WHO, owner="job-2")
TABLE = tables.TABLES.jobs


@contextmanager
def of(kind: str, tmp_path: Path) -> Iterator[Claims]:
    if kind == "directory":
        yield DirectoryClaims(tmp_path / "claims", lambda: LATER)
    elif kind == "strict":
        yield DynamoClaims(tabled(stores(VirtualClock(NOW))), TABLE, lambda: LATER)
    else:
        with moto() as clients:
            tables.make(clients)
            yield DynamoClaims(clients["dynamodb"], TABLE, lambda: LATER)


def tabled(aws: StrictAws) -> Any:
    client = aws.client("dynamodb")
    for definition in tables.DEFINITIONS:
        client.create_table(**definition)
    return client


@pytest.fixture(params=["directory", "strict", "moto"])
def claims(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Claims]:
    with of(request.param, tmp_path) as opened:
        yield opened


def assert_lost(ask: Callable[[], object], owner: str = "job-1") -> None:
    with pytest.raises(JobError, match=f"is done by job {owner} already") as raised:
        ask()
    assert raised.value.code is Exit.LOST_CLAIM


def test_the_first_has_the_claim_and_gets_it_again(claims: Claims) -> None:
    mine = Claim(owner="job-1", claimed_at=NOW)
    assert claims.take(WHO, NOW) == mine
    assert claims.take(WHO, LATER) == mine


def test_f12_the_queues_own_second_attempt_finds_what_the_first_had_begun(claims: Claims) -> None:
    claims.take(WHO, NOW)
    claims.tell_remote(WHO, {"run": "jr_1", "job": "load"})
    assert claims.take(WHO, LATER).remote == {"run": "jr_1", "job": "load"}


def test_another_owner_never_has_it_and_tells_nothing(claims: Claims) -> None:
    claims.take(WHO, NOW)
    for ask in (
        lambda: claims.take(OTHER, LATER),
        lambda: claims.tell_remote(OTHER, {"run": "x"}),
        lambda: claims.tell_progress(OTHER, Progress(percent=1, text="", at=NOW)),
        lambda: claims.tell_outputs(OTHER, {"rows": "1"}),
        lambda: claims.tell_links(OTHER, {"log": "https://x"}),
    ):
        assert_lost(ask)
    assert claims.take(WHO, LATER) == Claim(owner="job-1", claimed_at=NOW)


@pytest.mark.parametrize(
    "other",
    [
        replace(OTHER, run="nightly/2026-12-01T05:00:00.000000Z"),
        replace(OTHER, run="daily/2026-11-30T05:00:00.000000Z"),
        replace(OTHER, job="load"),
        replace(OTHER, job="load all"),
        replace(OTHER, attempt=2),
        replace(OTHER, index="0"),
    ],
)
def test_another_attempt_is_another_claim(claims: Claims, other: Identity) -> None:
    claims.take(WHO, NOW)
    assert claims.take(other, LATER).owner == "job-2"
    assert claims.take(WHO, LATER).owner == "job-1"


def test_the_jobs_of_an_array_have_a_claim_each(claims: Claims) -> None:
    for index in ("0", "1", "10"):
        claims.take(replace(WHO, index=index, owner=f"array:{index}"), NOW)
    assert_lost(lambda: claims.take(replace(OTHER, index="10"), NOW), "array:10")


@pytest.mark.parametrize("name", ["load.1", "load#1", "load:1", "load.1:2", "load#1:2"])
def test_the_name_of_a_job_is_never_taken_for_another_attempt_or_index(
    claims: Claims, name: str
) -> None:
    for number, other in enumerate(
        (
            replace(WHO, job="load", attempt=1, index="2"),
            replace(WHO, job="load", attempt=2),
            replace(WHO, job=name, attempt=2),
            replace(WHO, job=name, attempt=1, index="2"),
        )
    ):
        assert claims.take(replace(other, owner=f"job-{number}"), NOW).owner == f"job-{number}"


def test_what_is_told_is_all_kept(claims: Claims) -> None:
    claims.take(WHO, NOW)
    claims.tell_progress(WHO, Progress(percent=40.5, text="läuft", at=LATER))
    claims.tell_outputs(WHO, {"rows": "123", "empty": ""})
    claims.tell_links(WHO, {"report": "https://example.org/?a=1"})
    claims.tell_remote(WHO, {"id": "1"})
    claims.tell_remote(WHO, {"id": "2"})
    claims.tell_outputs(WHO, {"rows": "124", "more": "x"})
    claims.tell_progress(WHO, Progress(percent=50, text="", at=NOW))
    assert claims.take(WHO, LATER) == Claim(
        owner="job-1",
        claimed_at=NOW,
        remote={"id": "2"},
        progress=Progress(percent=50, text="", at=NOW),
        outputs={"rows": "124", "empty": "", "more": "x"},
        links={"report": "https://example.org/?a=1"},
    )


def test_what_is_told_before_it_is_claimed_claims_it(claims: Claims) -> None:
    claims.tell_outputs(WHO, {"rows": "1"})
    assert_lost(lambda: claims.take(OTHER, NOW))
    assert claims.take(WHO, NOW) == Claim(owner="job-1", claimed_at=LATER, outputs={"rows": "1"})


def test_progress_alone_claims_it_too(claims: Claims) -> None:
    claims.tell_progress(WHO, Progress(percent=1, text="", at=NOW))
    assert_lost(lambda: claims.take(OTHER, NOW))


def test_outputs_that_would_be_too_many_are_not_added_at_all(claims: Claims) -> None:
    claims.tell_outputs(WHO, {f"n{number}": "x" for number in range(MOST_NAMES - 1)})
    with pytest.raises(JobError, match="51 of them would be on record") as raised:
        claims.tell_outputs(WHO, {"n0": "y", "new": "y", "newer": "y"})
    assert raised.value.code is Exit.REFUSED
    claims.tell_outputs(WHO, {"n0": "z", "new": "z"})
    outputs = claims.take(WHO, NOW).outputs
    assert (len(outputs), outputs["n0"], outputs["new"]) == (MOST_NAMES, "z", "z")


def test_what_would_be_too_much_in_all_is_not_added_at_all(claims: Claims) -> None:
    most = {f"n{number:02}": "ü" * 1001 for number in range(16)}  # 2,005 bytes each
    claims.tell_outputs(WHO, most)
    claims.tell_links(WHO, {"log": "s3://b/" + "x" * 678})  # 688: with the outputs, 32 KiB
    told = claims.take(WHO, NOW)
    for tell in (claims.tell_outputs, claims.tell_links):
        with pytest.raises(JobError, match="32770 bytes in all, and may have 32768") as raised:
            tell(WHO, {"a": "1"})
        assert raised.value.code is Exit.REFUSED
    assert claims.take(WHO, NOW) == told


@pytest.mark.parametrize("value", ["two\nlines", "a\x85b", "a\u2028b", "x" * 1025])
def test_a_value_that_the_scheduler_would_leave_out_is_refused(claims: Claims, value: str) -> None:
    for tell in (claims.tell_outputs, claims.tell_links):
        with pytest.raises(JobError, match="the value of rows has") as raised:
            tell(WHO, {"ok": "1", "rows": value})
        assert raised.value.code is Exit.REFUSED
    assert claims.take(WHO, NOW).outputs == {}


def test_a_file_is_where_the_scheduler_looks_for_it(tmp_path: Path) -> None:
    claims = DirectoryClaims(tmp_path, lambda: LATER)
    claims.take(replace(WHO, index="7"), NOW)
    claims.tell_progress(replace(WHO, index="7"), Progress(percent=40, text="t", at=LATER))
    file = tmp_path / "nightly/2026-11-30T05:00:00.000000Z/load%20all%2Fof%20it.1:7.json"
    assert json.loads(file.read_text("utf-8")) == {
        "owner": "job-1",
        "claimedAt": "2026-11-30T05:00:00.123456Z",
        "remote": {},
        "progress": {"percent": 40, "text": "t", "at": "2026-11-30T05:05:00.123456Z"},
        "outputs": {},
        "links": {},
    }
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_an_item_is_where_the_scheduler_looks_for_it_and_expires() -> None:
    client = tabled(stores(VirtualClock(NOW)))
    claims = DynamoClaims(client, TABLE, lambda: LATER)
    claims.take(replace(WHO, index="7"), NOW)
    claims.tell_progress(replace(WHO, index="7"), Progress(percent=40, text="t", at=LATER))
    key = {"run": {"S": f"#claim#{WHO.run}"}, "jobName": {"S": "load all/of it#1:7"}}
    assert client.get_item(TableName=TABLE, Key=key)["Item"] == {
        **key,
        "owner": {"S": "job-1"},
        "claimedAt": {"S": "2026-11-30T05:00:00.123456Z"},
        "expiresAt": {"N": str(int((NOW + KEEP).timestamp()))},
        "remote": {"M": {}},
        "outputs": {"M": {}},
        "links": {"M": {}},
        "progress": {
            "M": {
                "percent": {"N": "40"},
                "text": {"S": "t"},
                "at": {"S": "2026-11-30T05:05:00.123456Z"},
            }
        },
    }


def test_nobody_can_say_whose_it_is_when_the_file_is_torn(tmp_path: Path) -> None:
    claims = DirectoryClaims(tmp_path, lambda: LATER)
    claims.take(WHO, NOW)
    [file] = tmp_path.rglob("*.json")
    for torn in ("", "{", "[]", "{}", '{"owner": "job-1"}'):
        file.write_text(torn, "utf-8")
        with pytest.raises(JobError) as raised:
            claims.take(WHO, NOW)
        assert raised.value.code is Exit.NO_CLAIMS
        assert file.read_text("utf-8") == torn


@pytest.mark.parametrize("run", ["", "..", "../x", "a/../../b", "a//b", "/a", "a/."])
def test_a_run_can_not_name_a_file_elsewhere(tmp_path: Path, run: str) -> None:
    claims = DirectoryClaims(tmp_path / "claims", lambda: LATER)
    with pytest.raises(JobError, match="is no run's id") as raised:
        claims.take(replace(WHO, run=run), NOW)
    assert raised.value.code is Exit.NO_CLAIMS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.THROTTLE, Fault.UNREACHABLE])
def test_an_answer_that_does_not_come_is_no_claim_and_asking_again_is_one(fault: Fault) -> None:
    aws = stores(VirtualClock(NOW))
    claims = DynamoClaims(tabled(aws), TABLE, lambda: LATER)
    aws.faults = lambda _index, _service, _operation: fault
    with pytest.raises(JobError, match="could not be reached") as raised:
        claims.take(WHO, NOW)
    assert raised.value.code is Exit.NO_CLAIMS
    aws.faults = None
    assert claims.take(WHO, NOW) == Claim(owner="job-1", claimed_at=NOW)


def test_outputs_of_two_who_add_at_once_are_both_kept() -> None:
    aws = stores(VirtualClock(NOW))
    claims = DynamoClaims(tabled(aws), TABLE, lambda: LATER)
    left = [{"other": "1"}, {"third": "2"}]

    def between(_call: object) -> None:
        if left:
            claims.tell_outputs(WHO, left.pop())

    aws.done = between
    claims.tell_outputs(WHO, {"mine": "0"})
    assert claims.take(WHO, NOW).outputs == {"mine": "0", "other": "1", "third": "2"}


def test_outputs_are_given_up_when_others_never_stop_adding() -> None:
    aws = stores(VirtualClock(NOW))
    client = tabled(aws)
    claims = DynamoClaims(client, TABLE, lambda: LATER)
    claims.take(WHO, NOW)
    item = client.scan(TableName=TABLE)["Items"][0]
    asked: list[int] = []

    def between(call: Any) -> None:
        if call.operation == "UpdateItem" and len(asked) < 30:
            asked.append(len(asked))
            changed = {**item, "outputs": {"M": {"n": {"S": str(len(asked))}}}}
            client.put_item(TableName=TABLE, Item=changed)

    aws.done = between
    with pytest.raises(JobError, match="again and again") as raised:
        claims.tell_outputs(WHO, {"mine": "0"})
    assert raised.value.code is Exit.NO_CLAIMS
