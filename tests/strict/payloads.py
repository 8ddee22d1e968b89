"""What may pass between the services: the sizes that Lambda, Step Functions and EventBridge take.

For harnesses that call handlers themselves, where nothing else would notice.
"""

import json
from typing import Any

from tests.strict.answers import AwsError

# Bytes of the JSON text: docs of Lambda (quotas), Step Functions (SensitiveData), API_PutEvents.
MOST = {
    "a synchronous payload": 6 * 1024 * 1024,
    "an asynchronous payload": 1024 * 1024,
    "a state": 262_144,
    "an event": 262_144 - 1,
}
_CODES = {
    "a synchronous payload": ("RequestTooLargeException", 413),
    "an asynchronous payload": ("RequestTooLargeException", 413),
    "a state": ("States.DataLimitExceeded", 400),
    "an event": ("ValidationException", 400),
}


def check_payload(kind: str, payload: Any) -> None:
    """Raise AwsError if that is more than fits. `kind` is a key of MOST."""
    size = len(json.dumps(payload).encode())
    if size > MOST[kind]:
        code, status = _CODES[kind]
        raise AwsError(code, f"{kind} has {size} bytes, at most {MOST[kind]}", status)
