"""Schedules that people put into a bucket: stored as versions, as if they were put by hand."""

import logging

from chalicelib.core.loading import read
from chalicelib.driving_ports import DrivingPorts, Notice, Upload
from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.ports import StoredSchedule
from chalicelib.services import schedules

logger = logging.getLogger(__name__)

OWN_PREFIXES = ("versions/", "runs/")  # what the store keeps in the same bucket
SUFFIXES = (".json", ".yaml", ".yml")
_TRIES = 10  # while somebody uploads faster than we store


def is_schedule(key: str) -> bool:
    """Say whether the file of that key is meant to be a schedule."""
    return key.endswith(SUFFIXES) and not key.startswith(OWN_PREFIXES)


def take_upload(ports: DrivingPorts, key: str) -> StoredSchedule | None:
    """Store what is under `key` now as the newest version; None when there is nothing to store.

    The event that told of it may come late, twice or after a later one: so the file is read as it
    is, and read again until it stood still. A bad document is told to people, and changes nothing.
    """
    stored: StoredSchedule | None = None
    seen: str | None = None
    for _ in range(_TRIES):
        try:
            upload = ports.uploads.read(key)
        except NotFoundError:
            return None  # deleted meanwhile: what was stored of it stays
        except InvalidInputError as error:
            _tell(ports, key, "", error)
            return None
        if upload.version == seen:
            break
        seen = upload.version
        stored = _store(ports, key, upload)
    return stored


def _store(ports: DrivingPorts, key: str, upload: Upload) -> StoredSchedule | None:
    try:
        document = read(upload.content, key)
        # Once: what came in between may be of a newer upload.
        return schedules.put(ports, document, f"upload {key}", tries=1)
    except InvalidInputError as error:
        _tell(ports, key, upload.version, error)
    except ConflictError as error:
        # Another version came in between: the next look decides on what is there then.
        logger.warning("upload %s: %s", key, error)
        raise
    return None


def _tell(ports: DrivingPorts, key: str, version: str, error: InvalidInputError) -> None:
    logger.warning("upload %s is no schedule: %s", key, error)
    lines = [f"{key} was not taken as a schedule; the version before it stays.", "", str(error)]
    notice = Notice(
        id=f"upload/{key}/{version}", subject=f"{key} was refused", message="\n".join(lines)
    )
    ports.notices.publish(notice)
