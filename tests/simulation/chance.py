"""Choices that are the same for the same seed."""

import random


class Chance(random.Random):
    """A generator that is seeded by a text or a number: nothing here is for secrets."""

    def one_in(self, count: int) -> bool:
        """True about once in that many times."""
        return self.randrange(count) == 0
