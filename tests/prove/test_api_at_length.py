"""Requests made of the API's description by the thousand: every answer is as described."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, HookContext

from tests.functional.api.generated import CHECKS, narrowed, wsgi_app

schema = schemathesis.openapi.from_dict(narrowed())
schema.app = wsgi_app()
schema.config.phases.coverage.unexpected_methods = set()


@schema.hook
def filter_path_parameters(context: HookContext, path_parameters: Any) -> bool:
    """Leave out what these tests can't send: their client takes a ? for a query's beginning."""
    del context
    return "?" not in str(path_parameters)


# 39 operations, each asked so many times and besides at all bounds that the description names.
@pytest.mark.prove
@schema.parametrize()
@settings(max_examples=3_000, deadline=None, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_every_answer_is_as_described_however_often(case: "Case[Any]") -> None:
    case.call_and_validate(checks=CHECKS)
