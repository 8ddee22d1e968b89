"""Writes documents into a directory, none over one that says something else."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from chalicelib.errors import InvalidInputError, Problem


def write_documents(directory: Path, texts: Mapping[str, str]) -> dict[str, Path]:
    """Write each text as `NAME.yaml`, and give the files by these names.

    Raises InvalidInputError where that can't be, and before anything is written if any of the
    files is there already and differs.
    """
    files = {name: directory / f"{name}.yaml" for name in texts}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        different = [file for name, file in files.items() if _differs(file, texts[name])]
        if different:
            reason, allowed = "is there already, and differs", "another directory"
            raise InvalidInputError(
                [Problem(str(file), reason, allowed=allowed) for file in different]
            )
        for name, file in files.items():
            _write(file, texts[name])
    except OSError as error:
        place = str(error.filename or directory)
        raise InvalidInputError.at(place, f"can't be written: {error.strerror}") from error
    return files


def _differs(file: Path, text: str) -> bool:
    return file.exists() and file.read_bytes() != text.encode()


def _write(file: Path, text: str) -> None:
    # Written beside it first: a full disk must not leave half a document under its name.
    draft = file.with_name(f".{file.name}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
