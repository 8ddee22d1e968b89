"""The checksum file beside a file, `NAME.sha256`, as sha256sum writes and reads it."""

import re

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.places import File
from fetch_and_run.transfers.retrying import Retrying

LONGEST = 65_536  # bytes of a file of checksums
_LINE = re.compile(r"^\\?([0-9a-fA-F]{64})(?: [ *](.+))?$")


def beside(file: File) -> File:
    return File(file.place, f"{file.path}.sha256")


def sum_beside(file: File, retrying: Retrying) -> str:
    """The checksum that a file is said to have; raises JobError."""
    listing = beside(file)

    def read() -> bytes:
        content = b""
        for chunk in listing.place.read(listing.path, 0):
            content += chunk
            if len(content) > LONGEST:
                break
        return content[:LONGEST]

    name = file.path.rsplit("/", 1)[-1]
    found = sum_in(retrying.again(read).decode("utf-8", "replace"), name)
    if found is None:
        raise JobError(Exit.CHANGED, f"{listing} has no sha256 of {name!r}")
    return found


def sum_in(text: str, name: str) -> str | None:
    """The sum of a name, or the only sum when it stands alone."""
    lines = [match for line in text.splitlines() if (match := _LINE.match(line.strip()))]
    named = [match[1] for match in lines if match[2] and match[2].rsplit("/", 1)[-1] == name]
    alone = [match[1] for match in lines if not match[2]]
    sums = {each.lower() for each in named or alone}
    return sums.pop() if len(sums) == 1 else None


def put_beside(file: File, sum_of_file: str, retrying: Retrying) -> None:
    """Write the checksum file, so that it is there before the file that it is of."""
    listing = beside(file)
    place = listing.place
    line = f"{sum_of_file}  {file.path.rsplit('/', 1)[-1]}\n".encode()
    part = listing.path if place.whole else f"{listing.path}.part"

    def put() -> None:
        place.write(part, 0, [line])
        place.rename(part, listing.path)

    retrying.again(put)
