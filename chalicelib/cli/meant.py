"""The job that a person means, with its run."""

from typing import TYPE_CHECKING

from chalicelib.cli.session import Session
from chalicelib.errors import NotFoundError

if TYPE_CHECKING:
    from chalicelib.core.run import RunHeader
    from chalicelib.ports import JobRecord


def find_job(session: Session, name: str, run: str) -> "tuple[RunHeader, JobRecord]":
    """The job of that name in the run named, else in the latest run that has such a job.

    Raises NotFoundError, and ConflictError when several schedules have one.
    """
    from chalicelib.services.finding import find_run_of_jobs

    ports = session.edition.ports
    header = session.find_run(run) if run else find_run_of_jobs(ports, [name])
    return header, get_job(session, header.run_id, name)


def get_job(session: Session, run_id: str, name: str) -> "JobRecord":
    """One job of a run. Raises NotFoundError that suggests the name that was probably meant."""
    from chalicelib.core.wording import Speller, counted

    runs = session.edition.ports.runs
    for record in runs.get_jobs(run_id, [name]):
        return record
    names = [record.spec.name for record in runs.find_jobs(run_id)]
    nearest = Speller().nearest(name, names)
    meant = f" Did you mean {nearest!r}?" if nearest else ""
    raise NotFoundError("job", name, f"Run {run_id} has {counted(len(names), 'job')}.{meant}")
