"""How to see again what a seed did."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def told_how(module: str, seed: int) -> Iterator[None]:
    """Add to whatever is raised, for all of it is a bug, the command that raises it again."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"To see it again: python -m tests.prove.{module} {seed}")
        raise
