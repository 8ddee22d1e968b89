"""A text that a job is given by where it is: a file of the image, or an object of S3."""

from pathlib import Path

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.keeping import private_directory
from fetch_and_run.places import check_allowed, read_url
from fetch_and_run.world import World

MAX_BYTES = 4 * 1024**2
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # s before a transfer that broke off goes on


def is_remote(location: str) -> bool:
    """Whether the text must be fetched."""
    return location.startswith("s3://")


def read_text(location: str, world: World) -> str:
    """The text at a path, or at an s3:// URL below BATCH_FILE_ALLOWED. Raises JobError."""
    raw = _fetched(location, world) if is_remote(location) else _read(Path(location))
    if len(raw) > MAX_BYTES:
        reason = f"{location} has {len(raw)} bytes, and at most {MAX_BYTES} are read"
        raise JobError(Exit.REFUSED, reason)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"{location} is no text in UTF-8: byte {error.start} is not"
        raise JobError(Exit.REFUSED, reason) from error
    if "\0" in text:
        raise JobError(Exit.REFUSED, f"{location} is no text: it has a NUL character")
    return text


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise JobError(Exit.NOT_FETCHED, f"{path} can't be read: {error.strerror}") from error


def _fetched(url: str, world: World) -> bytes:
    from fetch_and_run.fetching import Wanted, client_of_s3, fetch

    place = read_url(url)
    check_allowed(place, world.environment)
    with private_directory(world.environment) as directory:
        to = directory / "text"
        client = client_of_s3(world.environment)
        fetch(client, Wanted(place=place), to, lambda count: world.sleep(_PAUSES[count]))
        return _read(to)
