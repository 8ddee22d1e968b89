"""What every store promises of schedules and of reading runs, each sentence of the ports a test."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import RunHeader, initial_states
from chalicelib.core.schedule import JobSpec, OnFailure, Policy
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.ports import Deletion
from tests.contract.store_contents import (
    RUN,
    SPECS,
    START,
    Store,
    begin,
    everything,
    header,
    run_of,
    schedule,
)

BY_ANN = Deletion(at=START, actor="ann", reason="too old")

# Schedules


def test_a_stored_schedule_is_read_back_as_it_was(store: Store) -> None:
    stored = schedule(document='{"scheduleName": "Grüße"}', name="Grüße", jobs=3)
    store.put_schedule(stored)
    assert store.get_schedule("etl", 1) == stored


def test_the_newest_version_is_read_when_none_is_named(store: Store) -> None:
    for version in (1, 10, 2):
        store.put_schedule(schedule(version=version))
    assert store.get_schedule("etl").version == 10


def test_every_accepted_version_stays_readable(store: Store) -> None:
    store.put_schedule(schedule(document="first"))
    store.put_schedule(schedule(version=2, document="second"))
    assert store.get_schedule("etl", 1).document == "first"


def test_storing_an_existing_version_conflicts_and_writes_nothing(store: Store) -> None:
    store.put_schedule(schedule(document="first"))
    with pytest.raises(ConflictError, match="version 1 already"):
        store.put_schedule(schedule(document="other"))
    assert store.get_schedule("etl").document == "first"


def test_schedules_are_listed_page_by_page_in_the_order_of_their_ids(store: Store) -> None:
    for name in ("b", "a-1", "a", "a.1", "c"):
        store.put_schedule(schedule(name))
    ids = [each.schedule_id for each in store.list_schedules()]
    assert ids == ["a", "a-1", "a.1", "b", "c"]
    some = store.list_schedules(prefix="a", after="a", limit=1)
    assert [each.schedule_id for each in some] == ["a-1"]
    assert store.list_schedules(prefix="%") == []


def test_versions_are_listed_newest_first_without_their_documents(store: Store) -> None:
    for version in (1, 2, 10):
        store.put_schedule(schedule(version=version, document="long"))
    assert [each.version for each in store.list_versions("etl")] == [10, 2, 1]
    (second,) = store.list_versions("etl", before=10, limit=1)
    assert second == schedule(version=2, document="")
    assert store.list_versions("none") == []


def test_a_deleted_schedule_is_neither_found_nor_listed_but_its_versions_are(store: Store) -> None:
    for name in ("other", "etl"):
        store.put_schedule(schedule(name, document="kept"))
    store.delete_schedule(schedule(), BY_ANN)
    with pytest.raises(NotFoundError, match="There is no schedule 'etl'"):
        store.get_schedule("etl")
    assert [each.schedule_id for each in store.list_schedules()] == ["other"]
    assert store.get_schedule("etl", 1).document == "kept"
    assert [each.version for each in store.list_versions("etl")] == [1]
    assert store.get_deletion("etl") == BY_ANN


def test_a_later_version_brings_a_deleted_schedule_back(store: Store) -> None:
    store.put_schedule(schedule())
    store.delete_schedule(schedule(), BY_ANN)
    with pytest.raises(ConflictError, match="version 1 already"):
        store.put_schedule(schedule())
    assert store.list_schedules() == []
    store.put_schedule(schedule(version=2))
    assert [each.version for each in store.list_schedules()] == [2]
    assert store.get_deletion("etl") is None
    store.delete_schedule(schedule(version=2), BY_ANN)
    assert store.list_schedules() == []


def test_only_the_newest_version_can_be_deleted_and_only_once(store: Store) -> None:
    for version in (1, 2):
        store.put_schedule(schedule(version=version))
    with pytest.raises(ConflictError, match="no longer at version 1"):
        store.delete_schedule(schedule(), BY_ANN)
    assert store.get_schedule("etl").version == 2
    store.delete_schedule(schedule(version=2), BY_ANN)
    with pytest.raises(ConflictError, match="no longer at version 2"):
        store.delete_schedule(schedule(version=2), BY_ANN)


def test_a_schedule_that_is_in_use_or_never_was_has_no_deletion(store: Store) -> None:
    store.put_schedule(schedule())
    assert store.get_deletion("etl") is None
    assert store.get_deletion("none") is None


@pytest.mark.parametrize("asked", [("none", None), ("etl", 2)], ids=["schedule", "version"])
def test_a_schedule_that_was_never_stored_is_not_found(
    store: Store, asked: tuple[str, int | None]
) -> None:
    store.put_schedule(schedule())
    with pytest.raises(NotFoundError) as caught:
        store.get_schedule(*asked)
    assert (caught.value.kind, caught.value.id) == ("schedule", asked[0])


def test_the_list_has_the_newest_version_of_each_by_id_without_documents(store: Store) -> None:
    for schedule_id, version in (("zoo", 1), ("ant", 1), ("ant", 2)):
        store.put_schedule(schedule(schedule_id, version, document="long"))
    listed = [(each.schedule_id, each.version, each.document) for each in store.list_schedules()]
    assert listed == [("ant", 2, ""), ("zoo", 1, "")]


# Creating and reading runs


def test_a_new_run_is_loaded_with_its_specs_and_states_in_order(store: Store) -> None:
    begin(store)
    for _ in ("by who started it", "by somebody else later"):
        run = store.load_run(RUN)
        assert tuple(run.specs.values()) == SPECS
        assert list(run.states.items()) == list(initial_states(SPECS).items())


def test_a_header_keeps_every_member(store: Store) -> None:
    about = header(
        status=RunStatus.FAILED,
        revision=7,
        generation=2,
        schedule_version=3,
        schedule_digest="d",
        schedule_name="Grüße",
        policy=Policy(on_failure=OnFailure.STOP, max_concurrency=4, wait_time=5),
        parameters={"date": "2026-11-23", "n": 1, "x": 0.5, "dry": True},
        reason="by hand",
        cancelling="enough",
        working_directory="/w",
        ended_at=START,
    )
    assert begin(store, about) == replace(
        about, counts={JobStatus.WAITING: 2, JobStatus.HELD: 1, JobStatus.PASS: 1}
    )


def test_the_counts_of_a_new_run_follow_its_states(store: Store) -> None:
    assert begin(store, header(counts={"FAILED": 9})).counts == {
        "WAITING": 2,
        "HELD": 1,
        "PASS": 1,
    }


def test_a_new_run_has_the_event_of_its_start(store: Store) -> None:
    begin(store, header(reason="nightly"))
    (event,) = store.events(RUN)
    assert (event.sequence, event.job, event.act, event.before) == (1, "", "START", "")
    assert (event.after, event.at, event.actor) == ("RUNNING", START, "ann")
    assert event.reason == "nightly"


def test_creating_a_run_that_exists_conflicts_and_writes_nothing(store: Store) -> None:
    begin(store)
    before = everything(store, RUN)
    with pytest.raises(ConflictError, match="exists already"):
        store.create_run(header(reason="again"), SPECS[:1], initial_states(SPECS[:1]))
    assert everything(store, RUN) == before


def test_a_run_without_jobs_is_kept(store: Store) -> None:
    store.create_run(header(), (), {})
    assert store.load_run(RUN).states == {}


@pytest.mark.parametrize("read", ["get_header", "load_run"])
def test_a_run_that_does_not_exist_is_not_found(store: Store, read: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        getattr(store, read)("none")
    assert (caught.value.kind, caught.value.id) == ("run", "none")


def test_changing_what_was_given_or_read_does_not_change_the_store(store: Store) -> None:
    command = ["true"]
    parameters: dict[str, str | int | float | bool] = {"day": "monday"}
    specs = [JobSpec(name="one", request={"command": command})]
    store.create_run(header(parameters=parameters), specs, initial_states(specs))
    command.append("changed")
    parameters["day"] = "changed"
    run = store.load_run(RUN)
    run.specs["one"].request["command"].append("changed")
    dict.clear(vars_of(run.header.parameters))
    run.states.clear()
    again = store.load_run(RUN)
    assert again.specs["one"].request == {"command": ["true"]}
    assert again.header.parameters == {"day": "monday"}
    assert list(again.states) == ["one"]


def vars_of(mapping: object) -> dict[str, object]:
    assert isinstance(mapping, dict)
    return mapping


# Finding


EARLY, MIDDLE, LATE = run_of("etl"), run_of("etl", hours=1), run_of("b", hours=2)


def three_runs(store: Store) -> None:
    store.create_run(header(EARLY), (), {})
    store.create_run(header(LATE), (), {})
    store.create_run(header(MIDDLE, status=RunStatus.FAILED), (), {})


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [LATE, MIDDLE, EARLY]),
        ({"schedule_id": "etl"}, [MIDDLE, EARLY]),
        ({"status": RunStatus.FAILED}, [MIDDLE]),
        ({"status": RunStatus.RUNNING}, [LATE, EARLY]),
        ({"status": RunStatus.RUNNING, "schedule_id": "etl"}, [EARLY]),
        ({"prefix": "et"}, [MIDDLE, EARLY]),
        ({"prefix": "etl/2026-11-23T02"}, [MIDDLE]),
        ({"prefix": EARLY}, [EARLY]),
        ({"prefix": "etl/2026", "status": RunStatus.FAILED}, [MIDDLE]),
        ({"prefix": "et", "schedule_id": "etl"}, [MIDDLE, EARLY]),
        ({"prefix": EARLY, "schedule_id": "etl"}, [EARLY]),
        ({"prefix": "b", "schedule_id": "etl"}, []),
        ({"prefix": "E"}, []),
        ({"prefix": "%"}, []),
        ({"limit": 2}, [LATE, MIDDLE]),
        ({"schedule_id": "etl", "limit": 1}, [MIDDLE]),
        ({"limit": 0}, []),
        ({"schedule_id": ""}, []),
    ],
    ids=str,
)
def test_runs_are_found_newest_first(
    store: Store, wanted: dict[str, Any], found: list[str]
) -> None:
    three_runs(store)
    assert [each.run_id for each in store.find_headers(**wanted)] == found


def test_of_runs_started_at_once_the_last_by_name_comes_first(store: Store) -> None:
    for name in ("b", "c", "a"):
        store.create_run(header(run_of(name)), (), {})
    assert [each.schedule_id for each in store.find_headers()] == ["c", "b", "a"]


@pytest.mark.parametrize(
    "wanted", [{}, {"schedule_id": "etl"}, {"status": RunStatus.RUNNING}, {"prefix": "e"}], ids=str
)
def test_a_list_goes_on_where_it_ended_whatever_was_started_meanwhile(
    store: Store, wanted: dict[str, Any]
) -> None:
    for number in range(4):
        for name in ("b", "etl"):
            store.create_run(header(run_of(name, seconds=number // 2 + number)), (), {})
    whole = store.find_headers(**wanted)
    seen: list[RunHeader] = []
    before = None
    while page := store.find_headers(**wanted, limit=3, before=before):
        seen += page
        before = page[-1].started_at, page[-1].run_id
        store.create_run(header(run_of("etl", seconds=100 + len(seen))), (), {})
    assert seen == whole


def test_a_list_goes_on_with_what_was_started_at_the_same_moment(store: Store) -> None:
    for name in ("b", "c", "a"):
        store.create_run(header(run_of(name)), (), {})
    found = store.find_headers(before=(START, run_of("c")))
    assert [each.schedule_id for each in found] == ["b", "a"]


def test_fifty_runs_are_found_unless_more_are_asked_for(store: Store) -> None:
    for number in range(51):
        store.create_run(header(run_of("etl", seconds=number)), (), {})
    assert len(store.find_headers()) == 50


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["make", "clean", "approve", "assemble"]),
        ({"statuses": [JobStatus.WAITING]}, ["make", "clean"]),
        ({"statuses": frozenset([JobStatus.PASS, JobStatus.HELD])}, ["approve", "assemble"]),
        ({"statuses": []}, []),
        ({"limit": 3}, ["make", "clean", "approve"]),
        ({"statuses": [JobStatus.WAITING, JobStatus.PASS], "limit": 2}, ["make", "clean"]),
        ({"after": 1, "limit": 1}, ["approve"]),
        ({"after": 0, "statuses": [JobStatus.WAITING]}, ["clean"]),
        ({"after": 3}, []),
    ],
    ids=["all", "one", "two", "none", "limit", "both", "after", "after of one", "behind all"],
)
def test_jobs_are_found_in_the_documents_order(
    store: Store, wanted: dict[str, Any], found: list[str]
) -> None:
    begin(store)
    assert [each.spec.name for each in store.find_jobs(RUN, **wanted)] == found


def test_a_found_job_has_its_spec_state_and_position(store: Store) -> None:
    begin(store)
    (found,) = store.find_jobs(RUN, statuses=[JobStatus.HELD])
    assert (found.spec, found.position) == (SPECS[2], 2)
    assert found.state == initial_states(SPECS)["approve"]


def test_named_jobs_come_in_the_documents_order_and_unknown_ones_are_absent(store: Store) -> None:
    begin(store)
    found = store.get_jobs(RUN, iter(["approve", "none", "make", "make"]))
    assert [(each.spec.name, each.position) for each in found] == [("make", 0), ("approve", 2)]


def test_a_run_that_does_not_exist_has_no_jobs_or_events(store: Store) -> None:
    assert store.find_jobs("none") == []
    assert store.get_jobs("none", ["make"]) == []
    assert store.events("none") == []
