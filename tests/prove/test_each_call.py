"""Each fault at each call of each small run on a stage: of these `make check` samples a few."""

import pytest

from tests.rehearsal.plots import BY_NAME
from tests.rehearsal.suffering import calls_of, possible, suffer

PARTS = 8  # of a run, so that workers share it


@pytest.mark.prove
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", BY_NAME)
def test_no_fault_at_any_call_loses_or_doubles_anything(name: str, part: int) -> None:
    calls = calls_of(name)
    for index in range(part, len(calls), PARTS):
        for fault in possible(calls[index].operation):
            suffer(BY_NAME[name], {index: fault})
