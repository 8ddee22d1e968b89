"""Finding the run, and the jobs, that a person means."""

from collections.abc import Sequence

from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Event, JobState, RunHeader
from chalicelib.core.selecting import is_glob, match, no_job_is
from chalicelib.core.wording import Speller, counted
from chalicelib.errors import ConflictError, ExpiredError, NotFoundError
from chalicelib.ports import JobRecord
from chalicelib.reading_ports import ReadingPorts
from chalicelib.services.claims import TELLING

_RECENT = 50  # runs looked through for a job that was named without its run


def find_run(ports: ReadingPorts, text: str = "") -> RunHeader:
    """The run that a person means.

    By its id, the beginning of its id that no other run has, the id of a schedule for its latest
    run, or nothing for the latest run of all. Raises NotFoundError, and ConflictError when several
    runs begin so.
    """
    if not text or text == "latest":
        found = ports.runs.find_headers(limit=1)
        if not found:
            raise _no_runs()
        return found[0]
    latest = ports.runs.find_headers(schedule_id=text, limit=1)
    if latest:
        return latest[0]
    found = ports.runs.find_headers(prefix=text, limit=3)
    exact = [header for header in found if header.run_id == text]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found:
        several = ", ".join(header.run_id for header in found)
        raise ConflictError(f"{text!r} begins the id of several runs, for example {several}.")
    raise NotFoundError("run", text, "The runs there are: batch-scheduler runs.")


def find_run_of_jobs(
    ports: ReadingPorts, patterns: Sequence[str], statuses: Sequence[JobStatus] = ()
) -> RunHeader:
    """The run that is meant when only jobs are named: the latest one of its schedule.

    Raises ConflictError when jobs of several schedules are meant, and NotFoundError.
    """
    latest: dict[str, RunHeader] = {}
    for header in ports.runs.find_headers(limit=_RECENT):
        latest.setdefault(header.schedule_id, header)
    if not latest:
        raise _no_runs()
    meant = [header for header in latest.values() if _has(ports, header, patterns, statuses)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        several = ", ".join(header.run_id for header in meant)
        raise ConflictError(f"Several runs have such jobs: {several}. Say which: --run RUN.")
    hint = "The latest runs have none such; --run RUN names another."
    told = f"{no_job_is(patterns, statuses)}. {hint}" if statuses else ""
    raise NotFoundError("job", " ".join(patterns), hint, told=told)


def get_job(ports: ReadingPorts, run_id: str, name: str) -> JobRecord:
    """One job of a run. Raises NotFoundError that suggests the name that was probably meant."""
    for record in ports.runs.get_jobs(run_id, [name]):
        return record
    names = [record.spec.name for record in ports.runs.find_jobs(run_id)]
    nearest = Speller().nearest(name, names)
    meant = f" Did you mean {nearest!r}?" if nearest else ""
    raise NotFoundError("job", name, f"Run {run_id} has {counted(len(names), 'job')}.{meant}")


def history_of(
    ports: ReadingPorts, run_id: str, job: str = "", after: int = 0
) -> list[tuple[Event, Told | None]]:
    """The history, of one job if it is named: then with what its last attempt told at its end.

    Raises NotFoundError for a job the run has not.
    """
    state = get_job(ports, run_id, job).state if job else JobState()
    events = ports.runs.events(run_id, job=job or None, after=after)
    return [(event, _told_at(event, state)) for event in events]


def _told_at(event: Event, state: JobState) -> Told | None:
    is_end = event.act == Act.OBSERVE and event.after in TELLING
    return state.told if is_end and event.attempt == state.attempt else None


def _no_runs() -> NotFoundError:
    return NotFoundError("run", "latest", "Start one: batch-scheduler run FILE.")


def _has(
    ports: ReadingPorts, header: RunHeader, patterns: Sequence[str], statuses: Sequence[JobStatus]
) -> bool:
    try:
        if statuses or any(map(is_glob, patterns)):
            records = ports.runs.find_jobs(header.run_id, statuses=statuses or None)
        else:  # of perhaps 10,000 jobs just these
            records = ports.runs.get_jobs(header.run_id, patterns)
    except ExpiredError:
        return False  # its jobs are in the archive: nothing can be done to them here
    names = {record.spec.name for record in records}
    return bool(names) and all(match(pattern, names) for pattern in patterns)


def counts_of(header: RunHeader) -> dict[JobStatus, int]:
    """Jobs per status, in the order of the statuses, without zeros."""
    return {status: header.counts[status] for status in JobStatus if header.counts.get(status)}
