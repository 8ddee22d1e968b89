"""What cron knows of this machine and its users without being told."""

import pwd
from pathlib import Path

from chalicelib.core.timing.zones import zone_names
from chalicelib.errors import InvalidInputError


def home_of(user: str) -> str:
    """Where a user's commands are started; empty for one that this machine does not know."""
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return ""


def time_zone(root: Path = Path("/")) -> str:
    """The name of this machine's time zone. Raises InvalidInputError where it has no name."""
    local = root / "etc" / "localtime"
    named = str(local.readlink()) if local.is_symlink() else ""
    written = root / "etc" / "timezone"
    candidates = (
        named.partition("zoneinfo/")[2],
        written.read_text(encoding="utf-8", errors="replace").strip() if written.is_file() else "",
        "" if local.exists() else "UTC",  # what the C library takes then
    )
    found = next((name for name in candidates if name in zone_names()), "")
    if not found:
        reason = "is missing, and this machine does not say the name of its time zone"
        allowed = "a name such as Europe/Berlin"
        raise InvalidInputError.at("--timezone", reason, allowed=allowed)
    return found
