"""The decisions: pure functions over values, with time and ids as arguments."""
