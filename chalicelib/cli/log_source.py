"""The log that a person means, by a job's name and perhaps a run."""

from chalicelib.cli.meant import find_job
from chalicelib.cli.session import Session
from chalicelib.errors import NotFoundError
from chalicelib.services.logs import as_child, check_child
from chalicelib.verbs.asked import Log


def find_log(session: Session, job: str, run: str, attempt: str) -> Log:
    """The logs of `job`, or of `JOB:3`. Raises NotFoundError and InvalidInputError."""
    child = as_child(job)
    try:
        header, _ = find_job(session, job, run)
    except NotFoundError:
        if child is None:
            raise
        header, record = find_job(session, child[0], run)
        check_child(record, child[1])
        return session.verbs.views.log(header.run_id, child, attempt)
    return session.verbs.views.log(header.run_id, (job, ""), attempt)
