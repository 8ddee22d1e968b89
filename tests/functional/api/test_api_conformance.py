"""The API does what its description says, whatever is asked."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.functional.api.generated import busy_desk, narrowed, wsgi_app

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
schema = schemathesis.openapi.from_dict(narrowed())
schema.app = wsgi_app(busy_desk())
# Methods that a path has not never come to the app: gateways refuse them, and so does ours.
schema.config.phases.coverage.unexpected_methods = set()


@schema.parametrize()
@settings(max_examples=8, derandomize=True, deadline=None, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_every_answer_is_as_described(case: "Case[Any]") -> None:
    case.call_and_validate(checks=CHECKS)
