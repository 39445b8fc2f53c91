"""fnnet: fully-connected neural networks on NumPy, purely functional, typed, reproducible to the bit.

y, cache  = forward(net, x)
grads, dx = backward(net, cache, dy)
net       = sgd_update(net, grads, lr=0.1)

The public names stand in ``__init__.pyi``, which type checkers read in place of this file and which is read here too.
Each is imported when it is used for the first time, so that ``import fnnet`` costs next to nothing.
"""

from importlib import import_module
from pathlib import Path

__version__ = "0.1.0"


def _homes() -> dict[str, str]:
    """The module of every public name: ``from fnnet.keys import Key as Key`` is a line of the list."""
    lines = Path(__path__[0], "__init__.pyi").read_text(encoding="utf-8").splitlines()
    return {words[3]: words[1] for words in map(str.split, lines) if words[:1] == ["from"]}


_HOMES = _homes()


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'fnnet' has no attribute {name!r}")
    value: object = import_module(f"fnnet.{name}") if home == "fnnet" else getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
