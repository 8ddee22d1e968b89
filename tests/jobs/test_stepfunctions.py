"""`batch-job stepfunctions`, before a strict fake of state machines."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.containers import WHO, Containers, DeadError, Ended, containers
from tests.jobs.state_machines import ARN, StateMachines
from tests.strict.answers import Fault

NIGHTLY = f"{ARN}:stateMachine:nightly"
EXECUTION = f"{ARN}:execution:nightly:{WHO.token}"
TERMINATED = 143


class Account:
    """State machines, and the containers of one attempt that ask for executions."""

    def __init__(self, made: Containers, machines: StateMachines) -> None:
        self.containers = made
        self.machines = machines

    def run(self, *words: str, machine: str = NIGHTLY) -> Ended:
        return self.containers.run("stepfunctions", "--state-machine", machine, *words)

    def operations(self) -> list[str]:
        return [call.operation for call in self.containers.aws.calls]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made_for: list[StateMachines] = []

    def machines(clock: object) -> StateMachines:
        made_for.append(StateMachines(clock))  # type: ignore[arg-type]
        return made_for[0]

    with containers(tmp_path, stepfunctions=machines) as made:
        yield Account(made, made_for[0])


def test_an_execution_has_the_token_for_its_name_and_prints_its_output(account: Account) -> None:
    account.machines.output = '{"rows": 12}'

    ended = account.run("--input", '{"day": "2026-07-01"}')

    assert ended.code == Exit.OK
    assert account.machines.executions[EXECUTION].given == '{"day": "2026-07-01"}'
    assert '{"rows": 12}' in ended.out.splitlines()
    assert ended.out.splitlines()[-1] == (
        "state machine nightly has succeeded; see https://eu-central-1.console.aws.amazon.com/"
        f"states/home?region=eu-central-1#/v2/executions/details/{EXECUTION}"
    )


def test_an_alias_may_be_run_with_input_from_a_file(account: Account, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"größe": 1}', encoding="utf-8")

    ended = account.run("--input-file", str(tmp_path / "input.json"), machine=f"{NIGHTLY}:PROD")

    assert ended.code == Exit.OK
    assert account.machines.executions[EXECUTION].given == '{"größe": 1}'


def test_members_of_the_output_become_outputs_of_the_job(account: Account) -> None:
    account.machines.output = json.dumps({"load": {"rows": 12}, "files": [{"key": "a.csv"}]})

    account.run("--output", "rows=load.rows", "--output", "first=files.0.key")

    assert account.containers.claim().outputs == {"rows": "12", "first": "a.csv"}


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("{}", "gives no output rows: load.rows is not in it"),
        (json.dumps({"load": {"rows": "x" * 1025}}), "it has 1025 characters, and may have 1024"),
    ],
)
def test_an_output_that_is_not_there_is_a_failure(account: Account, output: str, said: str) -> None:
    account.machines.output = output

    ended = account.run("--output", "rows=load.rows")

    assert ended.code == Exit.FAILED
    assert said in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("FAILED", "has failed: States.TaskFailed no such table"),
        ("TIMED_OUT", "has timed out"),
        ("ABORTED", "was stopped"),
    ],
)
def test_an_execution_that_fails_tells_why(account: Account, status: str, said: str) -> None:
    account.machines.status = status
    account.machines.error, account.machines.cause = "States.TaskFailed", "no such\ntable"

    ended = account.run()

    assert ended.code == Exit.FAILED
    assert f"state machine nightly {said}; see https://" in ended.err.splitlines()[-1]


def test_an_express_machine_is_refused_before_anything_is_begun(account: Account) -> None:
    ended = account.run(machine=f"{ARN}:stateMachine:quick")

    assert ended.code == Exit.REFUSED
    assert "an express one, whose executions can't be followed" in ended.err
    assert not account.machines.executions


def test_too_many_open_executions_are_waited_for(account: Account) -> None:
    account.machines.most = 1
    account.machines.start_execution({"stateMachineArn": NIGHTLY, "name": "other", "input": "{}"})

    ended = account.run()

    assert ended.code == Exit.OK
    assert "too many executions are open" in ended.err


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.LOST_ON_THE_WAY])
@pytest.mark.parametrize("lasts", [0, 60])
def test_a_start_that_was_not_heard_of_is_made_again_without_harm(
    account: Account, fault: Fault, lasts: float
) -> None:
    account.machines.lasts, account.machines.lag = lasts, 10
    account.containers.fail_all("StartExecution", fault)

    ended = account.run()

    assert ended.code == Exit.OK
    assert list(account.machines.executions) == [EXECUTION]


def test_a_container_that_died_in_its_start_is_followed_by_one_that_adopts(
    account: Account,
) -> None:
    account.containers.die_at(1)
    with pytest.raises(DeadError):
        account.run()

    assert account.run().code == Exit.OK
    assert account.operations().count("StartExecution") == 1


def test_an_execution_that_is_gone_is_not_looked_for_for_ever(account: Account) -> None:
    account.machines.lag = 10**9

    ended = account.run()

    assert ended.code == Exit.UNKNOWN
    assert "knows no execution of it any more; see https://" in ended.err.splitlines()[-1]


def test_a_signal_stops_the_execution(account: Account) -> None:
    account.containers.terminate_at(3)

    ended = account.run()

    assert ended.code == TERMINATED
    assert not account.machines.running()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--state-machine", "nightly"), Exit.USAGE, "'nightly' is no ARN of a state machine"),
        (("--input", "{day: 1}"), Exit.REFUSED, "--input is no JSON"),
        (("--input-file", "/none.json"), Exit.REFUSED, "/none.json can't be read: No such file"),
        (("--output", "rows"), Exit.USAGE, "'rows' has no =; it would be name=value"),
        (("--output", "1=rows"), Exit.USAGE, "'1' is no name"),
        (("--output", "rows="), Exit.USAGE, "'rows=' names no member"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    account: Account, words: tuple[str, ...], code: Exit, said: str
) -> None:
    ended = account.run(*words)

    assert ended.code == code
    assert said in ended.err
    assert not account.operations()


def test_a_dry_run_tells_the_request_and_asks_nothing(account: Account) -> None:
    ended = account.run("--input", '{"day": 1}', "--dry-run")

    assert json.loads(ended.out) == {
        "service": "stepfunctions",
        "operation": "StartExecution",
        "parameters": {"stateMachineArn": NIGHTLY, "name": "<token>", "input": {"day": 1}},
    }
    assert not account.operations()
