"""Ending work of another service: asking until it is asked for, and looking what became of it."""

from fetch_and_run.exits import JobError
from fetch_and_run.work import AgainError, Outcome, Remote, Work


class Cancelling:
    """The end of one work, asked for once."""

    def __init__(self, work: Work, remote: Remote) -> None:
        self._work = work
        self._remote = remote
        self._is_asked = False
        self._refused = ""
        self._why = "it could not be asked"
        self.outcome: Outcome | None = None

    def goes_on(self) -> bool:
        """Ask for the end unless it was asked for, then look; whether the work still goes on."""
        try:
            if not self._is_asked and not self._refused:
                self._ask()
            self.outcome = self._work.look(self._remote)
        except (AgainError, JobError) as error:
            self._why = str(error)
        return self.outcome is None

    def _ask(self) -> None:
        try:
            self._work.cancel(self._remote)
            self._is_asked = True
        except JobError as error:
            self._refused = error.reason

    @property
    def is_refused(self) -> bool:
        """Whether nothing can ask for the end."""
        return bool(self._refused)

    @property
    def is_in_vain(self) -> bool:
        """Whether the work may go on for good."""
        return self.outcome is None and not self._is_asked

    @property
    def words(self) -> str:
        """What became of it, as a clause."""
        if self.outcome is not None:
            return f"was cancelled: {' '.join(self.outcome.reason.split())}"
        if self._is_asked:
            return "was cancelled, and was ending yet when last seen"
        return f"could not be cancelled and may go on ({self._refused or self._why})"
