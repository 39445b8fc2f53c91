"""What a result depends on besides the program: versions, the BLAS and its kernel, threads, the CPU."""

from __future__ import annotations

import ctypes
import hashlib
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

UNKNOWN = "unknown"
_NAMES = tuple([f"{start}openblas_{{}}{end}" for start in ("scipy_", "") for end in ("64_", "", "_64", "64")])
"""The names of OpenBLAS's functions, which differ from build to build."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The machine and its software, as far as they can be determined; the rest is "unknown"."""

    fnnet: str
    code: str
    """The first 16 digits of a SHA-256 over fnnet's source files."""
    python: str
    numpy: str
    numba: str
    """Numba's version, for compiled runs; "none" where it is not installed."""
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

    return Conditions(
        fnnet.__version__,
        _code(),
        f"{platform.python_implementation()} {platform.python_version()}",
        np.__version__,
        _numba(),
        *_blas(),
        _features(),
        _machine(),
    )


@cache
def _code() -> str:
    """A digest of all source files of fnnet, in the order of their names."""
    root = Path(__file__).parents[1]
    sha = hashlib.sha256()
    try:
        for path in sorted(root.rglob("*.py")):
            sha.update(f"{path.relative_to(root).as_posix()} {path.stat().st_size}\n".encode())
            sha.update(path.read_bytes())
    except OSError:
        return UNKNOWN
    return sha.hexdigest()[:16]


@cache
def _numba() -> str:
    try:
        return version("numba")
    except PackageNotFoundError:
        return "none"


def _features() -> str:
    umath: Any = import_module("numpy._core._multiarray_umath")
    names = [*umath.__cpu_baseline__, *umath.__cpu_dispatch__]
    return " ".join([name for name in names if umath.__cpu_features__.get(name)]) or UNKNOWN


@cache
def _machine() -> str:
    """The system, the kind of CPU, and the C library, whose functions NumPy calls."""
    return " ".join(filter(None, [platform.system(), platform.machine(), *platform.libc_ver()]))


# --- BLAS ------------------------------------------------------------------------------------------------------------
def _blas() -> tuple[str, str, str]:
    """The library, its kernel and its threads: OpenBLAS reports them; NumPy knows at most the name of any other."""
    found = _openblas()
    if found is not None:
        config = _asked(found, "get_config", ctypes.c_char_p)  # "OpenBLAS 0.3.31  USE64BITINT DYNAMIC_ARCH ..."
        kernel, threads = _asked(found, "get_corename", ctypes.c_char_p), _asked(found, "get_num_threads", ctypes.c_int)
        return " ".join(config.split()[:2]), kernel, threads
    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    return " ".join(filter(None, [blas.get("name"), blas.get("version")])) or UNKNOWN, UNKNOWN, UNKNOWN


def _asked(library: tuple[ctypes.CDLL, str], question: str, kind: Any) -> str:
    """What OpenBLAS answers."""
    function: Any = getattr(library[0], library[1].format(question), None)
    if function is None:
        return UNKNOWN
    function.restype = kind
    answer = function()
    return answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)


@cache
def _openblas() -> tuple[ctypes.CDLL, str] | None:
    """The OpenBLAS that NumPy calls, not one that SciPy may have brought along, and how its functions are named there.

    A name is also looked up in the libraries that NumPy's extension depends on; on Windows only in those listed.
    """
    package = Path(np.__file__).parent
    folders = package.parent / "numpy.libs", package / ".dylibs", package / ".libs"
    beside = [path for folder in folders for path in sorted(folder.glob("*openblas*"))]
    for path in [import_module("numpy._core._multiarray_umath").__file__, *beside]:
        with suppress(OSError):
            library = ctypes.CDLL(str(path))
            for name in _NAMES:
                if hasattr(library, name.format("get_corename")):
                    return library, name
    return None
