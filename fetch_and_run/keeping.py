"""Where what is fetched is kept meanwhile."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fetch_and_run.exits import Exit, JobError

TMPDIR = "TMPDIR"


@contextmanager
def private_directory(environment: Mapping[str, str], *, keep: bool = False) -> Iterator[Path]:
    """A new directory of this user's below TMPDIR; it goes at the end unless it is kept.

    Raises JobError, REFUSED, for a TMPDIR that can't be used: nobody meant another one.
    """
    below = environment.get(TMPDIR) or None
    try:
        directory = Path(tempfile.mkdtemp(prefix="batch-job-", dir=below))
    except OSError as error:
        if below is None:
            reason = f"no directory can be made to keep anything in: {error.strerror}; set {TMPDIR}"
            raise JobError(Exit.NOT_FETCHED, reason) from error
        reason = f"{TMPDIR} is {below!r}, and no directory can be made there: {error.strerror}"
        raise JobError(Exit.REFUSED, reason) from error
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)
