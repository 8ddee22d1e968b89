"""The page of results, a section a benchmark."""

import re

from benchmarks.run import RESULTS


def write_section(heading: str, section: str) -> None:
    """Put a section, which begins with its heading, in the place of the one before, or last."""
    before, found, rest = RESULTS.read_text(encoding="utf-8").partition(heading)
    following = re.search(r"^## ", rest, re.MULTILINE) if found else None
    after = rest[following.start() :] if following else ""
    text = f"{before.rstrip()}\n\n{section.rstrip()}\n"
    RESULTS.write_text(text + (f"\n{after}" if after else ""), encoding="utf-8")
