"""Hypothesis is derandomised: the same examples on every machine, a hundred a law."""

from hypothesis import settings

settings.register_profile("laws", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
settings.load_profile("laws")
