"""Executions of a state machine. The attempt's token is the execution's name: it begins once."""

import json
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from fetch_and_run.aws import beginning, client, code_of, console, looking
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.following import add_arguments as add_common_arguments
from fetch_and_run.following import begin_work
from fetch_and_run.kinds.documents import add_document, add_outputs, document, shown, succeeded
from fetch_and_run.work import LINK, AgainError, Outcome, Remote
from fetch_and_run.world import World

_SERVICE = "Step Functions"
_ARN = re.compile(r"arn:[\w-]+:states:[\w-]+:\d{12}:stateMachine:[^:/\s]+(:[^:/\s]+)?")
_MOST_UNSEEN = 20  # looks at an execution that was begun: DescribeExecution may lag behind
_WORDS = {"FAILED": "has failed", "TIMED_OUT": "has timed out", "ABORTED": "was stopped"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--state-machine",
        required=True,
        type=_arn,
        metavar="ARN",
        help="a standard state machine, or a version or an alias of one",
    )
    add_document(parser, "input", "the execution's input")
    add_outputs(parser)
    add_common_arguments(parser)


def begin(arguments: Namespace, world: World) -> int:
    given = document(arguments.input, arguments.input_file, "input")
    work = Execution(arguments.state_machine, given, arguments.outputs, world)
    return begin_work(work, arguments, world)


class Execution:
    """One execution.

    Its start is idempotent (API_StartExecution): who is in doubt asks for it again.
    """

    settling = 0.0

    def __init__(
        self, machine: str, given: str, outputs: Sequence[tuple[str, str]], world: World
    ) -> None:
        self._machine = machine
        self._input = given
        self._outputs = outputs
        self._world = world
        self._unseen = 0
        self.what = f"state machine {machine.split(':stateMachine:')[1]}"

    @cached_property
    def _states(self) -> Any:
        return client(self._world, "stepfunctions")

    def start(self, token: str) -> Remote:
        with looking(_SERVICE):
            # Without the definition, no key that it is encrypted with is needed.
            kind = self._states.describe_state_machine(
                stateMachineArn=self._machine, includedData="METADATA_ONLY"
            )["type"]
        if kind != "STANDARD":
            reason = f"{self.what} is an express one, whose executions can't be followed"
            raise JobError(Exit.REFUSED, reason)
        with beginning(_SERVICE):
            try:
                begun = self._states.start_execution(**self._request(token))
                return self._remote(begun["executionArn"])
            except ClientError as error:
                if code_of(error) == "ExecutionLimitExceeded":
                    raise AgainError("too many executions are open") from error
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
        return self._remote(self._arn_of(token))

    def find(self, token: str) -> Remote | None:
        remote = self._remote(self._arn_of(token))
        return None if self._described(remote) is None else remote

    def look(self, remote: Remote) -> Outcome | None:
        told = self._described(remote)
        if told is None:
            self._unseen += 1
            if self._unseen > _MOST_UNSEEN:
                raise JobError(Exit.UNKNOWN, f"{_SERVICE} knows no execution of it any more")
            raise AgainError(f"{_SERVICE} does not show the execution yet")
        status = told["status"]
        if status == "SUCCEEDED":
            answer = told.get("output", "null")
            print(shown(answer), file=self._world.out, flush=True)
            return succeeded(answer, self._outputs)
        if status not in _WORDS:
            return None
        why = " ".join(filter(None, (told.get("error"), told.get("cause"))))
        reason = f"{_WORDS[status]}: {shown(why)}" if why else _WORDS[status]
        return Outcome(succeeded=False, reason=reason)

    def cancel(self, remote: Remote) -> None:
        with looking(_SERVICE):
            # Without a cause: with one it would need the key of an encrypted execution.
            self._states.stop_execution(executionArn=remote["execution"])

    def describe(self) -> Mapping[str, object]:
        request = {**self._request("<token>"), "input": json.loads(self._input)}
        return {
            "service": "stepfunctions",
            "operation": "StartExecution",
            "parameters": request,
        }

    def _request(self, token: str) -> dict[str, str]:
        return {"stateMachineArn": self._machine, "name": token, "input": self._input}

    def _arn_of(self, token: str) -> str:
        parts = self._machine.split(":")
        return ":".join([*parts[:5], "execution", parts[6], token])

    def _remote(self, arn: str) -> Remote:
        region = self._states.meta.region_name
        page = f"states/home?region={region}#/v2/executions/details/{arn}"
        return {"execution": arn, LINK: console(self._states, page)}

    def _described(self, remote: Remote) -> Mapping[str, Any] | None:
        """What the service tells of it; None when it shows none."""
        with looking(_SERVICE):
            try:
                told: Mapping[str, Any] = self._states.describe_execution(
                    executionArn=remote["execution"]
                )
            except ClientError as error:
                if code_of(error) == "ExecutionDoesNotExist":
                    return None
                raise
        return told


def _arn(text: str) -> str:
    if not _ARN.fullmatch(text):
        raise ArgumentTypeError(
            f"{text!r} is no ARN of a state machine: "
            "arn:aws:states:eu-central-1:123456789012:stateMachine:name"
        )
    return text
