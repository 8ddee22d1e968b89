"""What batch-job makes of AWS's answers, and of where it runs."""

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError

from fetch_and_run.aws import beginning, client, console, log_page, looking
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.work import AgainError, InDoubtError
from fetch_and_run.world import World

WORLD = World(
    now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    sleep=lambda _: None,
    chance=lambda: 0.5,
    environment={"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a"},
    who=None,
    claims=None,
    out=StringIO(),
    err=StringIO(),
)
URL = "https://glue.example"


def answered(code: str, status: int) -> exceptions.ClientError:
    told = {
        "Error": {"Code": code, "Message": "so\nit\x1b[2J is"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return exceptions.ClientError(told, "StartJobRun")


NOT_BEGUN = {
    "no route": exceptions.EndpointConnectionError(endpoint_url=URL),
    "no connection": exceptions.ConnectTimeoutError(endpoint_url=URL),
    "no proxy": exceptions.ProxyConnectionError(proxy_url=URL),
    "no credentials yet": exceptions.CredentialRetrievalError(provider="p", error_msg="late"),
    "throttled": answered("ThrottlingException", 400),
    "too many": answered("TooManyRequestsException", 429),
}
PERHAPS_BEGUN = {
    "no answer": exceptions.ReadTimeoutError(endpoint_url=URL),
    "dropped": exceptions.ConnectionClosedError(endpoint_url=URL),
    "cut": exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    "broken": exceptions.SSLError(endpoint_url=URL, error="eof"),
    "garbled": ResponseParserError("no JSON"),
    "server error": answered("InternalFailure", 500),
    "unavailable": answered("ServiceUnavailable", 503),
}
REFUSED = {
    "denied": answered("AccessDeniedException", 400),
    "no credentials": exceptions.NoCredentialsError(),
    "not in the model": exceptions.ParamValidationError(report="no"),
}


@pytest.mark.parametrize("error", NOT_BEGUN.values(), ids=NOT_BEGUN)
def test_what_was_surely_not_done_may_be_asked_again(error: Exception) -> None:
    with pytest.raises(AgainError), beginning("Glue"):
        raise error


@pytest.mark.parametrize("error", PERHAPS_BEGUN.values(), ids=PERHAPS_BEGUN)
def test_what_was_perhaps_done_is_in_doubt_and_a_question_may_be_asked_again(
    error: Exception,
) -> None:
    with pytest.raises(InDoubtError), beginning("Glue"):
        raise error
    with pytest.raises(AgainError), looking("Glue"):
        raise error


@pytest.mark.parametrize("error", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_not_begun(error: Exception) -> None:
    with pytest.raises(JobError) as raised, beginning("Glue"):
        raise error
    assert raised.value.code is Exit.NOT_STARTED
    assert raised.value.reason.isprintable()


def test_without_a_region_nothing_is_asked_and_the_reason_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(JobError, match="give AWS_REGION in the job's environment"):
        client(replace(WORLD, environment={}), "glue")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_links_lead_to_the_console_of_the_partition(region: str, host: str) -> None:
    asked = client(replace(WORLD, environment={"AWS_REGION": region}), "glue")

    assert console(asked, "x") == f"https://{host}/x"
    assert log_page(asked, "/aws/lambda/a b").endswith(
        f"?region={region}#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fa$2520b"
    )


@pytest.mark.parametrize(
    ("service", "url"),
    [
        ("stepfunctions", "http://127.0.0.1:2"),
        ("redshift-data", "http://127.0.0.1:3"),
        ("glue", "http://127.0.0.1:1"),
    ],
)
def test_the_endpoint_of_a_service_goes_before_that_of_all(service: str, url: str) -> None:
    told = {
        **WORLD.environment,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_SFN": "http://127.0.0.1:2",
        "AWS_ENDPOINT_URL_REDSHIFT_DATA": "http://127.0.0.1:3",
    }
    assert client(replace(WORLD, environment=told), service).meta.endpoint_url == url
