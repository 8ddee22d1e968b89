"""How batch-job itself ends. A script's own exit code is handed on as it is."""

from enum import IntEnum


class Exit(IntEnum):
    """Codes that tell whose failure it was: docs/batch-job.md has them all."""

    OK = 0
    FAILED = 1  # the remote work has failed
    USAGE = 2  # the command can't be read
    REFUSED = 90  # what is not allowed: a URL, an archive, a field
    NOT_FETCHED = 91  # the object is not there, not ours to read, or would not come
    CHANGED = 92  # what came is not what was meant: checksum, version, changed in between
    NOT_STARTED = 93  # the program could not be started, or the service refused the work
    TIMED_OUT = 94  # the remote work took too long, and was cancelled
    UNKNOWN = 95  # work was begun and its outcome could not be seen: nobody may begin it again
    NO_CLAIMS = 96  # claims could not be reached; nothing was begun
    LOST_CLAIM = 97  # another job has this attempt; nothing was begun
    BUG = 98  # batch-job itself is wrong; what it has begun may go on


class JobError(Exception):
    """What ends batch-job: one line for the log's end, and the exit code."""

    def __init__(self, code: Exit, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
