"""Makes the functions' zip the same for the same content, wherever and whenever it is made."""

import zipfile
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can tell
_MODE = 0o644 << 16


def rewrite_zip(path: Path) -> None:
    """Put the entries in order, with one time and mode, and leave out what Python compiled here."""
    rewritten = path.with_suffix(".new")
    with (
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in sorted(set(source.namelist())):
            if "__pycache__" in name.split("/") or name.endswith("/"):
                continue
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, source.read(name))
    rewritten.replace(path)
