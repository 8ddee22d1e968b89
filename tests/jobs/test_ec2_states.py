"""`batch-job ec2 start` and `ec2 stop`, before a strict fake of EC2's instances."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.containers import Containers, DeadError, Ended, containers
from tests.jobs.instances import Instance, Instances
from tests.strict.answers import Fault

ONE, TWO = "i-0123456789abcdef0", "i-0123456789abcdef1"


class Fleet:
    """Instances, and containers that start and stop them."""

    def __init__(self, made: Containers, ec2: Instances) -> None:
        self.containers = made
        self.ec2 = ec2

    def run(self, action: str, *instances: str, more: tuple[str, ...] = ()) -> Ended:
        named = [word for each in instances for word in ("--instance", each)]
        return self.containers.run("ec2", action, *named, *more)

    def be(self, one: str, two: str = "stopped") -> None:
        self.ec2.known.update({ONE: Instance(one), TWO: Instance(two)})


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made_ec2: list[Instances] = []

    def made(clock: Any) -> Instances:
        made_ec2.append(Instances(clock, {}))
        return made_ec2[0]

    with containers(tmp_path, ec2=made) as each:
        yield Fleet(each, made_ec2[0])


@pytest.mark.parametrize(
    ("action", "one", "two", "end"),
    [
        ("start", "stopped", "stopped", "running"),
        ("start", "running", "stopped", "running"),
        ("start", "pending", "running", "running"),
        ("stop", "running", "stopped", "stopped"),
        ("stop", "stopped", "stopping", "stopped"),
    ],
)
def test_instances_are_waited_for_until_all_are_where_they_were_to_be(
    fleet: Fleet, action: str, one: str, two: str, end: str
) -> None:
    fleet.be(one, two)
    for instance in fleet.ec2.known.values():
        if instance.state in ("pending", "stopping"):
            instance.next, instance.then = end, fleet.containers.clock()

    ended = fleet.run(action, ONE, TWO)

    assert ended.code == Exit.OK, ended.err
    assert [fleet.ec2.state_of(each) for each in (ONE, TWO)] == [end, end]
    link = f"https://eu-central-1.console.aws.amazon.com/ec2/home#InstanceDetails:instanceId={ONE}"
    last = f"the {action} of {ONE}, {TWO} has succeeded: {end}; see {link}"
    assert ended.out.splitlines()[-1] == last


def test_an_instance_that_still_stops_is_started_when_it_has(fleet: Fleet) -> None:
    fleet.be("running")
    fleet.ec2.service().operations["StopInstances"]({"InstanceIds": [ONE]})

    ended = fleet.run("start", ONE)

    assert ended.code == Exit.OK
    assert "can't be begun yet: The instance" in ended.err
    assert fleet.ec2.state_of(ONE) == "running"


@pytest.mark.parametrize("action", ["start", "stop"])
def test_an_instance_that_is_terminated_is_given_up(fleet: Fleet, action: str) -> None:
    fleet.be("terminated")

    ended = fleet.run(action, ONE)

    assert ended.code == Exit.NOT_STARTED
    assert f"{ONE} is terminated" in ended.err


def test_an_instance_for_which_there_is_no_capacity_fails_with_ec2_s_reason(fleet: Fleet) -> None:
    fleet.be("stopped", "stopped")
    fleet.ec2.lacks = {TWO}

    ended = fleet.run("start", ONE, TWO)

    assert ended.code == Exit.FAILED
    assert f"has failed: {TWO} is stopped (Server.InsufficientInstanceCapacity" in ended.err


def test_an_instance_that_nobody_knows_is_told(fleet: Fleet) -> None:
    ended = fleet.run("start", ONE)

    assert ended.code == Exit.NOT_STARTED
    assert f"InvalidInstanceID.NotFound: The instance IDs '{ONE}' do not exist" in ended.err


def test_a_managed_node_of_elsewhere_can_t_be_started(fleet: Fleet) -> None:
    ended = fleet.run("start", "mi-0123456789abcdef0")

    assert ended.code == Exit.USAGE
    assert fleet.containers.aws.calls == []


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.LOST_REPLY, Fault.SERVER_ERROR])
def test_requests_that_fail_are_repeated(fleet: Fleet, fault: Fault) -> None:
    for operation in ("StartInstances", "DescribeInstances"):
        fleet.be("stopped")
        fleet.containers.attempt_again(fleet.containers.directory / operation)
        fleet.containers.fail_all(operation, fault, fault)

        assert fleet.run("start", ONE).code == Exit.OK


def test_a_container_that_dies_leaves_the_instances_to_the_next(fleet: Fleet) -> None:
    for index in range(2):
        fleet.be("stopped")
        fleet.containers.attempt_again(fleet.containers.directory / str(index))
        fleet.containers.die_at(index)
        with pytest.raises(DeadError):
            fleet.run("start", ONE)
        fleet.containers.aws.done = None

        assert fleet.run("start", ONE).code == Exit.OK
        assert fleet.ec2.state_of(ONE) == "running"


def test_a_start_that_sigterm_comes_for_goes_on_and_that_is_said(fleet: Fleet) -> None:
    fleet.be("stopped")
    fleet.containers.terminate_at(1)

    ended = fleet.run("start", ONE)

    assert ended.code == 143
    assert "EC2 can't take back a start, and it goes on" in ended.err


def test_a_dry_run_prints_what_would_be_asked(fleet: Fleet) -> None:
    ended = fleet.run("stop", ONE, more=("--dry-run",))

    assert json.loads(ended.out) == {
        "service": "ec2",
        "operation": "StopInstances",
        "parameters": {"InstanceIds": [ONE]},
    }
    assert fleet.containers.aws.calls == []
