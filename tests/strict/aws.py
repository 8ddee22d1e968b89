"""A strict fake of AWS: botocore's own clients, every answer from memory, every call on record."""

import copy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from chalicelib.local.memory_queue import VirtualClock
from tests.simulation.faults import Crash
from tests.strict.answers import REGION, AwsError, Call, Fault, Params, Service
from tests.strict.shapes import ShapeChecks

_KEPT = "strict_params"  # where a call's context has the caller's parameters

Answer = tuple[AWSResponse, dict[str, Any]]
Faults = Callable[[int, str, str], Fault | None]  # (index in calls, service, operation)

# Sent again by botocore's standard mode, besides every 5xx and whatever got no answer.
_SENT_AGAIN = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


class StrictAws:
    """One account in one Region.

    `events` are what EventBridge has yet to deliver, oldest first. `call` is the one that is being
    answered: services tell it what they counted. `caller` is the function that runs, and `done` is
    told of each call as soon as it is done. The SDK sends nothing twice unless `sends_again`: then
    each try is a call, and there are as many as a client's configuration says.
    """

    def __init__(self, clock: VirtualClock, seed: int = 0, *, sends_again: bool = False) -> None:
        self.clock = clock
        self.seed = seed
        self.sends_again = sends_again
        self.faults: Faults | None = None
        self.done: Callable[[Call], object] | None = None
        self.caller = ""
        self.calls: list[Call] = []
        self.events: list[dict[str, Any]] = []
        self.call = Call("", "", clock())
        self._services: dict[str, Service] = {}
        self._clients: dict[tuple[str, int], Any] = {}

    def serve(self, name: str, service: Service) -> None:
        """Let a service answer under botocore's name for it."""
        self._services[name] = service

    def client(self, service_name: str, *, config: Config | None = None) -> Any:
        """The client of a service, the same one each time.

        Of the configuration only the number of tries is heeded: no time-out is real here.
        """
        retries = config.retries if config is not None and config.retries else {}
        key = (service_name, retries.get("total_max_attempts", 3))
        if key not in self._clients:
            self._clients[key] = _twin(self, *key)
        return self._clients[key]

    def count(self, operation: str = "") -> int:
        """How many calls of an operation there were; of all without one."""
        return sum(operation in ("", call.operation) for call in self.calls)

    def units(self) -> tuple[float, float]:
        """The read and write units of DynamoDB that all calls took together."""
        reads = sum(call.read_units for call in self.calls)
        return reads, sum(call.write_units for call in self.calls)

    def permissions(self) -> dict[str, set[str]]:
        """The resources that each action of a policy was needed for."""
        needed: dict[str, set[str]] = {}
        for call in self.calls:
            for action, arn in call.permissions:
                needed.setdefault(action, set()).add(arn)
        return needed

    def answer(self, name: str, tries: int, model: Any, params: Params) -> Answer:
        """What a client of the service gets for a request that it sends at most so often."""
        for left in reversed(range(tries if self.sends_again else 1)):
            try:
                answer = self._answer(name, model, params)
            except (ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError):
                if not left:
                    raise
            else:
                if not left or not self._is_sent_again(answer):
                    return answer
        raise AssertionError("the last try returns or raises")

    def _is_sent_again(self, answer: Answer) -> bool:
        return answer[0].status_code >= 500 or self.calls[-1].error in _SENT_AGAIN

    def _answer(self, name: str, model: Any, params: Params) -> Answer:
        if name not in self._services or model.name not in self._services[name].operations:
            raise NotImplementedError(f"{name} {model.name} isn't faked")
        service = self._services[name]
        call = Call(name, model.name, self.clock(), self.caller)
        self.calls.append(call)
        if self.faults is not None:
            call.fault = self.faults(len(self.calls) - 1, name, model.name)
        try:
            call.permissions = service.permissions(model.name, params)
            answer = self._faulty(call, service, model, params)
        except AwsError as error:
            call.error = error.code
            return _error(error, model)
        _must_be(answer, model.output_shape, model)
        return _response(answer, 200)

    def _faulty(self, call: Call, service: Service, model: Any, params: Params) -> dict[str, Any]:
        _fail_before(call, service)
        answer = self._done(call, service, model, params)
        match call.fault:
            case Fault.CRASH_AFTER:
                raise Crash(f"after {call.operation}")
            case Fault.LOST_REPLY:
                raise ReadTimeoutError(endpoint_url=_url(call))
            case Fault.SERVER_ERROR_AFTER:
                raise _broken(service)
        return answer

    def _done(self, call: Call, service: Service, model: Any, params: Params) -> dict[str, Any]:
        wrong = _CHECKS.request(params, model)
        if wrong:
            told = f"{len(wrong)} validation error{'s' * (len(wrong) > 1)} detected: "
            raise AwsError(service.refusal, told + "; ".join(wrong))
        outer, self.call = self.call, call
        try:
            answer = service.operations[model.name](params)
        finally:
            self.call = outer
        if self.done is not None:
            self.done(call)
        return answer


# One session and one set of checks for all: the models of services are large, and read once.
_SESSION = boto3.session.Session("test", "test", region_name=REGION)
_CHECKS = ShapeChecks()


@cache
def _original(name: str) -> Any:
    """A client that asks for its answers whoever its configuration names."""
    client = _SESSION.client(name)
    # Nobody is asked at an address, and to work it out is a tenth of what a call takes.
    vars(client)["_ruleset_resolver"] = None
    client.meta.events.register_last("before-parameter-build", _keep)
    client.meta.events.register_last("before-call", _ask)
    return client


def model_of(service: str, operation: str) -> Any:
    """What botocore knows of an operation."""
    return _original(service).meta.service_model.operation_model(operation)


def _twin(aws: StrictAws, name: str, tries: int) -> Any:
    """A client that is answered by `aws`; making one anew takes botocore 50 ms."""
    original = _original(name)
    client = object.__new__(type(original))
    vars(client).update(vars(original))
    client.meta = copy.copy(original.meta)
    config = copy.copy(original.meta.config)
    config.answered_by = (aws, name, tries)
    vars(client.meta)["_client_config"] = config
    return client


def _keep(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_KEPT] = params


def _ask(model: Any, context: Any, **_: Any) -> Answer:
    aws, name, tries = context["client_config"].answered_by
    answer: Answer = aws.answer(name, tries, model, context[_KEPT])
    return answer


def _fail_before(call: Call, service: Service) -> None:
    """Raise if the fault of the call keeps it from being done."""
    match call.fault:
        case Fault.CRASH_BEFORE:
            raise Crash(f"before {call.operation}")
        case Fault.LOST_REQUEST:
            raise ConnectTimeoutError(endpoint_url=_url(call))
        case Fault.UNREACHABLE:
            raise EndpointConnectionError(endpoint_url=_url(call))
        case Fault.LOST_ON_THE_WAY:
            raise ReadTimeoutError(endpoint_url=_url(call))
        case Fault.THROTTLE:
            code, status = service.throttled
            raise AwsError(code, "Rate exceeded", status)
        case Fault.SERVER_ERROR:
            raise _broken(service)


def _url(call: Call) -> str:
    return f"https://{call.service}.{REGION}.amazonaws.com"


def _broken(service: Service) -> AwsError:
    return AwsError(service.broken, "We encountered an internal error.", 500)


def _error(error: AwsError, model: Any) -> Answer:
    shape = model.service_model.shape_for_error_code(error.code)
    if shape is not None and error.members:
        _must_be(error.members, shape, model)
    told = {"Error": {"Code": error.code, "Message": error.message}, **error.members}
    return _response(told, error.status)


def _must_be(answer: Mapping[str, Any], shape: Any, model: Any) -> None:
    wrong = _CHECKS.answer(answer, shape, model)
    if wrong:
        raise AssertionError(f"{model.name} never answers so: {'; '.join(wrong)}")


def _response(parsed: Mapping[str, Any], status: int) -> Answer:
    about = {"RequestId": "strict", "HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    return AWSResponse("", status, {}, None), {**parsed, "ResponseMetadata": about}
