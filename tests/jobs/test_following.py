"""Remote work is begun once in an attempt, seen to its end, and never lost sight of in silence."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetch_and_run.exits import Exit
from fetch_and_run.identity import Identity
from fetch_and_run.work import Patience, Remote
from tests.jobs.remote_work import WHO, Attempt, DeadError, Ended, Happens, ServiceWork

TERMINATED, INTERRUPTED = 143, 130
OTHER = Identity(run="r-1", job="load", attempt=1, owner="aws-job-2")


@pytest.fixture
def attempt() -> Attempt:
    return Attempt()


def test_work_is_begun_put_on_record_and_seen_to_its_end(attempt: Attempt) -> None:
    ended = attempt.run()

    assert ended.code == Exit.OK
    assert ended.last_line == "work has succeeded; see https://console.example/0"
    assert [item.token for item in attempt.service.items] == [WHO.token]
    claim = attempt.claim()
    assert claim.remote.items() >= {"id": "0", "link": "https://console.example/0"}.items()
    assert claim.outputs == {"rows": "3"}
    assert claim.links == {"logs": "https://console.example/0"}


def test_a_failure_hands_on_the_exit_code_and_ends_with_the_reason(attempt: Attempt) -> None:
    attempt.service.succeeds = False

    ended = attempt.run()

    assert ended.code == 7
    assert ended.last_line == (
        "batch-job: work has failed: no such table; see https://console.example/0"
    )


def test_looks_grow_rarer_up_to_half_a_minute(attempt: Attempt) -> None:
    attempt.service.lasts = 6 * 3600

    attempt.run()

    assert attempt.service.asked.count("look") == pytest.approx(6 * 120, rel=0.02)


def test_without_a_scheduler_it_runs_with_nothing_on_record(attempt: Attempt) -> None:
    ended = attempt.run(who=None)

    assert ended.code == Exit.OK
    assert "nothing is on record" in ended.err
    assert len(attempt.service.items[0].token) == 64
    assert attempt.service.items[0].token != WHO.token


def test_an_attempt_that_another_job_has_is_not_begun(attempt: Attempt) -> None:
    attempt.claims.take(OTHER, attempt.clock())

    ended = attempt.run()

    assert ended.code == Exit.LOST_CLAIM
    assert not attempt.service.items


def test_nothing_is_begun_without_a_claim(attempt: Attempt) -> None:
    attempt.service.plan = {0: Happens.UNDONE}

    ended = attempt.run()

    assert ended.code == Exit.NO_CLAIMS
    assert not attempt.service.items


def test_nothing_is_begun_that_is_not_on_record_before(attempt: Attempt) -> None:
    attempt.service.plan = {1: Happens.UNDONE}

    ended = attempt.run()

    assert attempt.service.asked == ["take", "tell_remote"]
    assert ended.code == Exit.NO_CLAIMS


def test_a_container_that_was_killed_is_followed_by_one_that_adopts_its_work(
    attempt: Attempt,
) -> None:
    attempt.service.plan = {6: Happens.KILLED_AFTER}
    with pytest.raises(DeadError):
        attempt.run()

    ended = attempt.run()

    assert "following what this attempt has begun already" in ended.out
    assert ended.code == Exit.OK
    assert len(attempt.service.items) == 1


def test_a_start_that_was_refused_is_no_start_of_the_next_container(attempt: Attempt) -> None:
    attempt.service.refuses = True
    assert attempt.run().code == Exit.NOT_STARTED
    assert attempt.claim().remote == {}
    attempt.service.refuses, attempt.service.can_tell = False, False

    assert attempt.run().code == Exit.OK


def test_a_lost_answer_to_a_start_is_looked_for_until_it_would_be_seen(attempt: Attempt) -> None:
    attempt.service.lag = 60
    attempt.service.plan = {2: Happens.UNHEARD}

    ended = attempt.run()

    assert ended.code == Exit.OK
    assert len(attempt.service.items) == 1
    assert attempt.service.asked.count("start") == 1


def test_a_start_that_surely_was_none_is_made_again(attempt: Attempt) -> None:
    attempt.service.lag = 60
    attempt.service.plan = {2: Happens.UNDONE}

    ended = attempt.run()

    assert ended.code == Exit.OK
    assert attempt.service.asked.count("start") == 2
    assert attempt.service.asked.count("find") > 5
    assert len(attempt.service.items) == 1


def test_work_that_goes_on_for_hours_is_cancelled_long_before_the_kill(attempt: Attempt) -> None:
    attempt.service.lasts = 6 * 3600
    attempt.service.plan = {60: Happens.TERMINATED_AFTER}  # pauses are half a minute by then

    assert attempt.run().code == TERMINATED

    [item] = attempt.service.items
    assert item.stopped_at is not None
    looked = [at for name, at in attempt.service.times if name == "look"]
    assert (item.stopped_at - max(at for at in looked if at < item.stopped_at)).total_seconds() <= 5


@pytest.mark.parametrize("happens", [Happens.UNDONE, Happens.UNHEARD])
def test_where_nobody_can_tell_nothing_is_begun_again(attempt: Attempt, happens: Happens) -> None:
    attempt.service.can_tell = False
    attempt.service.plan = {2: happens}

    ended = attempt.run()
    again = attempt.run()

    assert (ended.code, again.code) == (Exit.UNKNOWN, Exit.UNKNOWN)
    assert attempt.service.asked.count("start") == 1
    assert "perhaps begun, and nobody here can know: look at the console" in ended.last_line
    assert "mark or rerun the job" in again.last_line


def test_a_start_is_put_off_while_it_is_throttled_and_given_up_in_the_end(attempt: Attempt) -> None:
    attempt.service.always = {"start": Happens.THROTTLED}
    attempt.service.can_tell = False

    ended = attempt.run()

    assert ended.code == Exit.NOT_STARTED
    assert "could not be begun in time, and nothing was: throttled" in ended.last_line
    assert attempt.service.asked.count("start") > 20


def test_hours_of_throttling_change_nothing_and_are_told_once(attempt: Attempt) -> None:
    attempt.service.plan = dict.fromkeys(range(5, 505), Happens.THROTTLED)

    ended = attempt.run()

    assert ended.code == Exit.OK
    assert ended.err.splitlines() == ["batch-job: work can't be seen yet: throttled"]


def test_a_time_out_cancels_the_work() -> None:
    attempt = Attempt(Patience(timeout=100))

    ended = attempt.run()

    assert ended.code == Exit.TIMED_OUT
    assert ended.last_line == (
        "batch-job: work was cancelled: was stopped, for it took longer than --timeout, 100 s; "
        "see https://console.example/0"
    )
    stopped_at = attempt.service.items[0].stopped_at
    assert stopped_at is not None
    assert (stopped_at - attempt.service.items[0].begun_at).total_seconds() == pytest.approx(100)


def test_a_time_out_counts_from_the_claim_whatever_container_goes_on() -> None:
    attempt = Attempt(Patience(timeout=100))
    attempt.service.plan = {6: Happens.KILLED_AFTER}
    with pytest.raises(DeadError):
        attempt.run()
    attempt.clock.advance(100)

    assert attempt.run().code == Exit.TIMED_OUT


def test_a_signal_cancels_the_work_within_seconds(attempt: Attempt) -> None:
    attempt.service.plan = {7: Happens.TERMINATED_AFTER}

    ended = attempt.run()

    assert ended.code == TERMINATED
    assert ended.last_line == (
        "batch-job: work was cancelled: was stopped, for SIGTERM came; "
        "see https://console.example/0"
    )


def test_a_signal_before_the_start_leaves_nothing_begun_and_nothing_on_record(
    attempt: Attempt,
) -> None:
    attempt.service.plan = {1: Happens.TERMINATED_AFTER}

    ended = attempt.run()

    assert ended.code == TERMINATED
    assert ended.last_line == "batch-job: work: SIGTERM came, and nothing was begun"
    assert "start" not in attempt.service.asked
    assert attempt.claim().remote == {}


def test_a_signal_within_the_start_cancels_first_and_is_put_on_record_then(
    attempt: Attempt,
) -> None:
    attempt.service.plan = {2: Happens.TERMINATED_BEFORE}

    ended = attempt.run()

    assert ended.code == TERMINATED
    assert attempt.service.asked[2:] == ["start", "cancel", "look", "tell_remote"]
    assert attempt.claim().remote["id"] == "0"


def test_work_that_takes_its_time_to_stop_is_asked_once_and_said_to_be_ending(
    attempt: Attempt,
) -> None:
    attempt.service.stops_in = 600
    attempt.service.lasts = 3600
    attempt.service.plan = {7: Happens.TERMINATED_AFTER}
    before = attempt.clock()

    ended = attempt.run()

    assert ended.code == TERMINATED
    assert attempt.service.asked.count("cancel") == 1
    assert "work was cancelled, and was ending yet when last seen" in ended.last_line
    assert (attempt.clock() - before).total_seconds() < 45


def test_what_could_not_be_put_on_record_is_put_there_as_soon_as_it_can(attempt: Attempt) -> None:
    attempt.service.can_tell = False
    attempt.service.plan = {3: Happens.UNDONE, 9: Happens.KILLED_BEFORE}
    with pytest.raises(DeadError):
        attempt.run()

    assert attempt.run().code == Exit.OK
    assert len(attempt.service.items) == 1


def test_a_cancel_is_asked_for_again_while_it_is_throttled(attempt: Attempt) -> None:
    attempt.service.plan = {7: Happens.TERMINATED_AFTER} | dict.fromkeys(
        range(8, 12), Happens.THROTTLED
    )

    ended = attempt.run()

    assert ended.code == TERMINATED
    assert attempt.service.asked.count("cancel") == 5


def test_work_that_can_not_be_cancelled_in_time_is_left_to_a_person(attempt: Attempt) -> None:
    attempt.service.plan = {7: Happens.TERMINATED_AFTER} | dict.fromkeys(
        range(8, 1000), Happens.THROTTLED
    )
    before = attempt.clock()

    ended = attempt.run()

    assert ended.code == Exit.UNKNOWN
    assert "could not be cancelled and may go on (throttled), for SIGTERM came" in ended.last_line
    assert (attempt.clock() - before).total_seconds() < 60


def test_work_that_knows_no_cancel_is_left_to_a_person(attempt: Attempt) -> None:
    attempt.service.can_cancel = False
    attempt.service.plan = {7: Happens.TERMINATED_AFTER}

    ended = attempt.run()

    assert ended.code == Exit.UNKNOWN
    assert attempt.service.asked.count("cancel") == 1
    assert "could not be cancelled and may go on (it can't be stopped)" in ended.last_line


def test_work_that_succeeds_while_it_is_cancelled_has_succeeded(attempt: Attempt) -> None:
    attempt.service.lasts = 20
    attempt.service.can_cancel = False
    attempt.service.plan = {7: Happens.TERMINATED_AFTER}

    ended = attempt.run()

    assert ended.code == Exit.OK
    assert ended.out.splitlines()[-1] == "work has succeeded; see https://console.example/0"


def test_outputs_that_can_not_be_told_are_no_success(attempt: Attempt) -> None:
    attempt.service.lasts = 0
    attempt.service.always = {"tell_outputs": Happens.UNDONE}

    ended = attempt.run()

    assert ended.code == Exit.FAILED
    assert "has succeeded, but its outputs are not told" in ended.last_line


def test_a_second_work_of_an_attempt_is_not_taken_for_the_first(attempt: Attempt) -> None:
    attempt.run()
    attempt.steps = [lambda _: ServiceWork(attempt.service, "another")]

    ended = attempt.run()

    assert ended.code == Exit.CHANGED
    assert ended.last_line == (
        "batch-job: this attempt has begun other work than another (id 0), and drives one: "
        "make two jobs of it, or rerun it where what it runs was changed"
    )


def two_steps(attempt: Attempt) -> list[Remote]:
    """Let the attempt have two works; what the second is made from is kept."""
    seen: list[Remote] = []

    def second(before: Remote) -> ServiceWork:
        seen.append(before)
        return ServiceWork(attempt.service, "second")

    attempt.steps = [lambda _: ServiceWork(attempt.service, "first"), second]
    return seen


def test_steps_run_in_turn_each_with_a_token_of_its_own(attempt: Attempt) -> None:
    seen = two_steps(attempt)

    ended = attempt.run()

    assert ended.code == Exit.OK
    first, second = attempt.service.items
    assert first.token == WHO.token != second.token
    assert (second.begun_at - first.begun_at).total_seconds() >= attempt.service.lasts
    assert [remote["id"] for remote in seen] == ["0"]
    assert attempt.claim().remote["id"] == "1"


def test_a_step_that_fails_is_the_last(attempt: Attempt) -> None:
    two_steps(attempt)
    attempt.service.succeeds = False

    assert attempt.run().code == 7
    assert len(attempt.service.items) == 1


def test_steps_that_are_fewer_than_were_begun_are_not_guessed_at(attempt: Attempt) -> None:
    two_steps(attempt)
    attempt.run()
    del attempt.steps[1]

    ended = attempt.run()

    assert ended.code == Exit.UNKNOWN
    assert "this attempt has begun its step 2, and there are 1 now" in ended.last_line


PLANS = st.dictionaries(st.integers(0, 40), st.sampled_from(Happens), max_size=6)


def check(attempt: Attempt, ended: Ended) -> None:
    """What holds whatever became of any request."""
    service = attempt.service
    tokens = [item.token for item in service.items]
    assert len(tokens) == len(set(tokens)), "begun twice"
    going = [item for item in service.items if service.goes_on(item)]
    was_stopped = any(item.stopped_at for item in service.items)
    match ended.code:
        case Exit.OK:
            assert len(tokens) == len(attempt.steps)
            assert all(service.has_succeeded(item) for item in service.items)
        case 7:
            assert not going
            assert not service.has_succeeded(service.items[-1])
        case 1 | 143:  # stopped now, or by an earlier container
            assert not going
            assert was_stopped or ended.code == 143
        case Exit.UNKNOWN:
            assert ended.last_line.endswith("mark or rerun the job")
        case code:
            raise AssertionError(f"{code}: {ended.err}")


@pytest.mark.parametrize("can_tell", [True, False])
@pytest.mark.parametrize("happens", Happens)
def test_each_request_may_fail_in_each_way(happens: Happens, can_tell: bool) -> None:
    index, last = 0, 1
    while index < last:
        attempt = Attempt()
        attempt.service.lag = 30 if can_tell else 0
        attempt.service.can_tell = can_tell
        attempt.service.lasts = 10
        two_steps(attempt)
        attempt.service.plan = {index: happens}

        ended = attempt.run_to_its_end()

        check(attempt, ended)
        if can_tell:
            assert ended.code != Exit.UNKNOWN
        last = max(last, len(attempt.service.asked))
        index += 1
    assert last > 15


@given(plan=PLANS, lag=st.sampled_from([0.0, 45.0]), can_tell=st.booleans())
def test_several_requests_may_fail_in_any_way(
    plan: Mapping[int, Happens], lag: float, can_tell: bool
) -> None:
    attempt = Attempt()
    attempt.service.lag = lag
    attempt.service.can_tell = can_tell
    attempt.service.lasts = 20
    two_steps(attempt)
    attempt.service.plan = plan

    check(attempt, attempt.run_to_its_end())
