"""Says how many mutants of the deciding modules the tests have noticed; 90 per cent must be.

usage: python -m tests.prove.mutants, after `mutmut run` and `mutmut export-cicd-stats`
"""

import json
import sys
from pathlib import Path

ENOUGH = 0.9
STATS = Path("mutants/mutmut-cicd-stats.json")


def main() -> int:
    stats: dict[str, int] = json.loads(STATS.read_text())
    noticed = stats["killed"] + stats["timeout"]
    share = noticed / stats["total"]
    print(f"{noticed} of {stats['total']} mutants noticed: {share:.1%}")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
