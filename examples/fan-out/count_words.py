"""Counts the words of one file."""

import sys
from pathlib import Path

folder, name = Path(sys.argv[1]), sys.argv[2]
try:
    words = len((folder / name).read_text(encoding="utf-8").split())
except UnicodeDecodeError as error:
    sys.exit(f"{name} is no text in UTF-8: {error.reason} at byte {error.start}")
(folder / "counts").mkdir(exist_ok=True)
(folder / "counts" / name).write_text(str(words))
print(f"{name}: {words} words")
