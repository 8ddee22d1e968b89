"""The job that a person means, with its run."""

from typing import TYPE_CHECKING

from chalicelib.cli.session import Session

if TYPE_CHECKING:
    from chalicelib.core.run import RunHeader
    from chalicelib.ports import JobRecord


def find_job(session: Session, name: str, run: str) -> "tuple[RunHeader, JobRecord]":
    """The job of that name in the run named, else in the latest run that has such a job.

    Raises NotFoundError, and ConflictError when several schedules have one.
    """
    from chalicelib.services.finding import find_run_of_jobs, get_job

    ports = session.edition.ports
    header = session.find_run(run) if run else find_run_of_jobs(ports, [name])
    return header, get_job(ports, header.run_id, name)
