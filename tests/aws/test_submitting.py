"""SubmitJob at most once: what each end of a call means, and who waits for how long."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from chalicelib.aws.clients import Clients
from chalicelib.aws.submitting import Pace, Submitter
from chalicelib.core.batch import Accepted, Deferred, Outcome, Refused, Unanswered
from chalicelib.errors import BackendError
from chalicelib.local.memory_queue import VirtualClock
from tests.aws.wire import Answer, Wire, accepted, error

THROTTLED = error(429, "TooManyRequestsException", "slow down")
DENIED = error(403, "AccessDeniedException", "not authorized to perform: batch:SubmitJob")
URL = "https://batch.eu-central-1.amazonaws.com"


class Budget:
    """Lets one submission through each `seconds`, as the budget of an account does."""

    def __init__(self, clock: VirtualClock, seconds: float = 0.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._free_at = 0.0
        self.taken: list[int] = []

    def take(self, count: int) -> float:
        now = self._clock.milliseconds / 1000
        free_at = max(now, self._free_at)
        self._free_at = free_at + count * self._seconds
        self.taken.append(count)
        return free_at - now


class BrokenBudget:
    def take(self, count: int) -> float:
        raise BackendError("DynamoDB", "UpdateItem", f"throttled {count}", retryable=True)


class Desk:
    """A submitter at a wire, with a clock of its own."""

    def __init__(self, *answers: Answer, seconds: float = 0.0, left: float = 300.0) -> None:
        self.clock = VirtualClock()
        self.wire = Wire(*answers)
        self.budget = Budget(self.clock, seconds)
        self._end = self.clock.milliseconds / 1000 + left
        self.submitter = self.make(self.budget)

    def make(self, budget: Any) -> Submitter:
        pace = Pace(
            budget=budget,
            clock=self.clock,
            sleep=self.clock.advance,
            remaining=lambda: self._end - self.clock.milliseconds / 1000,
            chance=Random(1),  # noqa: S311 - jitter
        )
        return Submitter(Clients(self.wire), pace)

    def submit(self, count: int = 1, **members: Any) -> list[Outcome]:
        return self.submitter.submit([request(number, **members) for number in range(count)])

    def more_time(self, seconds: float) -> None:
        self._end = self.clock.milliseconds / 1000 + seconds


def request(number: int = 0, **members: Any) -> dict[str, Any]:
    return {"jobName": f"job-{number}", "jobQueue": "q", "jobDefinition": "d:1", **members}


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def test_an_accepted_job_is_known_by_its_id() -> None:
    assert Desk(accepted(7)).submit() == [Accepted("id-7")]


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "ClientException", "Job queue q is not known"),
        error(400, "ValidationException", "bad"),
        error(413, "RequestEntityTooLargeException", "more than 30 KiB"),
    ],
    ids=["client", "validation", "too-large"],
)
def test_a_request_at_fault_is_refused_with_the_words_of_batch(answer: Any) -> None:
    desk = Desk(answer)
    [outcome] = desk.submit()
    assert outcome == Refused(f"{answer[1]['code']}: {answer[1]['message']}")


def test_a_request_that_can_not_even_be_built_is_refused_and_not_sent() -> None:
    desk = Desk(accepted())
    [outcome] = desk.submit(parameters={"a": 1})
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith("ClientException: ")
    assert desk.wire.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        error(500, "ServerException", "oops"),
        error(503, "ServiceUnavailable"),
        error(503, "ThrottlingException"),
        error(408, "RequestTimeout"),
        boto.ReadTimeoutError(endpoint_url=URL),
        boto.ConnectionClosedError(endpoint_url=URL),
        boto.SSLError(endpoint_url=URL, error="bad record"),
        boto.HTTPClientError(error="reset"),
        (200, {"jobName": "an answer that is cut off"}),
        ResponseParserError("no JSON"),
    ],
    ids=["500", "503", "throttled-503", "408", "read", "closed", "tls", "http", "cut-off", "parse"],
)
def test_an_end_that_leaves_it_open_is_unanswered_and_sent_once(answer: Any) -> None:
    desk = Desk(answer)
    assert kinds(desk.submit()) == ["Unanswered"]
    assert len(desk.wire.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        THROTTLED,
        error(400, "ThrottlingException"),
        error(400, "RequestLimitExceeded"),
        boto.EndpointConnectionError(endpoint_url=URL),
        boto.ConnectTimeoutError(endpoint_url=URL),
        boto.ProxyConnectionError(proxy_url=URL),
        boto.NoCredentialsError(),
        boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        boto.CredentialRetrievalError(provider="sso", error_msg="expired"),
        boto.NoRegionError(),
        error(403, "ExpiredTokenException"),
        error(403, "InvalidSignatureException"),
        DENIED,
        error(400, "ClientException", "u is not authorized to perform: batch:SubmitJob"),
    ],
    ids=lambda answer: answer[1]["code"] if isinstance(answer, tuple) else type(answer).__name__,
)
def test_what_was_certainly_not_taken_is_deferred_and_sent_once(answer: Any) -> None:
    desk = Desk(answer)
    [outcome] = desk.submit()
    assert isinstance(outcome, Deferred)
    assert outcome.seconds > 0
    assert len(desk.wire.sent) == 1


def test_jitter_keeps_deferred_jobs_from_coming_back_together() -> None:
    outcomes = Desk(THROTTLED).submit(50)
    seconds = {outcome.seconds for outcome in outcomes if isinstance(outcome, Deferred)}
    assert len(seconds) == 50


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        (THROTTLED, "Deferred"),
        (boto.EndpointConnectionError(endpoint_url=URL), "Deferred"),
        (boto.ReadTimeoutError(endpoint_url=URL), "Unanswered"),
        (error(500, "ServerException"), "Unanswered"),
    ],
    ids=["throttled", "unreachable", "timed-out", "500"],
)
def test_f8_after_trouble_the_rest_is_put_off_unsent_in_order(answer: Any, first: str) -> None:
    desk = Desk(accepted(), accepted(), answer)
    outcomes = desk.submit(30)
    assert kinds(outcomes) == ["Accepted", "Accepted", first, *["Deferred"] * 27]
    assert len(desk.wire.sent) == 3


def test_f8_a_throttled_queue_is_left_alone_for_a_while() -> None:
    desk = Desk(THROTTLED, accepted())
    desk.submit()
    assert kinds(desk.submit(2)) == ["Deferred", "Deferred"]
    assert len(desk.wire.sent) == 1
    desk.clock.advance(2)
    assert kinds(desk.submit(2)) == ["Accepted", "Accepted"]


@pytest.mark.parametrize(
    ("answer", "pauses"),
    [
        (THROTTLED, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]),
        (boto.EndpointConnectionError(endpoint_url=URL), [20, 40, 80, 160, 320, 600, 600]),
    ],
    ids=["throttled", "unreachable"],
)
def test_f50_the_longer_the_trouble_the_longer_aws_is_left_alone(
    answer: Any, pauses: list[int]
) -> None:
    desk = Desk(answer, left=100_000)
    for number, pause in enumerate(pauses, 1):
        desk.submit(3)
        assert len(desk.wire.sent) == number
        desk.clock.advance(pause - 0.001)
        assert kinds(desk.submit(3)) == ["Deferred"] * 3
        desk.clock.advance(0.001)
        assert len(desk.wire.sent) == number


def test_f50_after_an_acceptance_the_next_trouble_is_a_new_one() -> None:
    desk = Desk(THROTTLED, THROTTLED, accepted(), THROTTLED, accepted(), left=10_000)
    desk.submit()
    desk.clock.advance(2)
    desk.submit()
    desk.clock.advance(4)
    assert kinds(desk.submit(2)) == ["Accepted", "Deferred"]
    desk.clock.advance(2)
    assert kinds(desk.submit()) == ["Accepted"]


@pytest.mark.parametrize("throttles", [0, 1, 7, 50])
def test_f8_all_are_accepted_once_after_any_number_of_throttles(throttles: int) -> None:
    desk = Desk(*[THROTTLED] * throttles, accepted(), left=100_000)
    waiting, order = list(range(10)), []
    for _ in range(throttles + 1):
        outcomes = desk.submitter.submit([request(number) for number in waiting])
        taken = [n for n, o in zip(waiting, outcomes, strict=True) if isinstance(o, Accepted)]
        order += taken
        waiting = [number for number in waiting if number not in taken]
        desk.clock.advance(600)
    assert order == list(range(10))
    assert len(desk.wire.sent) == throttles + 10


def test_f9_a_poison_job_does_not_hold_up_the_others() -> None:
    desk = Desk(accepted(), error(400, "ClientException", "bad"), accepted())
    assert kinds(desk.submit(3)) == ["Accepted", "Refused", "Accepted"]
    assert len(desk.wire.sent) == 3


def test_a_denial_holds_up_only_what_it_denies_and_is_asked_for_once_a_call() -> None:
    desk = Desk(DENIED, accepted())
    requests = [request(0), request(1), request(2, jobDefinition="other")]
    outcomes = desk.submitter.submit(requests)
    assert kinds(outcomes) == ["Deferred", "Deferred", "Accepted"]
    assert len(desk.wire.sent) == 2


def test_a_denial_of_a_minute_fails_no_job() -> None:
    desk = Desk(DENIED, DENIED, accepted(), left=10_000)
    seen = []
    for _ in range(3):
        seen += kinds(desk.submit())
        desk.clock.advance(60)
    assert seen == ["Deferred", "Deferred", "Accepted"]


def test_a_denial_that_lasts_fails_the_job_with_the_words_of_aws() -> None:
    desk = Desk(DENIED, left=10_000)
    outcomes: list[Outcome] = []
    for _ in range(16):
        outcomes += desk.submit()
        desk.clock.advance(60)
    assert kinds(outcomes) == ["Deferred"] * 15 + ["Refused"]
    last = outcomes[-1]
    assert isinstance(last, Refused)
    assert "not authorized to perform" in last.reason


def test_an_acceptance_between_two_denials_begins_the_patience_anew() -> None:
    desk = Desk(*[DENIED] * 10, accepted(), DENIED, left=10_000)
    seen = []
    for _ in range(25):
        seen += kinds(desk.submit())
        desk.clock.advance(60)
    assert "Refused" not in seen


def test_two_denials_long_apart_say_nothing_about_the_time_between() -> None:
    desk = Desk(DENIED, left=10_000)
    desk.submit()
    desk.clock.advance(3600)
    assert kinds(desk.submit()) == ["Deferred"]


def test_the_budget_paces_submissions_and_no_second_sees_more_than_it_and_a_burst() -> None:
    desk = Desk(accepted(), seconds=1 / 20)
    times: list[int] = []
    desk.wire.on_send = lambda: times.append(desk.clock.milliseconds)
    assert kinds(desk.submit(50)) == ["Accepted"] * 50
    assert desk.budget.taken == [20, 20, 10]
    peak = max(sum(start <= at < start + 1000 for at in times) for start in times)
    assert peak == 20


def test_f50_runs_that_come_back_together_stay_within_the_limit_of_aws() -> None:
    desk = Desk(accepted(), seconds=1 / 20, left=100_000)
    times: list[int] = []
    desk.wire.on_send = lambda: times.append(desk.clock.milliseconds)
    runs = [desk.submitter, *(desk.make(desk.budget) for _ in range(9))]
    for submitter in runs:
        submitter.submit([request(number) for number in range(50)])
    assert len(times) == 500
    assert max(sum(start <= at < start + 1000 for at in times) for start in times) <= 50


def test_what_can_not_be_sent_in_the_time_left_is_put_off_without_a_call() -> None:
    desk = Desk(accepted(), seconds=1, left=45)
    outcomes = desk.submit(50)
    assert kinds(outcomes) == ["Accepted"] * 20 + ["Deferred"] * 30
    assert len(desk.wire.sent) == 20


def test_an_allowance_that_could_not_be_waited_for_is_used_when_it_comes() -> None:
    desk = Desk(accepted(), seconds=10, left=200)
    assert kinds(desk.submit(40)) == ["Accepted"] * 20 + ["Deferred"] * 20
    desk.clock.advance(200)
    desk.more_time(200)
    assert kinds(desk.submit(20)) == ["Accepted"] * 20
    assert desk.budget.taken == [20, 20]


def test_an_allowance_for_fewer_is_not_used_for_more() -> None:
    desk = Desk(accepted(), seconds=10, left=200)
    assert kinds(desk.submit(25)) == ["Accepted"] * 20 + ["Deferred"] * 5
    desk.clock.advance(200)
    desk.more_time(300)
    desk.submit(20)
    assert desk.budget.taken == [20, 5, 20]


def test_no_connection_is_kept_from_one_call_to_the_next() -> None:
    desk = Desk(accepted())
    desk.submit(3)
    desk.submit(3)
    assert desk.wire.closed == 2


def test_an_allowance_that_has_passed_is_taken_anew() -> None:
    desk = Desk(accepted(), seconds=10, left=200)
    desk.submit(40)
    desk.clock.advance(1000)
    desk.more_time(200)
    desk.submit(20)
    assert desk.budget.taken == [20, 20, 20]


@pytest.mark.parametrize("runs", [10, 100])
def test_f50_however_many_runs_wait_for_the_budget_all_of_them_get_on(runs: int) -> None:
    desk = Desk(accepted(), seconds=1 / 20, left=1)
    waiting = dict.fromkeys([desk.make(desk.budget) for _ in range(runs)], 40)
    for _ in range(60):
        for submitter, count in waiting.items():
            desk.more_time(35)  # what one turn of a run may last: 5 s of waiting
            before = desk.clock.at
            outcomes = submitter.submit([request(number) for number in range(count)])
            desk.clock.at = before  # they run beside each other
            waiting[submitter] -= kinds(outcomes).count("Accepted")
        desk.clock.advance(5)
    assert not any(waiting.values())


def test_no_call_is_begun_that_could_outlast_its_caller() -> None:
    desk = Desk(accepted(), left=300)
    desk.wire.on_send = lambda: desk.clock.advance(20)
    outcomes = desk.submit(20)
    assert kinds(outcomes) == ["Accepted"] * 14 + ["Deferred"] * 6


def test_a_budget_that_can_not_be_read_sends_nothing() -> None:
    desk = Desk(accepted())
    assert kinds(desk.make(BrokenBudget()).submit([request()])) == ["Deferred"]
    assert desk.wire.sent == []


def test_no_requests_have_no_outcomes_and_take_nothing() -> None:
    desk = Desk(accepted())
    assert desk.submit(0) == []
    assert desk.budget.taken == []


def test_an_unanswered_job_is_told_apart_from_one_that_was_not_sent() -> None:
    first, second = Desk(boto.ReadTimeoutError(endpoint_url=URL)).submit(2)
    assert isinstance(first, Unanswered)
    assert isinstance(second, Deferred)
