"""Secrets by reference: a command line names where a secret is, and never holds it.

AWS Batch fills the environment from the `secrets` of a job definition; on one machine a file does.
"""

from collections.abc import Mapping
from pathlib import Path

from fetch_and_run.exits import Exit, JobError

FORMS = "env:NAME or file:/path"


def text_at(reference: str, environment: Mapping[str, str]) -> str:
    """What a reference stands for, without a line end at its end.

    Raises JobError, which never quotes the secret, nor what was written in its place.
    """
    form, _, place = reference.partition(":")
    if form == "env" and place:
        text = environment.get(place, "")
        missing = f"the environment variable {place} is not set"
    elif form == "file" and place:
        text, missing = _read(Path(place))
    else:
        # It may be the secret itself, written where its reference belongs.
        raise JobError(Exit.USAGE, f"a secret is given by reference only: {FORMS}")
    text = text.rstrip("\r\n")
    if not text:
        raise JobError(Exit.REFUSED, f"{missing}, or it is empty; a secret was expected there")
    return text


def _read(path: Path) -> tuple[str, str]:
    try:
        return path.read_text(encoding="utf-8"), f"the file {path} is not there"
    except (OSError, UnicodeDecodeError) as error:
        return "", f"the file {path} can't be read ({type(error).__name__})"
