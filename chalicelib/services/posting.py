"""Puts what the rules of a schedule want told into the outbox; `delivering` takes it from there.

Each notice has the id that it would have again: whoever was cut off does it again, and nothing is
doubled.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from chalicelib.core import notice_words
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.notice_rules import NoticeRule, Occasion, wanted
from chalicelib.core.notice_words import Failed
from chalicelib.core.notices import Letter, News, Words, letters
from chalicelib.core.run import Run, RunHeader
from chalicelib.notice_ports import Untold
from chalicelib.ports import Ports
from chalicelib.services.finding import counts_of
from chalicelib.services.overview import FAILED

_END = "END"  # the act by which a run ends (services.turn)
_LOOKED_AT = 10  # runs before this one that are looked at for how the schedule went
_AT_ONCE = 100  # ended runs that are told of in one go
# How long a letter is left to whoever posts it, where others deliver as well.
OWN = timedelta(minutes=2)
_NOW = timedelta()


def post_end(ports: Ports, header: RunHeader, later: timedelta = _NOW) -> list[Letter]:
    """How the run ended. What is posted is to be tried after `later`; given is what was new."""
    # Whoever drove may have been cut off before it could tell of the failure that the run ends by.
    posted = post_first_failure(ports, header, later) if has_failed(header.counts) else []
    kinds = _kinds_of_end(ports, header)
    if not wanted(header.policy.notify, kinds):
        return posted
    is_failed = header.status is not RunStatus.SUCCEEDED
    words = notice_words.of_end(
        header,
        counts_of(header),
        blamed(ports, header) if is_failed else (),
        ports.where,
        recovered=Occasion.RECOVERED in kinds,
    )
    at = header.ended_at or ports.clock()
    news = [news_of(header, kind, words, at) for kind in kinds]
    return posted + post(ports, header.policy.notify, news, later)


class Poster:
    """Posts what is seen of runs while they are driven; `wake` is called when there is something.

    `hear` is told each end before it is posted: what waits for it starts.

    Ends are posted from what the store says is untold: whoever drives next makes good what the one
    before was cut off from.
    """

    def __init__(
        self,
        ports: Ports,
        untold: Untold,
        wake: Callable[[], None],
        hear: Callable[[RunHeader], object] = lambda _: None,
    ) -> None:
        self._hear = hear
        self._ports = ports
        self._untold = untold
        self._wake = wake
        self._told: dict[str, set[tuple[int, Occasion]]] = defaultdict(set)

    def look_at(self, run: Run) -> None:
        """Post what is worth telling while a run goes on, once a generation."""
        header, told = run.header, self._told[run.header.run_id]
        failure = header.generation, Occasion.JOB_FAILED
        if failure not in told and has_failed(run.counts):
            self._after(post_first_failure(self._ports, header))
            told.add(failure)
        stuck = header.generation, Occasion.STUCK
        if stuck not in told and (posted := post_stuck(self._ports, run)) is not None:
            self._after(posted)
            told.add(stuck)

    def tell_ends(self) -> None:
        """Post the ends of runs that nobody was told of, and let what waits for them start."""
        for header in self._untold.untold(_AT_ONCE):
            self._hear(header)
            self._after(post_end(self._ports, header))
            self._untold.told(header)
            self._told.pop(header.run_id, None)

    def _after(self, posted: Sequence[Letter]) -> None:
        if posted:
            self._wake()


def post_first_failure(ports: Ports, header: RunHeader, later: timedelta = _NOW) -> list[Letter]:
    """A job has failed, the first of its generation; nothing if none of them is failed now."""
    rules = header.policy.notify
    if not wanted(rules, [Occasion.JOB_FAILED]):
        return []
    failed = failed_jobs(ports, header)
    if not failed:
        return []
    words = notice_words.of_first_failure(header, failed, ports.where)
    news = news_of(header, Occasion.JOB_FAILED, words, ports.clock())
    return post(ports, rules, [news], later)


def post_stuck(ports: Ports, run: Run, later: timedelta = _NOW) -> list[Letter] | None:
    """Jobs wait in RUNNABLE for too long; None if none does, or nobody wants to know."""
    header, now = run.header, ports.clock()
    if not wanted(header.policy.notify, [Occasion.STUCK]):
        return None
    stuck = notice_words.stuck_jobs(run, now)
    if not stuck:
        return None
    words = notice_words.of_stuck(header, stuck, ports.where)
    news = news_of(header, Occasion.STUCK, words, now)
    return post(ports, header.policy.notify, [news], later)


def post_driver_failed(
    ports: Ports, header: RunHeader, reason: str, later: timedelta = _NOW
) -> list[Letter]:
    """Nobody drives the run for now."""
    if not wanted(header.policy.notify, [Occasion.DRIVER_FAILED]):
        return []
    words = notice_words.of_driver_failed(header, reason, ports.where)
    news = news_of(header, Occasion.DRIVER_FAILED, words, ports.clock(), f"-{header.handovers}")
    return post(ports, header.policy.notify, [news], later)


def blamed(ports: Ports, header: RunHeader) -> list[Failed]:
    """The jobs that failed; where none did, those that somebody or a policy ended."""
    return failed_jobs(ports, header) or _jobs(ports, header, [JobStatus.CANCELLED])


def failed_jobs(ports: Ports, header: RunHeader) -> list[Failed]:
    """The first that failed, in the document's order."""
    return _jobs(ports, header, FAILED)


def _jobs(ports: Ports, header: RunHeader, statuses: Sequence[JobStatus]) -> list[Failed]:
    found = ports.runs.find_jobs(header.run_id, statuses=statuses, limit=notice_words.SHOWN)
    return [Failed(record.spec.name, record.state) for record in found]


def has_failed(counts: Mapping[JobStatus, int] | Mapping[str, int]) -> bool:
    """Say whether a job has failed, by how many jobs there are of each status."""
    return any(counts.get(status) for status in FAILED)


def _kinds_of_end(ports: Ports, header: RunHeader) -> list[Occasion]:
    """What the end of a run is, the best word first; nothing for a run that was cancelled."""
    rules = header.policy.notify
    match header.status:
        case RunStatus.FAILED:
            return [Occasion.FAILED]
        case RunStatus.SUCCEEDED:
            is_repair = wanted(rules, [Occasion.RECOVERED]) and _has_recovered(ports, header)
            return [*([Occasion.RECOVERED] if is_repair else []), Occasion.SUCCEEDED]
        case _:
            return []


def _has_recovered(ports: Ports, header: RunHeader) -> bool:
    """Whether an earlier generation failed, or the run of the schedule that ended before."""
    if header.generation > 1:
        own = ports.runs.events(header.run_id, job="")
        if any(event.act == _END and event.after == RunStatus.FAILED for event in own):
            return True
    recent = ports.runs.find_headers(schedule_id=header.schedule_id, limit=_LOOKED_AT)
    ends = (RunStatus.FAILED, RunStatus.SUCCEEDED)
    before = [each for each in recent if each.started_at < header.started_at]
    last = next((each for each in before if each.status in ends), None)
    return last is not None and last.status is RunStatus.FAILED


def news_of(header: RunHeader, kind: Occasion, words: Words, at: datetime, which: str = "") -> News:
    """What happened in a run; `which` tells it from others of its kind in the same generation."""
    return News(
        id=f"{header.run_id}/{header.generation}/{kind}{which}",
        kind=kind,
        schedule_id=header.schedule_id,
        run_id=header.run_id,
        words=words,
        at=at,
    )


def post(
    ports: Ports, rules: Sequence[NoticeRule], news: Sequence[News], later: timedelta = _NOW
) -> list[Letter]:
    """One event into the outbox, in the words that each rule wants; given is what was new."""
    next_at = ports.clock() + later
    return [letter for letter in letters(rules, news) if ports.outbox.add(letter, next_at)]
