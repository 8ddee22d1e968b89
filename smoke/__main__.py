"""`python -m smoke`."""

import sys

from smoke.command import main

if __name__ == "__main__":
    sys.exit(main())
