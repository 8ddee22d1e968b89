"""What jobs tell: read at their end, kept with them, and looked at while they run."""

from typing import Any

import pytest

from chalicelib.core.claims import AttemptKey, Progress, Told
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.schedule import RetryPolicy
from chalicelib.services import operations
from chalicelib.services.claims import progress_of
from chalicelib.services.operations import Selection
from tests.unit.runs import NOW, order, spec
from tests.unit.telling import REQUEST, RUN, Driving

J = JobStatus
UNREADABLE = "what it told could not be read: throttled"


@pytest.fixture
def driving() -> Driving:
    return Driving()


def one(**members: Any) -> Any:
    return spec("a", **{"request": REQUEST, **members})


@pytest.mark.parametrize("failing", [(), ("a",)], ids=["succeeds", "fails"])
def test_what_a_job_told_is_kept_with_its_end(failing: tuple[str, ...]) -> None:
    driving = Driving(failing)
    driving.begin(one())
    links = {"report": "https://example.org"}
    driving.tell("a", outputs={"rows": "5"}, links=links)
    driving.pass_time()
    assert driving.state("a").status is (J.FAILED if failing else J.SUCCEEDED)
    assert driving.state("a").told == Told(outputs={"rows": "5"}, links=links)
    assert driving.driven.run.states["a"] == driving.state("a")


def test_a_job_is_asked_once_when_it_has_ended_and_not_before(driving: Driving) -> None:
    driving.begin(one())
    driving.turn()
    assert driving.claims.asked == []
    driving.pass_time()
    driving.turn()
    assert driving.claims.asked == [[AttemptKey(run_id=RUN, job="a", attempt=1)]]
    assert driving.state("a").told is None


def test_all_that_end_in_a_turn_are_asked_at_once(driving: Driving) -> None:
    driving.begin(*(spec(name, request=REQUEST) for name in "abc"))
    driving.tell("b", outputs={"rows": "5"})
    driving.pass_time()
    assert [len(keys) for keys in driving.claims.asked] == [3]
    assert [driving.state(name).told is None for name in "abc"] == [True, False, True]


def test_an_array_job_is_not_asked_for_its_children_have_told(driving: Driving) -> None:
    driving.begin(one(request={**REQUEST, "arrayProperties": {"size": 2}}))
    driving.pass_time()
    assert driving.state("a").status is J.SUCCEEDED
    assert driving.claims.asked == []


def test_an_attempt_that_is_tried_again_is_not_asked() -> None:
    driving = Driving(("a",))
    driving.begin(one(retry=RetryPolicy(attempts=2)))
    driving.pass_time()
    assert (driving.state("a").attempt, driving.claims.asked) == (2, [])
    driving.tell("a", outputs={"rows": "second"})
    driving.pass_time()
    assert driving.state("a").told == Told(outputs={"rows": "second"})


def test_what_a_double_of_the_job_tells_is_not_the_job_s(driving: Driving) -> None:
    driving.begin(one())
    driving.tell("a", owner="the-other", outputs={"rows": "5"})
    driving.pass_time()
    assert driving.state("a").told is None


def test_what_can_not_be_kept_is_said(driving: Driving) -> None:
    driving.begin(one())
    driving.tell("a", outputs={"rows": 5})
    driving.pass_time()
    ended = driving.state("a")
    assert (ended.status, ended.told) == (J.SUCCEEDED, None)
    assert ended.reason == 'of what it told: "rows" can\'t be kept'


def test_a_claim_that_is_none_is_said_to_be_none(driving: Driving) -> None:
    driving.begin(one())
    driving.claims.put(AttemptKey(run_id=RUN, job="a", attempt=1), ["no", "claim"])
    driving.pass_time()
    ended = driving.state("a")
    assert (ended.status, ended.reason) == (J.SUCCEEDED, "of what it told: it is no claim")


@pytest.mark.parametrize(
    ("failing", "reason"), [((), UNREADABLE), (("a",), f"exit 1: {UNREADABLE}")]
)
def test_claims_that_can_not_be_read_hold_up_no_end(failing: tuple[str, ...], reason: str) -> None:
    driving = Driving(failing)
    driving.begin(one(), spec("b", request=REQUEST))
    driving.claims.is_away = True
    driving.tell("a", outputs={"rows": "5"})
    driving.pass_time()
    ended = driving.state("a")
    assert (ended.status, ended.told) == (J.FAILED if failing else J.SUCCEEDED, None)
    assert ended.reason == reason.replace(": what", "; what")


def test_an_operator_s_acts_ask_nobody(driving: Driving) -> None:
    driving.begin(one(), spec("b", request=REQUEST))
    operations.act_on_jobs(
        driving.ports, Selection(run_id=RUN, patterns=["a"]), order(Act.TERMINATE)
    )
    driving.driven.run = driving.ports.runs.load_run(RUN)
    driving.turn()
    driving.turn()
    assert driving.statuses()["a"] == J.CANCELLED
    assert driving.claims.asked == []


def records(driving: Driving) -> Any:
    return driving.ports.runs.find_jobs(RUN)


def running(driving: Driving) -> None:
    """Two jobs that run."""
    driving.begin(one(), spec("b", request=REQUEST), spec("c", "a", request=REQUEST))
    driving.queue.advance(0.5)
    driving.turn()
    assert driving.statuses() == {"a": "RUNNING", "b": "RUNNING", "c": "PENDING"}


def test_progress_is_that_of_jobs_that_run(driving: Driving) -> None:
    running(driving)
    told = {"percent": 40, "text": "loading", "at": "2026-11-23T12:00:00Z"}
    for name in "abc":
        driving.tell(name, progress=told, owner="a double" if name == "b" else "")
    found = progress_of(driving.ports, RUN, records(driving))
    assert found == {"a": Progress(percent=40.0, text="loading", at=NOW)}


def test_a_job_that_tells_no_progress_has_none(driving: Driving) -> None:
    running(driving)
    driving.tell("a", outputs={"rows": "5"})
    assert progress_of(driving.ports, RUN, records(driving)) == {}


def test_where_nothing_runs_nobody_is_asked(driving: Driving) -> None:
    driving.begin(one())
    driving.pass_time()
    driving.claims.asked.clear()
    assert progress_of(driving.ports, RUN, records(driving)) == {}
    assert driving.claims.asked == []


def test_progress_that_can_not_be_read_keeps_nobody_from_looking(driving: Driving) -> None:
    running(driving)
    driving.claims.is_away = True
    assert progress_of(driving.ports, RUN, records(driving)) == {}
