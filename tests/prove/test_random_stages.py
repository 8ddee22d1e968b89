"""Thousands of random stages, each from one number: whatever happens, the invariants hold."""

import pytest

from tests.prove.again import told_how
from tests.prove.random_stages import endure

BLOCK = 100
BLOCKS = 25
FEW = 6  # that every run of the tests lives through


@pytest.mark.prove
@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_random_stage_breaks_an_invariant(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        endure(seed)


@pytest.mark.rehearse
@pytest.mark.parametrize("seed", range(FEW))
def test_a_few_random_stages_break_no_invariant(seed: int) -> None:
    endure(seed)


@pytest.mark.parametrize("kind", [AssertionError, KeyError, SystemExit])
def test_whatever_a_seed_raises_tells_how_to_see_it_again(kind: type[BaseException]) -> None:
    with pytest.raises(kind) as raised, told_how("random_stages", 7):
        raise kind
    assert raised.value.__notes__ == ["To see it again: python -m tests.prove.random_stages 7"]
