"""A run whose drivers fail one after another: nobody is flooded, and nothing waits for ever."""

from datetime import timedelta
from itertools import pairwise

import pytest

from chalicelib.core.lifecycle import Act, RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.services import reconciling
from tests.strict.acting import CHAIN, JOBS, act_on, begun, ends
from tests.strict.stage import Setup, StrictStage

MINUTE, HOUR = 60.0, 3600.0


def typed(stage: StrictStage, header: RunHeader, status: str) -> None:
    """A status that a person writes into the item of the first job, in the console."""
    stage.aws.client("dynamodb").update_item(
        TableName=JOBS,
        Key={"run": {"S": header.run_id}, "jobName": {"S": "a"}},
        UpdateExpression="SET jobStatus = :status",
        ExpressionAttributeValues={":status": {"S": status}},
    )


def failing() -> tuple[StrictStage, RunHeader]:
    """A run that no driver can drive, because somebody misspelt a status while a job ran."""
    stage, header = begun(CHAIN, Setup(script=ends(seconds=10 * MINUTE)))
    stage.advance(2 * MINUTE)
    typed(stage, header, "PASSED")
    return stage, header


def told(stage: StrictStage) -> int:
    """How many notices said that a driver failed."""
    return sum("driver failed" in each["Subject"] for each in stage.topics.published)


def test_people_are_told_of_drivers_that_fail_ever_less_often() -> None:
    stage, _ = failing()
    counts = []
    for _ in range(4):
        stage.advance(HOUR)
        counts.append(told(stage))
    assert counts[0] <= 5  # of twelve reconciliations
    assert [later - before for before, later in pairwise(counts)] == [1, 1, 1]
    stage.advance(20 * HOUR)
    assert told(stage) <= 28


def test_a_run_whose_trouble_is_mended_is_driven_on_within_an_hour() -> None:
    stage, header = failing()
    stage.advance(10 * HOUR)
    typed(stage, header, "PASS")
    stage.drive(longest=1.5 * HOUR)
    assert stage.look(header.run_id).header.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("by", ["resume", "an act"])
def test_what_a_person_does_starts_a_driver_at_once(by: str) -> None:
    stage, header = failing()
    stage.advance(10 * HOUR)
    typed(stage, header, "PASS")
    began = stage.clock()
    if by == "resume":
        assert reconciling.look_after_drivers(stage.process(), lambda: 600_000) == 1
    else:
        act_on(stage, header, Act.HOLD, "c")
        act_on(stage, header, Act.RELEASE, "c")
    stage.drive()
    ended = stage.look(header.run_id).header
    assert ended.status is RunStatus.SUCCEEDED
    assert ended.ended_at is not None
    assert ended.ended_at - began < timedelta(minutes=25)  # two jobs of ten minutes


def test_a_driver_that_fails_after_a_person_has_acted_is_replaced_within_minutes() -> None:
    stage, header = failing()
    stage.advance(10 * HOUR)
    typed(stage, header, "FAILED")
    act_on(stage, header, Act.RESTART)
    stage.advance(MINUTE)
    typed(stage, header, "PASSED")
    before = told(stage)
    stage.advance(15 * MINUTE)
    assert told(stage) - before >= 2
