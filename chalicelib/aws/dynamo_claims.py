"""Claims as items of the Jobs table, each run's under a key of its own (fetch_and_run/claims.py).

No job's role may write any other item of that table than those (dynamodb:LeadingKeys).
"""

from collections.abc import Iterable, Mapping

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import DynamoCalls
from chalicelib.aws.names import Tables
from chalicelib.core.claims import AttemptKey, Claim, parse_claim

_WANTED = ("run", "jobName", "owner", "progress", "outputs", "links")


class DynamoClaims:
    """claim_ports.Claims."""

    def __init__(self, clients: Clients, tables: Tables) -> None:
        self._calls = DynamoCalls(clients)
        self._table = tables.jobs

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        """The claims that there are; consistent, for most are written a moment before."""
        keys = {claim_key(key): key for key in attempts}
        asked = [{"run": run, "jobName": name} for run, name in keys]
        items = self._calls.get_many(self._table, asked, _WANTED)
        return {keys[item["run"], item["jobName"]]: parse_claim(item) for item in items}


def claim_key(key: AttemptKey) -> tuple[str, str]:
    """The values of `run` and `jobName` of an attempt's claim."""
    return f"#claim#{key.run_id}", f"{key.job}#{key.attempt}"
