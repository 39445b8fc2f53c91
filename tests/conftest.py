"""Hypothesis is derandomised: the same examples on every machine, a hundred a law."""

from importlib.util import find_spec

from hypothesis import settings

import fnnet

settings.register_profile("laws", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
settings.load_profile("laws")

# The cross-check runs in an environment of its own, which has JAX; here it is left out where there is none.
collect_ignore = [] if find_spec("jax") else ["crosscheck"]

# Files for type checkers, and commands: not to be imported in search of doctests.
collect_ignore_glob = ["typing/*", "stubs/*", "benchmarks/*"]

# Names are imported when they are used; tests that look through the module want to see all of them.
for _name in dir(fnnet):
    getattr(fnnet, _name)
