"""AWS's trouble in one sentence each, whoever is to blame for it."""

from collections.abc import Callable

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    ReadTimeoutError,
)

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import DynamoCalls, Question, Write
from chalicelib.aws.translation import translated
from chalicelib.errors import BackendError
from tests.aws.wire import Wire, error

MISSING = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
WRITE = Write(table="Runs-dev", key={"k": "x"}, condition="attribute_exists(#k)")
CALLS: dict[str, Callable[[DynamoCalls], object]] = {
    "GetItem": lambda calls: calls.get("Runs-dev", {"k": "x"}),
    "BatchGetItem": lambda calls: calls.get_many("Runs-dev", [{"k": "x"}]),
    "Query": lambda calls: list(calls.query(Question(table="Runs-dev", condition="", values={}))),
    "UpdateItem": lambda calls: calls.write(Write(table="Runs-dev", key={"k": "x"})),
    "TransactWriteItems": lambda calls: calls.transact([WRITE]),
}


def said(trouble: Exception, resource: str = "") -> BackendError:
    with pytest.raises(BackendError) as caught, translated("S3", "PutObject", resource):
        raise trouble
    return caught.value


def answer(code: str, message: str, status: int = 400) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutObject")


@pytest.mark.parametrize("operation", CALLS)
def test_a_table_that_is_not_there_is_named_with_what_it_means(operation: str) -> None:
    calls = DynamoCalls(Clients(Wire(error(400, MISSING, "Requested resource not found"))))
    with pytest.raises(BackendError) as caught:
        CALLS[operation](calls)
    assert str(caught.value) == (
        f"DynamoDB {operation}: there is no table Runs-dev in this account and region: "
        "is the stage deployed there?"
    )
    assert not caught.value.retryable


def test_what_no_stage_must_have_is_told_in_awss_words() -> None:
    assert str(said(answer("NoSuchBucket", "It is not there"))) == (
        "S3 PutObject: NoSuchBucket: It is not there"
    )


def test_a_page_instead_of_an_answer_is_cut_to_one_line() -> None:
    page = "<html>\n<body>\n" + "Access to this site is logged.\n" * 1000
    told = str(said(answer("503", page, 503)))
    assert told.startswith("S3 PutObject: 503: <html> <body> Access to this site")
    assert len(told.splitlines()) == 1
    assert len(told) < 1100


@pytest.mark.parametrize(
    ("trouble", "words", "passing"),
    [
        (NoRegionError(), "no region is set", False),
        (NoCredentialsError(), "no credentials were found", False),
        (ProfileNotFound(profile="me"), r"profile \(me\) could not be found", False),
        (ReadTimeoutError(endpoint_url="https://x"), "Read timeout", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_botocore_can_not_do_is_told_and_only_the_network_may_pass(
    trouble: BotoCoreError, words: str, passing: bool
) -> None:
    found = said(trouble)
    assert found.retryable is passing
    assert len(str(found).splitlines()) == 1
    with pytest.raises(BackendError, match=words):
        raise found
