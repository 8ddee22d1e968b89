"""Beginning work of another service once in an attempt, whatever becomes of requests and answers.

What may have been begun is looked for by its token, and begun again only when surely none was;
where nobody can know, nothing is begun.
"""

import json
from datetime import datetime, timedelta
from hashlib import sha256

from fetch_and_run.course import Course, StoppedError, members_of
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.remote_record import STARTING, STEP, WORK
from fetch_and_run.work import LINK, AgainError, InDoubtError, Remote, Work


def step_of(remote: Remote) -> int:
    """Which of several works it is of."""
    return int(remote.get(STEP, "0"))


class Beginning:
    """The beginning of one work, the step `number` of its attempt."""

    def __init__(self, course: Course, work: Work, number: int) -> None:
        self._course = course
        self._work = work
        self._number = number
        self._token = course.token_of(number)
        asked = json.dumps(work.describe(), sort_keys=True)
        self._digest = sha256(asked.encode()).hexdigest()[:16]

    def begun(self, remote: Remote) -> Remote:
        """What finds the work: what is on record, what is found by its token, or what is begun.

        Raises JobError, CHANGED where what is on record was asked for in other words.
        """
        if not remote or step_of(remote) != self._number:
            return self._started(remote)
        self._check_same(remote)
        if STARTING not in remote:
            what = self._work.what
            self._course.say(f"{what}: following what this attempt has begun already", remote)
            return remote
        found = self._sought(datetime.fromisoformat(remote[STARTING]))
        return self._started(self._before(remote)) if found is None else found

    def _check_same(self, remote: Remote) -> None:
        """An attempt whose script drives two works would take the first one for the second."""
        if remote.get(WORK, self._digest) != self._digest:
            members = ", ".join(members_of(remote))
            reason = f"this attempt has begun other work than {self._work.what} ({members})"
            remedy = "make two jobs of it, or rerun it where what it runs was changed"
            raise JobError(Exit.CHANGED, f"{reason}, and drives one: {remedy}")

    def _started(self, before: Remote) -> Remote:
        course, what = self._course, self._work.what
        delays = course.delays()
        last = course.world.now() + timedelta(seconds=course.patience.starting)
        last = min(last, course.times_out_at or last)
        why = ""
        while not why or course.world.now() < last:
            asked_at = course.world.now()
            self._put_start_on_record(before, asked_at)
            try:
                return self._noted(self._work.start(self._token))
            except AgainError as error:
                why = str(error)
                course.warn(f"{what} can't be begun yet: {why}")
                course.record.tell(before)
            except InDoubtError as error:
                why = str(error)
                course.warn(f"{what}: the answer to its start was lost ({why}); looking for it")
                found = self._sought(asked_at)
                if found is not None:
                    return found
            except JobError:
                course.record.tell(before)
                raise
            course.pauses.pause(next(delays))
        course.record.tell(before)
        reason = f"{what} could not be begun in time, and nothing was: {why}"
        raise JobError(Exit.NOT_STARTED, reason)

    def _put_start_on_record(self, before: Remote, asked_at: datetime) -> None:
        """Tell that a start is being made: the last moment at which surely nothing was begun."""
        course, signal = self._course, self._course.pauses.signal
        if signal is None:
            asked = {**before, STARTING: asked_at.isoformat()}
            course.record.tell_first(self._of_step(asked))
            signal = course.pauses.signal
        if signal is not None:
            course.record.tell(before)
            course.record.catch_up()
            raise StoppedError(f"{self._work.what}: {signal.name} came, and nothing was begun")

    def _sought(self, asked_at: datetime) -> Remote | None:
        """What was perhaps begun then; None when surely nothing was."""
        course = self._course
        settled_at = asked_at + timedelta(seconds=self._work.settling)
        last = course.world.now() + timedelta(seconds=course.patience.starting)
        delays = course.delays()
        why = "it was not to be seen in time"
        while course.world.now() < max(last, settled_at) and not course.grace_is_over():
            looked_at = course.world.now()
            try:
                found = self._work.find(self._token)
            except AgainError as error:
                why = str(error)
            except (InDoubtError, JobError) as error:
                why = str(error)
                break
            else:
                if found is not None:
                    return self._noted(found)
                if looked_at >= settled_at:
                    return None
            course.pauses.pause(next(delays))
        raise JobError(
            Exit.UNKNOWN,
            f"{self._work.what} was perhaps begun, and nobody here can know: {why}. It is not "
            "begun again: see whether it runs or ran, then mark or rerun the job",
        )

    def _noted(self, remote: Remote) -> Remote:
        """Put on record what finds the work again, before it is followed."""
        noted = self._of_step(remote)
        self._course.record.tell(noted)
        self._course.say(f"{self._work.what}: begun", noted)
        self._course.record.tell_link(noted.get(LINK, ""))
        return noted

    def _of_step(self, remote: Remote) -> Remote:
        step = {STEP: str(self._number)} if self._number else {}
        return {**remote, WORK: self._digest, **step}

    def _before(self, remote: Remote) -> Remote:
        """What was on record before the start of this step was asked for."""
        if self._number == 0:
            return {}
        new = (STARTING, STEP, WORK)
        rest = {name: value for name, value in remote.items() if name not in new}
        return {**rest, STEP: str(self._number - 1)}
