"""Thousands of random worlds, each from one number: whatever happens, the invariants hold."""

import pytest

from tests.prove.random_runs import endure

BLOCK = 250
BLOCKS = 40


@pytest.mark.prove
@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_random_world_breaks_an_invariant(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        endure(seed)
