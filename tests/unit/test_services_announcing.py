"""Who is told of a run's end: the topic of its schedule, or the default one when that is gone."""

import pytest

from chalicelib.core.loading import load
from chalicelib.errors import BackendError
from chalicelib.local.memory_driving import MemoryNotices
from chalicelib.ports import Notice
from chalicelib.services import announcing, schedules
from tests.builders import document
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.scenarios import BY_NAME

TOPIC = "arn:aws:sns:eu-central-1:123456789012:old-stack"


class Refusing(MemoryNotices):
    """Refuses to tell some topics, the default one by its empty name."""

    def __init__(self, *topics: str, is_passing: bool = False) -> None:
        super().__init__()
        self.topics = topics
        self.is_passing = is_passing

    def publish(self, notice: Notice) -> None:
        if notice.topic in self.topics:
            reason = "AuthorizationError: not allowed"
            raise BackendError("SNS", "Publish", reason, retryable=self.is_passing)
        super().publish(notice)


def told(notices: MemoryNotices, topic: str | None = TOPIC) -> list[Notice]:
    """What is told of a run whose schedule names a topic, or none."""
    world = DrivenWorld(BY_NAME["chain"])
    world.notices = notices
    schedules.put(
        world.ports(), load(document(scheduleId="etl", scheduleSnsTopic=topic)), actor="ann"
    )
    announcing.tell_end(world.ports(), world.header)
    return notices.published


@pytest.mark.parametrize(("named", "topic"), [(TOPIC, TOPIC), (None, "")])
def test_the_topic_of_the_schedule_is_told_or_else_the_default_one(
    named: str | None, topic: str
) -> None:
    assert [notice.topic for notice in told(MemoryNotices(), named)] == [topic]


def test_a_topic_that_is_gone_for_good_is_told_of_to_the_default_one() -> None:
    [notice] = told(Refusing(TOPIC))
    assert notice.topic == ""
    assert notice.message.startswith("Run etl/2026")
    assert notice.message.endswith(
        f"own topic {TOPIC} could not be told: AuthorizationError: not allowed"
    )


def test_a_topic_that_is_only_busy_is_told_later() -> None:
    notices = Refusing(TOPIC, is_passing=True)
    with pytest.raises(BackendError):
        told(notices)
    assert not notices.published


@pytest.mark.parametrize("topic", [TOPIC, None])
def test_when_nobody_can_be_told_that_is_an_error(topic: str | None) -> None:
    with pytest.raises(BackendError, match="AuthorizationError"):
        told(Refusing(TOPIC, ""), topic)
