"""How much Hypothesis tries: little and always the same by default, much for a proof.

The proof is `pytest --hypothesis-profile prove`; `mutation` is for thousands of runs.
"""

from hypothesis import settings

settings.register_profile(
    "default", max_examples=40, derandomize=True, deadline=None, database=None
)
settings.register_profile(
    "prove", max_examples=5_000, deadline=None, database=None, print_blob=True
)
settings.register_profile(
    "mutation", max_examples=20, derandomize=True, deadline=None, database=None
)
settings.load_profile("default")
