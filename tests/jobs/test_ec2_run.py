"""`batch-job ec2 run`, before a strict fake of SSM's Run Command."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.containers import WHO, Containers, DeadError, Ended, containers
from tests.jobs.run_command import Ends, RunCommand
from tests.strict.answers import Fault

ONE, TWO = "i-0123456789abcdef0", "i-0123456789abcdef1"
TAGS = {ONE: {"role": "web", "stage": "dev"}, TWO: {"role": "web", "stage": "prod"}}


class Fleet:
    """Run Command, and containers that have commands run by it."""

    def __init__(self, made: Containers, ssm: RunCommand) -> None:
        self.containers = made
        self.ssm = ssm

    def run(self, *more: str) -> Ended:
        return self.containers.run("ec2", "run", *more)

    @property
    def unended(self) -> list[str]:
        """The commands that go on."""
        answer = self.ssm.list_commands({})
        return [each["CommandId"] for each in answer["Commands"] if each["Status"] == "InProgress"]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made_ssm: list[RunCommand] = []

    def made(clock: Any) -> RunCommand:
        made_ssm.append(RunCommand(clock, TAGS))
        return made_ssm[0]

    with containers(tmp_path, ssm=made) as each:
        yield Fleet(each, made_ssm[0])


LOAD = ("--instance", ONE, "--command", "load --all")


def test_a_command_s_output_and_its_success_are_those_of_the_job(fleet: Fleet) -> None:
    fleet.ssm.ends = {ONE: Ends(out="40 rows\n", err="slow\n")}

    ended = fleet.run(*LOAD)

    assert ended.code == Exit.OK
    lines = ended.out.splitlines()
    assert lines[1] == "40 rows"
    link = "https://eu-central-1.console.aws.amazon.com/systems-manager/run-command/"
    assert lines[-1].startswith(f"the command on {ONE} has succeeded; see {link}")
    assert ended.err == "slow\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [(1, 1), (2, 2), (3, 3), (89, 89), (90, 1), (95, 1), (98, 1), (99, 99), (255, 255), (3010, 1)],
)
def test_a_command_s_exit_code_is_the_job_s_unless_batch_job_means_something_by_it(
    fleet: Fleet, code: int, told: int
) -> None:
    fleet.ssm.ends = {ONE: Ends(code=code)}

    ended = fleet.run(*LOAD)

    assert ended.code == told
    assert f"has failed: exit code {code} on {ONE}" in ended.err.splitlines()[-1]
    assert (f"told as {told}" in ended.err) is (code != told)


def test_all_of_several_instances_must_succeed(fleet: Fleet) -> None:
    fleet.ssm.ends = {ONE: Ends(out="one"), TWO: Ends(after=60, code=7, out="two", err="no")}

    ended = fleet.run("--instance", TWO, "--instance", ONE, "--command", "load")

    assert ended.code == 7
    lines = ended.out.splitlines()[1:]
    assert lines == [f"--- {ONE}", "one", f"--- {TWO}", "two"]
    assert f"has failed: exit code 7 on {TWO};" in ended.err


@pytest.mark.parametrize("details", ["Undeliverable", "DeliveryTimedOut", "Terminated"])
def test_an_instance_that_the_command_did_not_reach_is_told(fleet: Fleet, details: str) -> None:
    fleet.ssm.ends = {TWO: Ends(details=details)}

    ended = fleet.run("--instance", ONE, "--instance", TWO, "--command", "load")

    assert ended.code == Exit.FAILED
    assert f"has failed: {details} on {TWO}" in ended.err


def test_a_tag_stands_for_all_instances_that_have_it(fleet: Fleet) -> None:
    ended = fleet.run("--tag", "role=web", "--command", "load")

    assert ended.code == Exit.OK
    assert fleet.ssm.commands[0].instances == [ONE, TWO]


def test_several_tags_stand_for_instances_that_have_all_of_them(fleet: Fleet) -> None:
    ended = fleet.run("--tag", "role=web", "--tag", "stage=prod", "--command", "load")

    assert ended.code == Exit.OK
    assert fleet.ssm.commands[0].instances == [TWO]


def test_a_command_that_ran_nowhere_has_failed(fleet: Fleet) -> None:
    ended = fleet.run("--tag", "role=none", "--command", "load")

    assert ended.code == Exit.FAILED
    assert "the command on instances with role=none ran nowhere (NoInstancesInTag)" in ended.err


def test_output_that_ssm_cuts_is_said_to_be_cut(fleet: Fleet) -> None:
    fleet.ssm.ends = {ONE: Ends(out="x" * 30_000)}

    ended = fleet.run(*LOAD, "--log-group", "/jobs/load")

    assert "(SSM keeps 24000 characters; --log-group has the rest written)" in ended.out
    config = fleet.ssm.commands[0].request["CloudWatchOutputConfig"]
    assert config == {"CloudWatchLogGroupName": "/jobs/load", "CloudWatchOutputEnabled": True}


def test_a_script_goes_as_a_whole_and_may_take_as_long_as_the_job(
    fleet: Fleet, tmp_path: Path
) -> None:
    path = tmp_path / "load.sh"
    path.write_text("#!/bin/bash\nset -e\nload\n")

    fleet.run("--instance", ONE, "--script", str(path), "--directory", "/srv")
    fleet.containers.attempt_again(tmp_path / "again")
    fleet.run("--instance", ONE, "--script", str(path), "--timeout", "90m")

    assert [each.request["Parameters"] for each in fleet.ssm.commands] == [
        {
            "commands": ["#!/bin/bash\nset -e\nload\n"],
            "executionTimeout": ["172800"],
            "workingDirectory": ["/srv"],
        },
        {"commands": ["#!/bin/bash\nset -e\nload\n"], "executionTimeout": ["5460"]},
    ]


def test_an_instance_whose_agent_is_not_there_yet_is_waited_for(fleet: Fleet) -> None:
    later = "i-0123456789abcdef9"

    ended = fleet.run("--instance", later, "--command", "load")

    assert ended.code == Exit.NOT_STARTED
    assert f"SSM manages not all of {later}" in ended.err
    assert len(fleet.containers.aws.calls) > 10


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--instance", "web-1", "--command", "x"], "'web-1' is no id of an instance"),
        (["--tag", "role", "--command", "x"], "'role' is no tag: key=value"),
        (["--instance", ONE, "--tag", "a=b", "--command", "x"], "not allowed with"),
        (["--instance", ONE], "one of the arguments --command --script is required"),
        (["--command", "x"], "one of the arguments --instance --tag is required"),
        ([*["--tag", "a=1", "--tag", "b=1", "--tag", "c=1"] * 2, "--command", "x"], ""),
        (
            ["--command", "x", *(w for n in range(6) for w in ("--tag", f"t{n}=1"))],
            "at most 50 times --instance or 5 times --tag",
        ),
    ],
)
def test_a_command_that_can_t_be_read_asks_nothing(
    fleet: Fleet, argv: list[str], told: str
) -> None:
    ended = fleet.run(*argv)

    assert ended.code == (Exit.USAGE if told else Exit.FAILED)
    assert told in ended.err
    assert bool(fleet.containers.aws.calls) is not bool(told)


def test_a_dry_run_prints_what_would_be_asked(fleet: Fleet) -> None:
    ended = fleet.run(*LOAD, "--dry-run")

    told = json.loads(ended.out)
    assert (told["service"], told["operation"]) == ("ssm", "SendCommand")
    assert told["parameters"]["InstanceIds"] == [ONE]
    assert told["parameters"]["Comment"] == "batch-job <token>"
    assert fleet.containers.aws.calls == []


@pytest.mark.parametrize(
    ("allowed", "code"), [("s3://scripts/ec2", Exit.OK), ("s3://scripts/x", Exit.REFUSED)]
)
def test_a_dry_run_says_whether_the_script_may_be_fetched(
    fleet: Fleet, allowed: str, code: Exit
) -> None:
    fleet.containers.environment["BATCH_FILE_ALLOWED"] = allowed

    ended = fleet.run("--instance", ONE, "--script", "s3://scripts/ec2/load.sh", "--dry-run")

    assert ended.code == code
    assert ("is not below s3://scripts/x" in ended.err) is (code is Exit.REFUSED)
    assert fleet.containers.aws.calls == []


@pytest.mark.parametrize("late", [0, 45])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.THROTTLE,
        Fault.LOST_REPLY,
        Fault.LOST_ON_THE_WAY,
        Fault.SERVER_ERROR,
        Fault.SERVER_ERROR_AFTER,
    ],
)
def test_no_command_is_sent_twice_whatever_becomes_of_the_request(
    fleet: Fleet, fault: Fault, late: float
) -> None:
    fleet.ssm.late = late
    fleet.containers.fail_all("SendCommand", fault)

    ended = fleet.run(*LOAD)

    assert ended.code == Exit.OK, ended.err
    assert len(fleet.ssm.commands) == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.LOST_REPLY, Fault.SERVER_ERROR])
def test_looks_that_fail_are_repeated(fleet: Fleet, fault: Fault) -> None:
    fleet.ssm.ends = {ONE: Ends(out="once")}
    for operation in ("ListCommands", "ListCommandInvocations", "GetCommandInvocation"):
        fleet.containers.attempt_again(fleet.containers.directory / operation)
        fleet.ssm.commands.clear()
        fleet.containers.fail_all(operation, fault, fault)

        ended = fleet.run(*LOAD)

        assert ended.code == Exit.OK
        assert ended.out.count("once") == 1
        assert len(fleet.ssm.commands) == 1


def test_a_container_that_dies_at_any_request_leaves_its_command_to_the_next(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.ssm.ends = {ONE: Ends(code=5)}
    fleet.run(*LOAD)
    clean = len(fleet.containers.aws.calls)
    assert clean >= 4
    for index in range(clean):
        fleet.containers.attempt_again(tmp_path / str(index))
        fleet.ssm.commands.clear()
        fleet.containers.die_at(index)
        with pytest.raises(DeadError):
            fleet.run(*LOAD)
        fleet.containers.aws.done = None
        fleet.containers.clock.advance(7200)

        assert fleet.run(*LOAD).code == 5
        assert len(fleet.ssm.commands) == 1


def test_a_command_among_those_of_others_is_found_again(fleet: Fleet) -> None:
    fleet.ssm.page = 2
    for number in range(2, 9):
        fleet.containers.run("ec2", "run", *LOAD, who=replace(WHO, attempt=number))
    fleet.containers.fail_all("SendCommand", Fault.LOST_REPLY)

    ended = fleet.run(*LOAD)

    assert ended.code == Exit.OK
    assert len(fleet.ssm.commands) == 8


def test_a_command_that_can_t_be_looked_for_is_not_sent_again(fleet: Fleet) -> None:
    for number in range(21):
        fleet.ssm.send_command(
            {
                "InstanceIds": [ONE],
                "DocumentName": "AWS-RunShellScript",
                "Parameters": {"commands": [str(number)]},
            }
        )
    fleet.ssm.page = 1
    fleet.containers.fail_all("SendCommand", Fault.LOST_ON_THE_WAY)

    ended = fleet.run(*LOAD)

    assert ended.code == Exit.UNKNOWN
    assert "look in Run Command's history for its comment" in ended.err
    assert len(fleet.ssm.commands) == 21


def test_sigterm_at_any_request_cancels_the_command(fleet: Fleet, tmp_path: Path) -> None:
    fleet.run(*LOAD)
    clean = len(fleet.containers.aws.calls)
    for index in range(clean):
        fleet.containers.attempt_again(tmp_path / str(index))
        fleet.ssm.commands.clear()
        fleet.containers.terminate_at(index)

        ended = fleet.run(*LOAD)

        assert ended.code in (143, Exit.OK), ended.err
        assert (ended.code == 143) is ("Cancelled on" in ended.err)
        assert ended.code == 143 or index >= 2
        assert len(fleet.ssm.commands) == 1
        assert fleet.unended == []


def test_a_command_that_takes_longer_than_the_timeout_is_ended(fleet: Fleet) -> None:
    fleet.ssm.ends = {ONE: Ends(after=10_000)}

    ended = fleet.run(*LOAD, "--timeout", "10m")

    assert ended.code == Exit.TIMED_OUT
    assert f"the command on {ONE} was cancelled" in ended.err
    assert fleet.unended == []
