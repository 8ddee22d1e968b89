"""What there is to see of a run on a store in reach, besides what its ports tell."""

from chalicelib.services.explanations import Explanation, explain
from chalicelib.services.logs import LogSource
from chalicelib.services.served import Served


class OwnViews:
    """verbs.asked.Views."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def explain(self, run_id: str, job: str) -> Explanation:
        return explain(self._served, run_id, job)

    def log(self, run_id: str, which: tuple[str, str], attempt: str) -> LogSource:
        return LogSource(self._served, run_id, which, attempt)

    def driven_by(self, run_id: str) -> str | None:
        """Whoever drives here drives all runs."""
        del run_id
        return self._served.holder()
