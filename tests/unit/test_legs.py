"""What travels between the states of an execution: a few words, whatever the size of the run."""

import json
from datetime import UTC, datetime

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.naming import MAX_EXECUTION_NAME, run_id
from chalicelib.services.steps import Leg, Next

LONGEST_ID = "s" * 128  # of a schedule
LONGEST_TOKEN = 2048  # characters (API_SendTaskSuccess)


def test_the_longest_names_and_numbers_and_a_token_travel_in_less_than_4_kb() -> None:
    started_at = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
    largest = Leg(
        run_id=run_id(LONGEST_ID, started_at),
        driver="d" * MAX_EXECUTION_NAME,
        generation=10**9,
        status=RunStatus.CANCELLED,
        turn=10**9,
        wait=10**9,
        told=True,
        next=Next.NOTIFY,
    )
    payload = {"leg": largest.to_json(), "token": "t" * LONGEST_TOKEN}
    assert len(json.dumps(payload)) < 4096
