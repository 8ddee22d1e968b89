"""Claims in memory, for tests and simulations: texts, as any job may have left them."""

import json
from collections.abc import Iterable, Mapping

from chalicelib.core.claims import AttemptKey, Claim, parse_claim


class MemoryClaims:
    """claim_ports.Claims; `put` is what `batch-job` does."""

    def __init__(self) -> None:
        self._texts: dict[AttemptKey, str] = {}

    def put(self, key: AttemptKey, record: object) -> None:
        """Keep a claim with these members, or whatever else a job has put there."""
        self._texts[key] = json.dumps(record)

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        """The claims that there are."""
        known = (key for key in attempts if key in self._texts)
        return {key: parse_claim(json.loads(self._texts[key])) for key in known}
