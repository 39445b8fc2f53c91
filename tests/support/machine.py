"""What can be switched on this machine: NumPy's loops and the kernels of its BLAS, for tests of bits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from typing import Any


def features_to_disable() -> dict[str, str]:
    """Values of NPY_DISABLE_CPU_FEATURES: nothing, AVX-512 and everything that NumPy can be told to do without."""
    umath: Any = import_module("numpy._core._multiarray_umath")
    used = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]
    wide = [name for name in used if name.startswith("AVX512") or name == "X86_V4"]
    return (
        {"none": "", "AVX-512": " ".join(wide), "all": " ".join(used)} if wide else {"none": "", "all": " ".join(used)}
    )


def environment(**settings: str) -> dict[str, str]:
    """This process' environment with some variables set, and without those that other tests may have left."""
    return {**os.environ, **settings}


KERNELS = {"Haswell": {"Haswell"}, "SkylakeX": {"SkylakeX"}, "Zen": {"Zen", "Haswell"}}
"""Values of OPENBLAS_CORETYPE, and the kernels that serve each: NumPy's wheels have no other one for Zen."""
THREADS = ("1", "2", "4")


@cache
def kernel_in_use(wanted: str) -> str:
    """The kernel that OpenBLAS takes when it is asked for one: another, or none, where this CPU lacks it."""
    program = "import numpy as np; a = np.ones((99, 99)); a @ a"
    env = environment(OPENBLAS_CORETYPE=wanted, OPENBLAS_VERBOSE="2")
    shown = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    told = re.findall(r"Core: (\w+)", shown.stdout + shown.stderr)
    return told[0] if told and shown.returncode == 0 else "none"
