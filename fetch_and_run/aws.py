"""AWS's services as kinds ask them: one send a request, and what its failure means."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import quote

import boto3
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.printing import in_one_line
from fetch_and_run.work import AgainError, InDoubtError
from fetch_and_run.world import World

_CONNECT_TIMEOUT = 3  # s
_READ_TIMEOUT = 8  # s; a signal leaves 30 s for the request under way and those that cancel
_THROTTLES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "EC2ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "SlowDown",
    }
)
# Before anything of the request was sent.
_NOT_SENT = (
    exceptions.EndpointConnectionError,
    exceptions.ConnectTimeoutError,
    exceptions.ProxyConnectionError,
    exceptions.CredentialRetrievalError,
    exceptions.MetadataRetrievalError,
)
# Of these some come after it was sent: TLS may break at any byte.
_LOST = (
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
    exceptions.SSLError,
    ResponseParserError,
)


def client(world: World, service: str, read_timeout: float = _READ_TIMEOUT) -> Any:
    """A client that sends each request once: who asked knows whether to ask again.

    Raises JobError when the region is nowhere to be found.
    """
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=read_timeout,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    told = world.environment
    try:
        return _session(
            told.get("AWS_REGION") or told.get("AWS_DEFAULT_REGION"),
            told.get("AWS_ACCESS_KEY_ID"),
            told.get("AWS_SECRET_ACCESS_KEY"),
            told.get("AWS_SESSION_TOKEN"),
        ).client(service, config=config, endpoint_url=_endpoint(service, told))
    except exceptions.NoRegionError as error:
        reason = "no region of AWS is set: give AWS_REGION in the job's environment"
        raise JobError(Exit.NOT_STARTED, reason) from error


def _endpoint(service: str, told: Mapping[str, str]) -> str | None:
    """Where the environment says that a service is, as botocore reads it (AWS_ENDPOINT_URL_SFN)."""
    own = ""
    if any(name.startswith("AWS_ENDPOINT_URL_") for name in told):
        service_id = get_session().get_service_model(service).service_id
        own = told.get(f"AWS_ENDPOINT_URL_{service_id.replace(' ', '_').upper()}", "")
    return own or told.get("AWS_ENDPOINT_URL")


@cache
def _session(region: str | None, key: str | None, secret: str | None, token: str | None) -> Any:
    return boto3.session.Session(key, secret, token, region)


@contextmanager
def beginning(service: str) -> Iterator[None]:
    """Around a request that begins work: what its failure says of whether it began.

    Raises AgainError when surely not, InDoubtError when nobody knows, JobError when refused.
    """
    try:
        yield
    except _NOT_SENT as error:
        raise AgainError(f"{service} is out of reach: {_in_one_line(error)}") from error
    except _LOST as error:
        raise InDoubtError(f"no answer of {service}: {_in_one_line(error)}") from error
    except exceptions.ClientError as error:
        if code_of(error) in _THROTTLES:
            raise AgainError(_words(service, error)) from error
        if _status_of(error) >= 500:
            raise InDoubtError(_words(service, error)) from error
        raise JobError(Exit.NOT_STARTED, _words(service, error)) from error
    except exceptions.BotoCoreError as error:
        reason = f"{service} was not asked: {_in_one_line(error)}"
        raise JobError(Exit.NOT_STARTED, reason) from error


@contextmanager
def looking(service: str) -> Iterator[None]:
    """Around a request that does no harm when it is repeated. Raises AgainError, JobError."""
    try:
        with beginning(service):
            yield
    except InDoubtError as error:
        raise AgainError(str(error)) from error


def code_of(error: exceptions.ClientError) -> str:
    """The code of an error that a service answered."""
    return str(error.response.get("Error", {}).get("Code", ""))


def console(asked: Any, path: str) -> str:
    """A page of AWS's console, in the region of the client."""
    region = asked.meta.region_name
    if region.startswith("cn-"):
        return f"https://{region}.console.amazonaws.cn/{path}"
    if region.startswith("us-gov-"):
        return f"https://console.amazonaws-us-gov.com/{path}"
    return f"https://{region}.console.aws.amazon.com/{path}"


def log_page(asked: Any, group: str, stream: str = "") -> str:
    """The console's page of a log group, or of one of its streams."""
    page = f"#logsV2:log-groups/log-group/{_in_fragment(group)}"
    if stream:
        page += f"/log-events/{_in_fragment(stream)}"
    return console(asked, f"cloudwatch/home?region={asked.meta.region_name}{page}")


def _in_fragment(name: str) -> str:
    # The console decodes a name twice, and has $ for %.
    return quote(quote(name, safe=""), safe="").replace("%", "$")


def _words(service: str, error: exceptions.ClientError) -> str:
    message = error.response.get("Error", {}).get("Message", "")
    return f"{service} answered {code_of(error)}: {_in_one_line(message)}"


def _in_one_line(told: object) -> str:
    return in_one_line(str(told))


def _status_of(error: exceptions.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
