"""What every store promises that lets the details of ended runs expire."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import RunHeader, initial_states
from chalicelib.errors import ConflictError, ExpiredError
from tests.contract.store_contents import (
    RUN,
    SPECS,
    START,
    Keeping,
    KeepingStore,
    begin,
    change,
    header,
    run_of,
)

END = START + timedelta(hours=1)
LATER = END + timedelta(seconds=1)
UNTIL = START + timedelta(days=90)
PLACE = "s3://archive/run"

FAILED, SUCCEEDED, RUNNING = RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.RUNNING


def end(store: KeepingStore, before: RunHeader, status: RunStatus = FAILED) -> RunHeader:
    after = replace(before, status=status, ended_at=END, revision=before.revision + 1)
    store.record(before, [], after=after)
    return store.get_header(before.run_id)


def ended(store: KeepingStore) -> RunHeader:
    return end(store, begin(store))


def sealed(store: KeepingStore) -> RunHeader:
    store.seal(ended(store), PLACE, UNTIL)
    return store.get_header(RUN)


def restart(store: KeepingStore, before: RunHeader) -> RunHeader:
    after = replace(before, status=RUNNING, ended_at=None, generation=2)
    after = replace(after, revision=before.revision + 1)
    made = change(store.load_run(RUN).states["make"], status=JobStatus.RESERVED)
    store.record(before, [made], after=after)
    return store.get_header(RUN)


def waiting(store: KeepingStore) -> list[str]:
    return [each.run_id for each in store.unsealed(LATER)]


def test_a_run_that_goes_on_waits_for_no_seal_and_is_given_none(keeping: Keeping) -> None:
    store = keeping.store
    about = begin(store)
    assert waiting(store) == []
    with pytest.raises(ConflictError, match="has not ended"):
        store.seal(about, PLACE, UNTIL)
    assert store.get_header(RUN) == about


def test_an_ended_run_waits_for_its_seal_from_its_end_on(keeping: Keeping) -> None:
    about = ended(keeping.store)
    assert list(keeping.store.unsealed(END)) == []
    assert list(keeping.store.unsealed(LATER)) == [about]


def test_runs_wait_in_the_order_of_their_ends(keeping: Keeping) -> None:
    for name, minutes in (("a", 30), ("b", 10), ("c", 20)):
        about = header(run_of(name), status=SUCCEEDED, ended_at=START + timedelta(minutes=minutes))
        keeping.store.create_run(about, (), {})
    assert [each.schedule_id for each in keeping.store.unsealed(LATER)] == ["b", "c", "a"]
    early = keeping.store.unsealed(START + timedelta(minutes=25))
    assert [each.schedule_id for each in early] == ["b", "c"]


def test_a_run_that_was_taken_over_without_its_end_waits_since_its_start(keeping: Keeping) -> None:
    keeping.store.create_run(header(status=FAILED), SPECS, initial_states(SPECS))
    assert waiting(keeping.store) == [RUN]


def test_a_sealed_run_says_where_it_is_kept_and_until_when(keeping: Keeping) -> None:
    before = ended(keeping.store)
    keeping.store.seal(before, PLACE, UNTIL)
    after = keeping.store.get_header(RUN)
    assert (after.archive, after.expires_at) == (PLACE, UNTIL)
    assert replace(after, archive="", expires_at=None, revision=before.revision) == before
    assert waiting(keeping.store) == []


def test_a_seal_for_ever_expires_never(keeping: Keeping) -> None:
    store = keeping.store
    store.seal(ended(store), PLACE, None)
    assert waiting(store) == []
    keeping.clock.at = UNTIL + timedelta(days=36_500)
    assert store.get_header(RUN).archive == PLACE
    assert len(store.find_jobs(RUN)) == len(SPECS)


def test_what_is_sealed_stays_as_it_is(keeping: Keeping) -> None:
    first = sealed(keeping.store)
    for about in (first, replace(first, revision=0)):
        keeping.store.seal(about, "elsewhere", None)
    assert keeping.store.get_header(RUN) == first


def test_a_run_that_has_moved_since_it_was_read_is_not_sealed(keeping: Keeping) -> None:
    store = keeping.store
    old = ended(store)
    store.record(old, [], after=replace(old, revision=old.revision + 1, reason="marked"))
    now = store.get_header(RUN)
    with pytest.raises(ConflictError):
        store.seal(old, PLACE, UNTIL)
    assert store.get_header(RUN) == now
    assert waiting(store) == [RUN]


def test_who_read_the_run_before_it_was_sealed_does_not_move_it(keeping: Keeping) -> None:
    store = keeping.store
    old = ended(store)
    store.seal(old, PLACE, UNTIL)
    with pytest.raises(ConflictError):
        store.record(old, [], after=replace(old, revision=old.revision + 1))


def test_until_its_time_a_sealed_run_is_read_like_any_other(keeping: Keeping) -> None:
    sealed(keeping.store)
    keeping.clock.at = UNTIL - timedelta(microseconds=1)
    assert len(keeping.store.load_run(RUN).states) == len(SPECS)
    assert len(keeping.store.events(RUN)) == 1


READS: dict[str, Callable[[KeepingStore], object]] = {
    "load_run": lambda store: store.load_run(RUN),
    "load_for_turn": lambda store: store.load_for_turn(RUN),
    "find_jobs": lambda store: store.find_jobs(RUN),
    "get_jobs": lambda store: store.get_jobs(RUN, ["make"]),
    "events": lambda store: store.events(RUN),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_from_its_time_on_the_details_are_expired_and_the_archive_is_named(
    keeping: Keeping, read: Callable[[KeepingStore], object]
) -> None:
    sealed(keeping.store)
    keeping.clock.at = UNTIL
    with pytest.raises(ExpiredError) as caught:
        read(keeping.store)
    assert str(caught.value) == (
        f"The jobs and the history of run '{RUN}' expired on 2027-02-21; "
        f"the whole run is archived in {PLACE}"
    )
    assert (caught.value.kind, caught.value.id, caught.value.archive) == ("run", RUN, PLACE)


def test_the_header_of_an_expired_run_stays(keeping: Keeping) -> None:
    about = sealed(keeping.store)
    keeping.clock.at = UNTIL
    assert keeping.store.get_header(RUN) == about
    assert keeping.store.find_headers() == [about]
    with pytest.raises(ConflictError, match="exists already"):
        begin(keeping.store)


def test_an_expired_run_does_not_move_any_more(keeping: Keeping) -> None:
    about = sealed(keeping.store)
    keeping.clock.at = UNTIL
    after = replace(about, status=RUNNING, revision=about.revision + 1)
    with pytest.raises(ExpiredError):
        keeping.store.record(about, [], after=after)
    assert keeping.store.get_header(RUN) == about


def test_f28_a_run_that_is_restarted_is_not_sealed_any_more_and_never_expires(
    keeping: Keeping,
) -> None:
    store = keeping.store
    about = restart(store, sealed(store))
    assert (about.archive, about.expires_at) == ("", None)
    assert waiting(store) == []
    keeping.clock.at = UNTIL + timedelta(days=100)
    assert len(store.load_run(RUN).states) == len(SPECS)


def test_a_run_that_ends_again_waits_for_its_seal_again(keeping: Keeping) -> None:
    store = keeping.store
    again = end(store, restart(store, sealed(store)), SUCCEEDED)
    assert list(store.unsealed(LATER)) == [again]
    store.seal(again, "second", UNTIL)
    assert store.get_header(RUN).archive == "second"


def test_a_mark_on_a_sealed_run_lets_it_wait_for_its_seal_again(keeping: Keeping) -> None:
    store = keeping.store
    about = sealed(store)
    store.record(about, [], after=replace(about, revision=about.revision + 1, reason="marked"))
    assert store.get_header(RUN).archive == ""
    assert waiting(store) == [RUN]
