"""AWS's errors as ours, in one place: which may pass, and which will not."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)

from chalicelib.errors import BackendError

# What a later call may not meet again. Besides these, every answer of the 5xx kind.
_PASSING = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "ThrottledException",
        "ConditionalRequestConflict",
        "TooManyRequestsException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

_LONGEST = 1024  # characters of a reason
# What botocore says of a person's own settings, and what he can do about it.
_NO_REGION = "no region is set: AWS_REGION, `region` in .batch-scheduler.toml, or the profile's"
_NO_CREDENTIALS = "no credentials were found: run `aws configure`, or name a profile: AWS_PROFILE"
# What a stage has, and what therefore is not there unless the stage is.
_MISSING = frozenset({"ResourceNotFoundException", "NoSuchBucket"})


@contextmanager
def translated(service: str, operation: str, resource: str = "") -> Iterator[None]:
    """Raise BackendError for whatever botocore raises; the error stays as its cause.

    `resource` is what every stage has, so that it can be said which stage there is not.
    """
    try:
        yield
    except ClientError as error:
        raise backend_error(service, operation, error, resource) from error
    except NoRegionError as error:
        raise BackendError(service, operation, _NO_REGION, retryable=False) from error
    except NoCredentialsError as error:
        raise BackendError(service, operation, _NO_CREDENTIALS, retryable=False) from error
    except BotoCoreError as error:
        # No answer, or no connection: the call may have been done, and may succeed later.
        passing = isinstance(error, HTTPClientError)
        raise BackendError(service, operation, str(error), retryable=passing) from error


def code_of(error: ClientError) -> str:
    """The error's name in the API reference, such as `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def backend_error(
    service: str, operation: str, error: ClientError, resource: str = ""
) -> BackendError:
    """What an answer that is an error means to us."""
    code = code_of(error)
    if resource and code in _MISSING:
        reason = f"there is no {resource} in this account and region: is the stage deployed there?"
        return BackendError(service, operation, reason, retryable=False)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    told = f"{code}: {error.response.get('Error', {}).get('Message', '')}"
    # What stands between us and AWS, such as a proxy, may answer with a whole page.
    reason = " ".join(told.split())[:_LONGEST]
    return BackendError(service, operation, reason, retryable=code in _PASSING or status >= 500)
