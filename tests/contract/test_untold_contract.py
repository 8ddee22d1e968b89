"""What the stores of one machine promise of ended runs that nobody was told of."""

from dataclasses import replace

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.notice_rules import Means, NoticeRule, Occasion, Receiver
from chalicelib.core.run import RunHeader
from chalicelib.core.schedule import Policy
from tests.contract.store_contents import RUN, START, LocalStore, begin, header, run_of

RULES = Policy(notify=(NoticeRule(on=(Occasion.FAILED,), receiver=Receiver(means=Means.LOG)),))
FAILED, SUCCEEDED, RUNNING = RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.RUNNING


def move(store: LocalStore, status: RunStatus, **members: object) -> RunHeader:
    before = store.get_header(RUN)
    ended_at = None if status is RUNNING else START
    after = replace(before, status=status, ended_at=ended_at, revision=before.revision + 1)
    store.record(before, [], after=replace(after, **members))  # type: ignore[arg-type]
    return store.get_header(RUN)


def untold(store: LocalStore) -> list[str]:
    return [each.run_id for each in store.untold(99)]


def test_an_ended_run_is_untold_until_it_is_told(local_store: LocalStore) -> None:
    begin(local_store, header(policy=RULES))
    assert untold(local_store) == []
    ended = move(local_store, FAILED)
    assert local_store.untold(99) == [ended]
    local_store.told(ended)
    assert untold(local_store) == []


def test_a_run_that_nobody_asks_about_is_not(local_store: LocalStore) -> None:
    begin(local_store)
    move(local_store, FAILED)
    assert untold(local_store) == []


def test_a_run_that_was_taken_over_as_it_ended_is_not(local_store: LocalStore) -> None:
    begin(local_store, header(policy=RULES, status=SUCCEEDED, ended_at=START))
    assert untold(local_store) == []


def test_a_run_that_moves_on_is_untold_again_only_at_another_end(local_store: LocalStore) -> None:
    begin(local_store, header(policy=RULES))
    first = move(local_store, FAILED)
    move(local_store, FAILED, reason="marked")
    local_store.told(first)  # of what it was before
    assert untold(local_store) == [RUN]
    move(local_store, RUNNING, generation=2)
    assert untold(local_store) == []
    ended = move(local_store, SUCCEEDED)
    assert untold(local_store) == [RUN]
    local_store.told(ended)
    move(local_store, SUCCEEDED, reason="marked")
    assert untold(local_store) == []


def test_a_turn_that_changes_no_header_leaves_it_untold(local_store: LocalStore) -> None:
    begin(local_store, header(policy=RULES))
    ended = move(local_store, FAILED)
    local_store.record(ended, [])
    assert untold(local_store) == [RUN]


def test_no_more_are_found_than_asked_for(local_store: LocalStore) -> None:
    for name in "abc":
        begin(local_store, header(run_of(name), policy=RULES))
        before = local_store.get_header(run_of(name))
        local_store.record(before, [], after=replace(before, status=FAILED, revision=1))
    assert len(local_store.untold(2)) == 2
