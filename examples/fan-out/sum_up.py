"""Sums what has been counted."""

import sys
from pathlib import Path

counts = [int(path.read_text()) for path in Path(sys.argv[1], "counts").glob("*.txt")]
print(f"{sum(counts)} words in {len(counts)} files")
