"""Settings in words: what differs is told, what is the same is told the same, whatever a user brings."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numba
import numpy as np
import pytest
from hypothesis import settings

import fnnet as fn
from fnnet import DtypeError, Key
from fnnet.conditions import conditions
from fnnet.descriptions import described
from fnnet.digests import digest_of_rows


class Slotted:
    """A setting in slots."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class Plain:
    """A setting in a dictionary."""

    def __init__(self, value: object) -> None:
        self.value = value


class Mood(Enum):
    """A choice."""

    GOOD = 1
    BAD = 2


class Pair(NamedTuple):
    """Two things by name."""

    a: object
    b: object


@dataclass(frozen=True)
class Setting:
    """A user's setting."""

    value: object

    def __call__(self, step: int) -> float:
        return 0.1 * step


class Rate(float):
    """A number of a class of its own."""


class Name(str):
    """A text of a class of its own."""


def with_default(value: object) -> Callable[..., object]:
    """A function that differs in a default alone."""

    def f(x: object = value) -> object:
        return x

    return f


def with_keyword(value: object) -> Callable[..., object]:
    """A function that differs in the default of a keyword alone."""

    def f(*, x: object = value) -> object:
        return x

    return f


def around(value: object) -> Callable[..., object]:
    """A function that differs in what is around it alone."""

    def f() -> object:
        return value

    return f


WRAPPERS: dict[str, Callable[[Any], object]] = {
    "itself": lambda value: value,
    "tuple": lambda value: (0, value),
    "list": lambda value: [value],
    "dict": lambda value: {"a": value},
    "dict of numbers": lambda value: {1: value, "1": 0},
    "set": lambda value: {value},
    "frozenset": lambda value: frozenset([value, "other"]),
    "deque": lambda value: deque([value]),
    "named tuple": lambda value: Pair(0, value),
    "partial": lambda value: functools.partial(max, 1, key=value),
    "slots": Slotted,
    "object": Plain,
    "dataclass": Setting,
    "method": lambda value: Setting(value).__call__,
    "default": with_default,
    "keyword": with_keyword,
    "enclosed": around,
    "cached": lambda value: functools.lru_cache(around(value)),
    "compiled": lambda value: numba.njit(around(value)),
}

VALUES: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: 1,
    lambda: 1.0,
    lambda: np.float32(1),
    lambda: np.float64(1),
    lambda: np.nextafter(1.0, 2.0),
    lambda: 0.0,
    lambda: -0.0,
    lambda: "1",
    lambda: b"1",
    lambda: 1j,
    lambda: Key(0),
    lambda: Key(0, (1,)),
    lambda: Mood.GOOD,
    lambda: Mood.BAD,
    lambda: Path("a"),
    lambda: Path("b"),
    lambda: np.float32,
    lambda: np.dtype("f4"),
    lambda: np.dtype([("a", "f4")]),
    lambda: np.sin,
    lambda: np.mean,
    lambda: np.median,
    lambda: len,
    lambda: json,
    lambda: json.dumps,
    lambda: fn.mse,
    lambda: fn.metrics.mae,
    lambda: fn.metrics.rmse,
    lambda: fn.adam(0.1),
    lambda: fn.adam(0.2),
    lambda: Setting(3),
    lambda: Setting("3"),
    lambda: Setting((3,)),
    lambda: Slotted,
    lambda: Rate(0.1),
    lambda: Rate(0.2),
    lambda: Name("a"),
    lambda: Name("b"),
]


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_values_that_differ_are_told_apart_wherever_they_are(wrap: Callable[[Any], object]) -> None:
    told = [described("it", wrap(make())) for make in VALUES]
    again = [described("it", wrap(make())) for make in VALUES]
    assert told == again
    assert len({json.dumps(one) for one in told}) == len(VALUES)


def test_arrays_and_other_rows_count_by_their_numbers() -> None:
    a = np.arange(12.0).reshape(3, 4)

    class Source:
        shape, dtype = a.shape, a.dtype

        def __len__(self) -> int:
            return len(a)

        def __getitem__(self, index: Any) -> Any:
            return a[index]

    same: list[Any] = [a.copy(), np.asfortranarray(a), a[::-1][::-1], np.repeat(a, 2, axis=0)[::2], Source()]
    assert {digest_of_rows(one) for one in same} == {digest_of_rows(a)}
    others = [a.astype("f4"), a.astype(">f8"), a.reshape(4, 3), a[None], a + 1, -a, a.astype(int), np.float64(3) + a[0]]
    assert len({digest_of_rows(one) for one in [a, *others]}) == 1 + len(others)
    for shape in ((), (0,), (0, 3), (3, 0)):
        assert described("a", np.zeros(shape))["a"].startswith(f"<f8{list(shape)} ")
    assert digest_of_rows(np.array(["2020-01-01"], "datetime64[D]")) != digest_of_rows(np.zeros(1, "datetime64[D]"))


def test_arrays_of_objects_count_by_their_entries() -> None:
    """Their bytes are where the objects lie in memory."""
    with pytest.raises(DtypeError, match="an array must hold numbers or text of one length, to have a digest, got"):
        digest_of_rows(np.array([1, "a"], object))
    told = [described("a", np.array(entries, object)) for entries in ([1, "a"], [1, "a"], [2, "a"], [1, "b"])]
    assert told[0] == told[1]
    assert len({json.dumps(one) for one in told}) == 3
    assert described("a", np.array([(1,)], [("b", "O")])) != described("a", np.array([(2,)], [("b", "O")]))


def test_large_arrays_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    a = np.arange(60.0).reshape(20, 3)
    whole = digest_of_rows(a)
    monkeypatch.setattr("fnnet.digests.CHUNK", 50)
    assert digest_of_rows(a) == whole


# --- functions and classes ----------------------------------------------------------------------------------------
def made_of(source: str, name: str = "f") -> Any:
    """What a program defines, of which there is no file."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace[name]


CODES = [
    "def f(x): return x",
    "def f(x): return x + 1",
    "def f(x): return x + 2",
    "def f(x): return x + 2.0",
    "def f(y): return y",
    "def f(x, /): return x",
    "def f(*x): return x",
    "def f(x):\n try: return x\n except ValueError: return 0",
    "def f(x): return (lambda: x)",
    "def f(x): return (lambda: -x)",
    "def f(x): return x in {'a', 'b', 'c'}",
    "RATE = 0.1\ndef f(x): return RATE",
    "RATE = 0.2\ndef f(x): return RATE",
    "def g(x): return x\ndef f(x): return g(x)",
    "def g(x): return 2 * x\ndef f(x): return g(x)",
    "def f(x): return g(x)\ndef g(x): return f(x)",
    "def f(x): return g(x)\ndef g(x): return f(-x)",
    "class f:\n def __call__(self, x): return x",
    "class f:\n def __call__(self, x): return -x",
    "class f:\n def __call__(self, x, y=1): return x",
    "class f:\n def __call__(self, x, y=2): return x",
    "class f:\n rate = 0.1",
    "class f:\n rate = 0.2",
    "class f:\n @property\n def rate(self): return 1",
    "class f:\n @property\n def rate(self): return 2",
    "class f:\n @staticmethod\n def rate(): return 2",
    "class g:\n def __call__(self, x): return 2 * x\nclass f(g): pass",
    "class g:\n def __call__(self, x): return 3 * x\nclass f(g): pass",
]


def test_code_that_differs_is_told_apart_and_the_same_is_the_same() -> None:
    told = [json.dumps(described("f", made_of(source))) for source in CODES]
    assert told == [json.dumps(described("f", made_of(f"# moved\n\n{source}  # comment"))) for source in CODES]
    assert len(set(told)) == len(CODES)


def test_a_layer_counts_by_its_rules() -> None:
    layer = (
        "import fnnet as fn\nfrom dataclasses import dataclass\n"
        "@dataclass(frozen=True, slots=True, eq=False, repr=False)\nclass f(fn.Params): pass\n"
        "fn.define_layer(f, forward=lambda p, x: (x * {0}, None), backward=lambda p, _, dy: (p, dy * {0}))"
    )
    one, same, other = [described("net", fn.serial(made_of(layer.format(n))())) for n in (2, 2, 3)]
    assert one == same
    assert {name for name in one if one[name] != other[name]} == {"net.layers.0.forward", "net.layers.0.backward"}


def test_two_functions_of_one_line() -> None:
    one, two = [lambda step: 0.1, lambda step: 0.2]
    assert described("f", one) != described("f", two)


def test_code_does_not_change_by_being_run() -> None:
    f = made_of("def f(x):\n total = 0\n for i in range(x): total += i\n return total")
    before = described("f", f)
    for _ in range(1000):
        f(3)
    assert described("f", f) == before


def test_one_text_in_every_process() -> None:
    """The order of a set of texts is another one in each."""
    code = (
        "import json\nfrom fnnet.descriptions import described\n"
        "def f(x): return x in {'a', 'b', 'c', 'd'}\n"
        "print(json.dumps(described('it', (f, {'a', 'b', 'c', 'd'}))))"
    )
    run = [sys.executable, "-c", code]
    shown = {
        subprocess.run(run, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed, **PATHS}).stdout
        for seed in ("1", "2", "3")
    }
    assert len(shown) == 1


PATHS = {"PYTHONPATH": str(Path(fn.__file__).parent.parent)}


def test_what_is_not_assigned_yet_and_what_holds_itself() -> None:
    def f() -> object:
        return late

    assert described("f", f)["f.late"] == "None"
    late = [f]
    assert described("f", f)["f.late.0"] == "as f"
    loop: list[object] = []
    loop.append(loop)
    assert described("loop", loop) == {"loop": "list of 1", "loop.0": "as loop"}


def test_names_of_packages_have_versions_and_those_of_fnnet_none() -> None:
    given = settings(max_examples=3)
    assert described("it", given)["it"] == f"hypothesis._settings.settings of hypothesis {hypothesis.__version__}"
    assert described("it", fn.metrics.mae) == {"it": "mae"}


# --- conditions ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "name", "value"),
    [({"OPENBLAS_NUM_THREADS": "1"}, "threads", "1"), ({"OPENBLAS_CORETYPE": "Haswell"}, "kernel", "Haswell")],
)
def test_what_openblas_says_of_itself(given: dict[str, str], name: str, value: str) -> None:
    if not conditions().blas.startswith("OpenBLAS"):
        assert conditions().kernel == conditions().threads == "unknown"
        return
    code = f"from fnnet.conditions import conditions; print(conditions().{name})"
    run = [sys.executable, "-c", code]
    assert (
        subprocess.run(run, capture_output=True, text=True, check=True, env={**given, **PATHS}).stdout.strip() == value
    )


def test_without_openblas_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnnet.conditions._openblas", lambda: None)
    found = conditions()
    assert (found.kernel, found.threads) == ("unknown", "unknown")
    assert found.blas != ""


def test_code_of_two_pythons_is_not_compared() -> None:
    from fnnet.comparisons import changes

    then = {"f": "f, code of Python 3.11 0123", "g": "g, code of Python 3.11 0123", "h": "h, code of Python 3.11 0123"}
    now = {"f": "f, code of Python 3.12 4567", "g": "k, code of Python 3.12 4567", "h": "h, code of Python 3.11 4567"}
    assert [difference.name for difference in changes(then, now)] == ["g", "h"]
