"""Invocations of a Lambda function, which has no name to find one again by, and no way to end one.

A synchronous one is answered when the function has ended: that is waited for in a thread, so that a
signal is noticed meanwhile.
"""

import base64
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Thread
from typing import Any

from fetch_and_run.aws import beginning, client, log_page
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.following import add_arguments as add_common_arguments
from fetch_and_run.following import begin_work
from fetch_and_run.kinds.documents import add_document, add_outputs, document, shown, succeeded
from fetch_and_run.work import LINK, AgainError, InDoubtError, Outcome, Remote, Work
from fetch_and_run.world import World

_SERVICE = "Lambda"
_LONGEST = 1830.0  # s to wait for an answer; a function may run for 1800 (API_Invoke)
_ONCE_ONLY = "Lambda can't tell who has invoked a function: look into its log"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--function", required=True, metavar="NAME", help="its name or its ARN")
    parser.add_argument("--qualifier", metavar="ALIAS", help="an alias or a version of it")
    add_document(parser, "payload", "what the function gets")
    parser.add_argument(
        "--async",
        dest="is_async",
        action="store_true",
        help="hand it over and succeed at once: nobody sees what becomes of it",
    )
    add_outputs(parser)
    add_common_arguments(parser)


def begin(arguments: Namespace, world: World) -> int:
    if arguments.is_async and arguments.outputs:
        reason = "--output needs the function's answer, which --async does not wait for"
        raise JobError(Exit.USAGE, reason)
    invocation = Invocation(
        function=arguments.function,
        qualifier=arguments.qualifier or "",
        payload=document(arguments.payload, arguments.payload_file, "payload"),
        world=world,
    )
    work: Work = (
        HandedOver(invocation) if arguments.is_async else WaitedFor(invocation, arguments.outputs)
    )
    return begin_work(work, arguments, world)


class Invocation:
    """What is invoked, in either way."""

    def __init__(self, *, function: str, qualifier: str, payload: str, world: World) -> None:
        self.function = function
        self.world = world
        self._qualifier = qualifier
        self._payload = payload
        self.what = f"Lambda function {function}"

    @cached_property
    def _lambda(self) -> Any:
        return client(self.world, "lambda", read_timeout=_LONGEST)

    @cached_property
    def remote(self) -> Remote:
        """What is on record of an invocation: no more than where to look."""
        name = self.function.rpartition(":function:")[2].partition(":")[0]
        return {"function": self.function, LINK: log_page(self._lambda, f"/aws/lambda/{name}")}

    def ask(self, way: str) -> Mapping[str, Any]:
        """Invoke it. Raises AgainError, InDoubtError, JobError."""
        with beginning(_SERVICE):
            answer: Mapping[str, Any] = self._lambda.invoke(
                **{**self._request(way), "Payload": self._payload.encode()}
            )
            return {**answer, "Payload": answer["Payload"].read().decode(errors="replace")}

    def describe(self, way: str) -> Mapping[str, object]:
        """The request, for --dry-run."""
        request = {**self._request(way), "Payload": json.loads(self._payload)}
        return {"service": "lambda", "operation": "Invoke", "parameters": request}

    def _request(self, way: str) -> dict[str, Any]:
        request = {"FunctionName": self.function, "InvocationType": way}
        request |= {"LogType": "Tail"} if way == "RequestResponse" else {}
        return request | ({"Qualifier": self._qualifier} if self._qualifier else {})


class HandedOver:
    """An invocation that Lambda has put into its queue: it retries it, and tells nobody."""

    settling = 0.0

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.what = invocation.what

    def start(self, _: str) -> Remote:
        answer = self._invocation.ask("Event")
        request = str(answer["ResponseMetadata"].get("RequestId", ""))
        return {**self._invocation.remote, "request": request}

    def find(self, _: str) -> Remote | None:
        raise InDoubtError(f"{_ONCE_ONLY}, {self._invocation.remote[LINK]}")

    def look(self, _: Remote) -> Outcome | None:
        return Outcome(succeeded=True, reason="was handed over; what becomes of it is not followed")

    def cancel(self, _: Remote) -> None:
        raise JobError(Exit.UNKNOWN, "Lambda has it in its queue")

    def describe(self) -> Mapping[str, object]:
        return self._invocation.describe("Event")


@dataclass(slots=True)
class _Call:
    """A request under way in a thread."""

    answer: Mapping[str, Any] | None = None
    error: Exception | None = None


class WaitedFor:
    """An invocation whose answer comes when the function has ended."""

    settling = 0.0

    def __init__(self, invocation: Invocation, outputs: Sequence[tuple[str, str]]) -> None:
        self._invocation = invocation
        self._outputs = outputs
        self._call: _Call | None = None
        self._is_given_up = False
        self.what = invocation.what

    def start(self, _: str) -> Remote:
        remote = self._invocation.remote
        self._invoke()
        return remote

    def find(self, _: str) -> Remote | None:
        raise InDoubtError(f"{_ONCE_ONLY}, {self._invocation.remote[LINK]}")

    def look(self, _: Remote) -> Outcome | None:
        if self._call is None:
            reason = (
                "an earlier container of this attempt has invoked it, and its answer went there"
            )
            raise JobError(Exit.UNKNOWN, reason)
        match self._call.error:
            case AgainError() as error if self._is_given_up:
                return _not_invoked(str(error))
            case AgainError() as error:
                self._invoke()
                raise AgainError(str(error))
            case JobError() as error:
                return _not_invoked(error.reason)
            case Exception() as error:
                raise JobError(Exit.UNKNOWN, str(error)) from error
        return None if self._call.answer is None else self._outcome(self._call.answer)

    def cancel(self, _: Remote) -> None:
        self._is_given_up = True
        if self._call is None or not isinstance(self._call.error, AgainError):
            raise JobError(Exit.UNKNOWN, "Lambda ends no invocation: it runs until it is done")

    def describe(self) -> Mapping[str, object]:
        return self._invocation.describe("RequestResponse")

    def _invoke(self) -> None:
        call = self._call = _Call()

        def ask() -> None:
            try:
                call.answer = self._invocation.ask("RequestResponse")
            except Exception as error:
                call.error = error

        # A daemon: after a signal nobody waits for the answer.
        Thread(target=ask, daemon=True).start()

    def _outcome(self, answer: Mapping[str, Any]) -> Outcome:
        tail = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        print(tail, file=self._invocation.world.out, flush=True)
        if "FunctionError" in answer:
            return Outcome(succeeded=False, reason=f"has failed: {_message(answer['Payload'])}")
        print(shown(answer["Payload"]), file=self._invocation.world.out, flush=True)
        return succeeded(answer["Payload"] or "null", self._outputs)


def _not_invoked(reason: str) -> Outcome:
    reason = f"was not invoked: {reason}"
    return Outcome(succeeded=False, reason=reason, code=Exit.NOT_STARTED)


def _message(payload: str) -> str:
    """A function's error in one line."""
    try:
        told = json.loads(payload)
        words = (told.get("errorType"), told.get("errorMessage"))
        return shown(": ".join(str(word) for word in words if word) or payload)
    except (ValueError, AttributeError):
        return shown(payload)
