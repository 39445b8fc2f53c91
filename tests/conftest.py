"""The settings of every test: how many examples a law has, and how many threads a process.

By default a law has 25 examples, the same ones on every machine; ``--hypothesis-profile=laws`` gives it a hundred, and
``-m slow`` runs what the default leaves out. ``.ci/run`` does both.
"""

import os
from importlib.util import find_spec

from hypothesis import settings

import fnnet

# The tests run in several processes, so each has one thread. OpenBLAS reads this when NumPy is loaded, and the workers
# inherit it. Tests of several threads start processes of their own and say how many.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("some", max_examples=25, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("laws", settings.get_profile("some"), max_examples=100)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
settings.load_profile("some")

# The cross-check runs in an environment of its own, which has JAX; here it is left out where there is none.
collect_ignore = [] if find_spec("jax") else ["crosscheck"]

# Files for type checkers, commands, and a project of its own: not to be imported in search of doctests.
collect_ignore_glob = ["typing/*", "stubs/*", "benchmarks/*", "downstream/*"]

# Names are imported when they are used; tests that look through the module want to see all of them.
for _name in dir(fnnet):
    getattr(fnnet, _name)
