"""What whoever reads claims promises, wherever `batch-job` has put them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pytest

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_claims import DynamoClaims
from chalicelib.aws.dynamo_items import to_attribute
from chalicelib.claim_ports import Claims
from chalicelib.core.claims import AttemptKey, Claim, Progress, Told
from chalicelib.local.directory_claims import DirectoryClaims
from chalicelib.local.memory_claims import MemoryClaims
from chalicelib.local.memory_queue import VirtualClock
from tests.aws import tables
from tests.aws.on_moto import moto
from tests.strict.stores import stores
from tests.unit.runs import NOW

RUN = "etl/2026-11-23T11:00:00.000000Z"
NAMES = ["load", "a b/c", "#run", "..", "ü" * 30, "100%", "a.1", "x" * 128]
RECORD = {
    "owner": "id-a",
    "claimedAt": "2026-11-23T11:00:00.000000Z",
    "remote": {"id": "jr_1"},
    "progress": {"percent": 40.5, "text": "loading", "at": "2026-11-23T12:00:00.000000Z"},
    "outputs": {"rows": "123", "empty": ""},
    "links": {"report": "https://example.org/a?b=c#d"},
}
CLAIM = Claim(
    owner="id-a",
    progress=Progress(percent=40.5, text="loading", at=NOW),
    told=Told(
        outputs={"rows": "123", "empty": ""}, links={"report": "https://example.org/a?b=c#d"}
    ),
)


class Put(Protocol):
    """Leave a claim, as `batch-job` does (fetch_and_run/claims.py)."""

    def __call__(self, key: AttemptKey, record: Any, index: str = "") -> None: ...


Place = tuple[Claims, Put]


def key(job: str = "load", attempt: int = 1, run_id: str = RUN) -> AttemptKey:
    return AttemptKey(run_id=run_id, job=job, attempt=attempt)


@pytest.fixture(params=["memory", "directory", "dynamo", "strict"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    match request.param:
        case "memory":
            yield _in_memory()
        case "directory":
            yield _in_directory(tmp_path)
        case "dynamo":
            with moto() as clients:
                yield _in_table(clients)
        case _:
            yield _in_table(Clients(stores(VirtualClock())))


def _in_memory() -> Place:
    claims = MemoryClaims()

    def put(key: AttemptKey, record: Any, index: str = "") -> None:
        if not index:
            claims.put(key, record)

    return claims, put


def _in_directory(state: Path) -> Place:
    def put(key: AttemptKey, record: Any, index: str = "") -> None:
        directory = state / "claims" / key.run_id
        directory.mkdir(parents=True, exist_ok=True)
        end = f":{index}.json" if index else ".json"
        name = f"{quote(key.job, safe='')}.{key.attempt}{end}"
        (directory / name).write_text(json.dumps(record), encoding="utf-8")

    return DirectoryClaims(state), put


def _in_table(clients: Clients) -> Place:
    tables.make(clients)

    def put(key: AttemptKey, record: Any, index: str = "") -> None:
        end = f":{index}" if index else ""
        item = {
            "run": {"S": f"#claim#{key.run_id}"},
            "jobName": {"S": f"{key.job}#{key.attempt}{end}"},
            "expiresAt": {"N": "1800000000"},
            **{name: _attribute(value) for name, value in record.items()},
        }
        clients["dynamodb"].put_item(TableName=tables.TABLES.jobs, Item=item)

    return DynamoClaims(clients, tables.TABLES), put


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"M": {name: _attribute(member) for name, member in value.items()}}
    return {"N": str(value)} if isinstance(value, float) else to_attribute(value)


def test_a_claim_is_read_as_batch_job_left_it(place: Place) -> None:
    claims, put = place
    put(key(), RECORD)
    assert claims.read([key()]) == {key(): CLAIM}


def test_where_nobody_ever_told_anything_nothing_is_found(place: Place) -> None:
    claims, _ = place
    assert claims.read([key()]) == {}
    assert claims.read([]) == {}


@pytest.mark.parametrize("job", NAMES)
def test_each_attempt_of_each_job_of_each_run_has_its_own(place: Place, job: str) -> None:
    claims, put = place
    other_run = f"{RUN[:-1]}1Z"
    keys = [key(job, 1), key(job, 2), key(job, 1, other_run), key("other", 1)]
    for number, each in enumerate(keys):
        put(each, {"owner": f"id-{number}"})
    found = claims.read([*keys, key(job, 3)])
    assert {each: claim.owner for each, claim in found.items()} == {
        each: f"id-{number}" for number, each in enumerate(keys)
    }


def test_the_children_of_an_array_job_are_not_it(place: Place) -> None:
    claims, put = place
    put(key(), RECORD, index="0")
    assert claims.read([key()]) == {}


def test_f7_more_claims_are_read_than_one_request_may_name(place: Place) -> None:
    claims, put = place
    keys = [key(f"job-{number}") for number in range(250)]
    for each in keys[::50]:
        put(each, {"owner": each.job})
    assert set(claims.read(keys)) == set(keys[::50])


def test_the_same_attempt_may_be_asked_for_twice(place: Place) -> None:
    claims, put = place
    put(key(), RECORD)
    assert claims.read([key(), key()]) == {key(): CLAIM}


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"owner": {"a": "b"}, "outputs": "rows", "links": ["x"], "progress": "40 %"},
        {"owner": "id-a", "outputs": {"rows": {"a": "b"}, "1": "x"}, "progress": {"percent": "x"}},
    ],
    ids=str,
)
def test_what_a_job_should_not_have_written_breaks_nothing(
    place: Place, record: dict[str, Any]
) -> None:
    claims, put = place
    put(key(), record)
    put(key("other"), RECORD)
    found = claims.read([key(), key("other")])
    assert (found[key()].told, found[key()].progress, found[key("other")]) == (None, None, CLAIM)
