"""Writes 200 text files; one of them, text-113.txt, is no text.

usage: make_files.py FOLDER
"""

import random
import sys
from pathlib import Path

WORDS = ("batch", "graph", "job", "night", "queue", "run", "schedule")

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
dice = random.Random(7)  # the same files each time
for number in range(200):
    words = dice.choices(WORDS, k=dice.randint(50, 500))
    (folder / f"text-{number:03}.txt").write_text(" ".join(words), encoding="utf-8")
(folder / "text-113.txt").write_bytes(b"\xff\xfe no text")
