"""What a result depends on beside the program: versions, the BLAS and its kernel, threads, the CPU."""

from __future__ import annotations

import ctypes
import hashlib
import platform
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

UNKNOWN = "unknown"
_PREFIXES = ("scipy_openblas", "openblas")
_SUFFIXES = ("64_", "", "_64", "64")


@dataclass(frozen=True, slots=True)
class Conditions:
    """The machine and its programs, as far as they can be told; what cannot be told is "unknown"."""

    fnnet: str
    code: str
    """The first 16 digits of a SHA-256 over fnnet's source files."""
    python: str
    numpy: str
    blas: str
    kernel: str
    """Which of its kernels the BLAS uses on this CPU."""
    threads: str
    """How many threads the BLAS may use."""
    features: str
    """What the CPU can do that NumPy has loops for."""
    machine: str

    def __str__(self) -> str:
        return "\n".join([f"{name:9}  {value}" for name, value in asdict(self).items()])


def conditions() -> Conditions:
    """The conditions of this process as they are now.

    >>> conditions().numpy == np.__version__
    True
    """
    import fnnet

    blas: Any = np.show_config(mode="dicts")
    told = blas.get("Build Dependencies", {}).get("blas", {})
    return Conditions(
        fnnet.__version__,
        _code(),
        platform.python_version(),
        np.__version__,
        f"{told.get('name', UNKNOWN)} {told.get('version', '')}".strip(),
        _asked("get_corename", ctypes.c_char_p),
        _asked("get_num_threads", ctypes.c_int),
        _features(),
        f"{platform.system()} {platform.machine()}",
    )


@cache
def _code() -> str:
    """A digest of all source files of fnnet, by their names."""
    root = Path(__file__).parent
    sha = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        sha.update(f"{path.relative_to(root).as_posix()}\n".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()[:16]


def _features() -> str:
    umath: Any = import_module("numpy._core._multiarray_umath")
    names = [*umath.__cpu_baseline__, *umath.__cpu_dispatch__]
    return " ".join([name for name in names if umath.__cpu_features__.get(name)]) or UNKNOWN


def _asked(question: str, kind: Any) -> str:
    """What NumPy's OpenBLAS answers. Its functions bear other names in every build."""
    library = _openblas()
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            function: Any = getattr(library, f"{prefix}_{question}{suffix}", None)
            if function is not None:
                function.restype = kind
                answer = function()
                return answer.decode() if isinstance(answer, bytes) else str(answer)
    return UNKNOWN


@cache
def _openblas() -> ctypes.CDLL | None:
    """The OpenBLAS that came with NumPy, which is loaded already; SciPy may have brought another one."""
    package = Path(np.__file__).parent
    folders = package.parent / "numpy.libs", package / ".dylibs", package / ".libs"
    found = [path for folder in folders for path in sorted(folder.glob("*openblas*"))]
    try:
        return ctypes.CDLL(str(found[0])) if found else None
    except OSError:
        return None
