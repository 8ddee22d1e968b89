"""The log of notices on one machine: a line of JSON each, in the state directory."""

import json
from collections.abc import Callable
from pathlib import Path

from chalicelib.core.notices import Letter, payload
from chalicelib.local.state_directory import make_private_file, told_in_words

LOG_NAME = "notices.log"


def log_in(directory: Path) -> Callable[[Letter], None]:
    """What writes letters there. Raises BackendError."""
    path = directory / LOG_NAME

    def write(letter: Letter) -> None:
        make_private_file(path)
        with told_in_words(path, "write"), path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(payload(letter)) + "\n")

    return write
