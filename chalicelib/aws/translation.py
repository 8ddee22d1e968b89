"""AWS's errors as ours, in one place: which may pass, and which will not."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

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


@contextmanager
def translated(service: str, operation: str) -> Iterator[None]:
    """Raise BackendError for whatever botocore raises; the error stays as its cause."""
    try:
        yield
    except ClientError as error:
        raise backend_error(service, operation, error) from error
    except BotoCoreError as error:
        # No answer, or no connection: the call may have been done, and may succeed later.
        passing = isinstance(error, HTTPClientError)
        raise BackendError(service, operation, str(error), retryable=passing) from error


def code_of(error: ClientError) -> str:
    """The error's name in the API reference, such as `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def backend_error(service: str, operation: str, error: ClientError) -> BackendError:
    """What an answer that is an error means to us."""
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = f"{code}: {error.response.get('Error', {}).get('Message', '')}".strip()
    return BackendError(service, operation, reason, retryable=code in _PASSING or status >= 500)
