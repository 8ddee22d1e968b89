"""What is read by routes of a server, beside what its store tells: by pages, and by odd names."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.bootstrap import open_edition, open_stored_edition
from chalicelib.config import read_settings
from chalicelib.core.claims import AttemptKey, Told
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import Change, JobState
from chalicelib.errors import NotFoundError
from chalicelib.ports import JobRecord
from chalicelib.reading_ports import ReadingPorts
from chalicelib.services.claims import progress_of
from chalicelib.services.finding import history_of
from chalicelib.services.shapes import event_shape, run_shape, whole_job_shape
from tests.functional.recorded import Desk
from tests.functional.remote.servers import Place, served
from tests.unit.runs import NOW, after, spec, state

J = JobStatus
MANY = 450
RUN = "wide/2026-11-23T11:00:00.000000Z"
ODD = ["a b/c", "load[1]", "*", "?job=&x", "-", "ü" * 60, "100%"]
TELLING = "telling/2026-11-23T11:00:00.000000Z"
TOLD = Told(outputs={"rows": "5"}, links={"a": "s3://b/c"})
NAMES = [*ODD, *(f"job-{'x' * 60}-{number}" for number in range(MANY))]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with served(tmp_path_factory.mktemp("wide") / "state") as found:
        yield found


@pytest.fixture
def both(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[ReadingPorts, ReadingPorts]]:
    """The ports of the state directory, and those of its server."""
    directory = place.token_file.parent
    if not (directory / "recorded").exists():
        (directory / "recorded").touch()
        record(Desk(directory, capsys))
    environment = {
        "BATCH_SCHEDULER_TOKEN": place.token,
        "BATCH_SCHEDULER_URL": place.url,
    }
    settings = read_settings(environment, state=directory, directory=tmp_path)
    said = {"edition": "http"}
    there = read_settings(environment, said=said, state=directory, directory=tmp_path)
    with open_stored_edition(settings) as near, open_edition(there) as far:
        yield near.ports, far.ports


def record(desk: Desk) -> None:
    """A run with more jobs and events than a page has, and some runs of another schedule."""
    specs = tuple(spec(name) for name in NAMES)
    desk.record_run(RUN, specs, {name: JobState() for name in NAMES})
    turns = [(Act.HOLD, J.HELD), (Act.RELEASE, J.WAITING), (Act.HOLD, J.HELD)]
    with desk.store() as store:
        for act, status in turns:
            header = store.get_header(RUN)
            changes = [_change(each, act, status) for each in store.find_jobs(RUN)]
            store.record(header, changes)
    states = {name: state(name, J.RUNNING) for name in (*ODD, "done")}
    desk.record_run(TELLING, tuple(map(spec, states)), states)
    with desk.store() as store:
        before = states["done"]
        moves = [(J.PENDING, None), (J.SUCCEEDED, TOLD)]
        for number, (status, told) in enumerate(moves):
            moved = replace(before, status=status, version=number + 1, told=told)
            change = Change("done", Act.OBSERVE, before, moved, NOW)
            store.record(store.get_header(TELLING), [change])
            before = moved
    for number in range(3):
        run_id = f"other/2026-11-2{number}T11:00:00.000000Z"
        desk.record_run(run_id, (spec("a"),), {"a": JobState()}, started_at=after(number))
        desk.end(run_id, RunStatus.SUCCEEDED)


def _change(record: JobRecord, act: Act, status: JobStatus) -> Change:
    before = record.state
    moved = replace(before, status=status, version=before.version + 1, reason=act.value)
    return Change(record.spec.name, act, before, moved, NOW)


Both = tuple[ReadingPorts, ReadingPorts]


def test_jobs_come_by_pages_and_are_all_there(both: Both) -> None:
    near, far = ([whole_job_shape(each) for each in ports.runs.find_jobs(RUN)] for ports in both)
    assert len(near) == len(NAMES)
    assert far == near


@pytest.mark.parametrize("limit", [1, 200, 201, 400, 1000])
def test_as_many_jobs_as_are_asked_for_come(both: Both, limit: int) -> None:
    asked: list[list[JobStatus]] = [[J.HELD], [J.WAITING], []]
    for statuses in asked:
        near, far = (ports.runs.find_jobs(RUN, statuses=statuses, limit=limit) for ports in both)
        assert [each.spec.name for each in far] == [each.spec.name for each in near]


@pytest.mark.parametrize("names", [ODD, NAMES, ["*"], ["none"], ["x" * 300, "*"], []])
def test_jobs_are_found_by_their_names_whatever_these_look_like(
    both: Both, names: list[str]
) -> None:
    near, far = (ports.runs.get_jobs(RUN, names) for ports in both)
    assert [each.spec.name for each in far] == [each.spec.name for each in near]


@pytest.mark.parametrize("job", [None, "", *ODD[:4]])
@pytest.mark.parametrize("after_", [0, 1, 999, 10_000])
def test_events_come_by_pages_of_all_of_the_run_or_of_one_job(
    both: Both, job: str | None, after_: int
) -> None:
    near, far = (
        [event_shape(each) for each in ports.runs.events(RUN, job=job, after=after_)]
        for ports in both
    )
    assert far == near


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"limit": 2},
        {"schedule_id": "other"},
        {"schedule_id": "x" * 300},
        {"status": RunStatus.SUCCEEDED, "limit": 1},
        {"prefix": "other/2026-11-21"},
        {"prefix": "?&#"},
    ],
)
def test_runs_are_found_alike(both: Both, wanted: dict[str, Any]) -> None:
    near, far = ([run_shape(each) for each in p.runs.find_headers(**wanted)] for p in both)
    assert far == near


@pytest.mark.parametrize(
    "run_id", ["", "wide", "wide/", "/2026", "wide/2026/x", "../runs", "wide/2026?x=1", "a\nb/c"]
)
def test_what_names_no_run_is_not_found(both: Both, run_id: str) -> None:
    for ports in both:
        with pytest.raises(NotFoundError):
            ports.runs.get_header(run_id)


def leave_claim(directory: Path, job: str, **members: Any) -> None:
    """What `batch-job` leaves for the first attempt of a job."""
    path = directory / "claims" / TELLING / f"{quote(job, safe='')}.1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"owner": f"id-{job}", **members}))


def test_what_jobs_tell_is_read_there_too(both: Both, place: Place) -> None:
    told = {"percent": 40, "text": "loading", "at": "2026-11-23T12:00:00Z"}
    for name in ODD[:3]:
        leave_claim(place.token_file.parent, name, progress=told)
    near, far = (ports.runs.find_jobs(TELLING) for ports in both)
    assert [each.state.told for each in far] == [None] * len(ODD) + [TOLD]
    assert [each.state.told for each in far] == [each.state.told for each in near]
    found = [progress_of(ports, TELLING, far) for ports in both]
    assert found[0] == found[1]
    assert {name: each.words for name, each in found[1].items()} == dict.fromkeys(
        ODD[:3], "40 % loading"
    )
    other = AttemptKey(run_id=TELLING, job=ODD[0], attempt=2)
    assert both[1].claims.read([other]) == {}


def test_the_history_of_a_job_has_there_too_what_it_told(both: Both) -> None:
    near, far = (history_of(ports, TELLING, "done") for ports in both)
    assert [told for _, told in far] == [None, TOLD]
    assert far == near
