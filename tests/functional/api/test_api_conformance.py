"""The API does what its description says, whatever is asked."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from tests.functional.api.generated import CHECKS, narrowed, wsgi_app

schema = schemathesis.openapi.from_dict(narrowed())
schema.app = wsgi_app()
# Methods that a path has not never come to the app: gateways refuse them, and so does ours.
schema.config.phases.coverage.unexpected_methods = set()


@schema.parametrize()
@settings(max_examples=8, derandomize=True, deadline=None, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_every_answer_is_as_described(case: "Case[Any]") -> None:
    case.call_and_validate(checks=CHECKS)
