"""Settings in words: what differs is told, what is the same is told the same, whatever a user brings."""

from __future__ import annotations

import collections.abc
import contextlib
import ctypes
import functools
import gc
import hashlib
import importlib
import io
import itertools
import json
import pickle
import subprocess
import sys
import threading
import types
import weakref
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
from fnnet import DtypeError, History, Key
from fnnet.descriptions import described
from fnnet.descriptions.comparisons import changes, not_covered
from fnnet.descriptions.digests import digest_of_rows
from fnnet.experiments.conditions import conditions
from tests.support import user_code


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


class Torn:
    """Rows of which only the first is an array of the dtype."""

    shape, dtype = (3,), np.dtype("f8")

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        return np.zeros(len(index), "f8" if len(index) == 1 else "f4")


class Proxy(io.BytesIO):
    """Says that it is a function, as transparent proxies do, and hides what it is made with."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    __class__ = property(lambda self: type(self.inner))  # pyright: ignore[reportIncompatibleMethodOverride]


def compiled_by_a_user() -> object:
    """A function of C of a module that lies beside a program, as Python sees one."""

    class Definition(ctypes.Structure):
        _fields_ = (
            ("name", ctypes.c_char_p),
            ("code", ctypes.c_void_p),
            ("flags", ctypes.c_int),
            ("doc", ctypes.c_char_p),
        )

    module = types.ModuleType("fast_of_user")
    module.__file__ = "/home/user/fast_of_user.so"
    sys.modules["fast_of_user"] = module
    code = ctypes.cast(ctypes.pythonapi.PyNumber_Negative, ctypes.c_void_p)
    DEFINITIONS.append(Definition(b"half", code, 8, None))
    make: Any = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.py_object)
    return make(ctypes.byref(DEFINITIONS[-1]), module, "fast_of_user")


DEFINITIONS: list[Any] = []
"""What functions of C point to as long as they live."""


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
    monkeypatch.setattr("fnnet.descriptions.digests.CHUNK", 50)
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


def test_classes_registered_with_one_of_a_package_are_told() -> None:
    told = described("kind", collections.abc.Sized)

    class Sized:
        __len__ = None

    collections.abc.Sized.register(Sized)
    try:
        assert changes(told, described("kind", collections.abc.Sized))[0].name == "kind.(registered)"
    finally:
        del Sized
        gc.collect()
    assert changes(told, described("kind", collections.abc.Sized)) == ()


def test_two_functions_of_one_line() -> None:
    one, two = [lambda step: 0.1, lambda step: 0.2]
    assert described("f", one) != described("f", two)


def test_a_class_in_a_function_does_not_tell_what_its_module_is_called() -> None:
    """It is another name when the module is run than when it is imported."""
    told = []
    for name in ("__main__", "program"):
        namespace: dict[str, Any] = {"__name__": name}
        exec("def f():\n class C: k = 1\n return C.k", namespace)
        told.append(described("f", namespace["f"]))
    assert told[0] == told[1]


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


# --- shared, long and deep ----------------------------------------------------------------------------------------
def test_shared_values_are_told_once() -> None:
    rate: Any = 0.1
    for i in range(1, 200):
        rate = fn.join((rate, rate), (i,))
    assert len(described("x", fn.sgd(rate))) < 200 * 7


def test_it_does_not_matter_what_is_one_and_the_same() -> None:
    setting, other = Plain(0.1), Plain(0.2)
    one = described("it", (setting, [setting, {"a": setting}]))
    two = described("it", (Plain(0.1), [Plain(0.1), {"a": Plain(0.1)}]))
    assert one != two
    assert changes(one, two) == changes(two, one) == ()
    mixed = described("it", (setting, [setting, {"a": other}]))
    for then in (one, two):
        assert [found.name for found in changes(then, mixed)] == ["it.1.1.a.value"]
        assert [found[1:] for found in changes(mixed, then)] == [("0.2", "0.1")]
    ring: list[Any] = [0.1]
    ring.append([0.1, ring])
    unrolled: list[Any] = [0.1, [0.1, [0.1, [0.1, None]]]]
    unrolled[1][1][1][1] = unrolled
    assert changes(described("it", ring), described("it", unrolled)) == ()
    unrolled[1][1][1][0] = 0.2
    assert [found[1:] for found in changes(described("it", ring), described("it", unrolled))] == [("0.1", "0.2")]


def test_long_plain_data_are_one_line() -> None:
    numbers = list(range(20_000))
    for value in (numbers, tuple(numbers), set(numbers), dict.fromkeys(numbers), deque(numbers), [numbers] * 3):
        told = described("it", Plain(value))
        assert len(told) < 12
        assert changes(told, described("it", Plain(value))) == ()
    one, other = described("it", Plain(numbers)), described("it", Plain([*numbers[:-1], 0]))
    assert [found.name for found in changes(one, other)] == ["it.value"]
    assert len(described("it", ["a" * 10_000, b"a" * 10_000])["it.1"]) < 200


def test_nothing_stands_too_deep() -> None:
    def nested(bottom: object, n: int = 1000) -> object:
        for _ in range(n):
            bottom = functools.partial(max, bottom)
        return bottom

    told = described("it", nested(1.0))
    assert sum(map(len, told)) < 500 * len(told)
    assert changes(told, described("it", nested(1.0))) == ()
    assert [found[1:] for found in changes(told, described("it", nested(2.0)))] == [("1.0", "2.0")]


def test_names_with_dots_and_brackets_are_names() -> None:
    tricky: list[dict[Any, Any]] = [
        {"a.b": 1, "a": {"b": 2}},
        {"a.b": 2, "a": {"b": 1}},
        {"(1)": 1, 1: 2},
        {"(1)": 2, 1: 1},
        {"as a": 1, "a": 2},
        {"'a'": 1, "a": 2},
        {(1, "a"): 1, None: 2},
    ]
    told = [described("it", value) for value in tricky]
    for one in told:
        assert len(one) >= 3
        assert [bool(changes(one, other)) for other in told].count(False) == 1


def test_texts_are_not_taken_for_references() -> None:
    told = described("it", ["as it.1", "not covered: x", Plain(1)])
    assert changes(told, described("it", ["as it.2", "not covered: y", Plain(1)])) != ()
    assert len(changes(told, described("it", ["as it.2", "not covered: y", Plain(1)]))) == 2


# --- what cannot be seen ------------------------------------------------------------------------------------------
UNSEEN: dict[str, Callable[[], object]] = {
    "random numbers": lambda: np.random.default_rng(0),
    "a method of random numbers": lambda: np.random.default_rng(0).normal,
    "an iterator": lambda: iter([1]),
    "a generator": lambda: (i for i in range(3)),
    "a file": lambda: open(__file__),  # noqa: SIM115
    "a lock": threading.Lock,
    "a weak reference": lambda: weakref.WeakValueDictionary(),
    "an object of C": lambda: types.SimpleNamespace(x=hashlib.sha256()),
    "a compiled function of many": lambda: np.frompyfunc(lambda x: x, 1, 1),
    "a random number of Python": lambda: made_of("import random\ndef f(): return random.random()"),
    "the environment": lambda: made_of("import os\ndef f(): return os.environ['A']"),
    "the environment by another name": lambda: made_of("from os import environ\ndef f(): return environ['A']"),
    "the environment by a function": lambda: made_of("from os import getenv\ndef f(): return getenv('A')"),
    "the time": lambda: made_of("from time import time\ndef f(): return time()"),
    "the date": lambda: made_of("from datetime import datetime\ndef f(): return datetime.now()"),
    "a file of numbers": lambda: made_of("import numpy as np\ndef f(): return np.load('a.npy')"),
    "a file of text": lambda: made_of("from pathlib import Path\ndef f(): return Path('a').read_text()"),
    "a docstring": lambda: made_of("def f(): return f.__doc__"),
    "the hash of a text": lambda: made_of("def f(x): return hash(x)"),
    "an address": lambda: made_of("def f(x): return id(x)"),
    "the classes derived from one": lambda: made_of("class A: pass\ndef f(): return A.__subclasses__()"),
    "the variables of a module": lambda: made_of("def f(): return f.__globals__['K']"),
    "the name of a module": lambda: made_of("def f(x): return x.__module__"),
    "the country": lambda: made_of("import locale\ndef f(): return locale.localeconv()"),
    "a proxy of a function": lambda: Proxy(fn.mse),
    "a proxy in a function": lambda: around(Proxy(lambda: 1)),
    "a compiled function of the user's": lambda: compiled_by_a_user(),
    "a module by its name": lambda: made_of("import sys\ndef f(): return sys.modules['a'].k"),
    "a cached function by another name": lambda: functools.wraps(len)(functools.lru_cache(lambda: 1)),
    "an attribute by its name": lambda: made_of("def f(x): return getattr(x, 'a' + 'b')"),
    "code in a text": lambda: made_of("def f(x): return eval(x)"),
    "a module as a whole": lambda: made_of("import tests.support.user_code as m\ndef f(g): return g(m)"),
    "a variable that is not there yet": lambda: made_of("def f(): return late"),
    "a module of an object": lambda: Plain(user_code),
    "a module of a class": lambda: type("f", (), {"m": user_code}),
    "a module in a partial": lambda: functools.partial(max, user_code),
    "a module by default as a whole": lambda: with_default(user_code),
    "a module around as a whole": lambda: around(user_code),
    "rows that cannot be read": lambda: Torn(),
    "a module that is missing": lambda: made_of("def f():\n import no_such_module_of_user\n return 1"),
}


def test_modules_of_packages_are_told_by_name_wherever_they_are() -> None:
    for value in (Plain(np), around(np), with_default(np), functools.partial(max, np), [np], {"np": np}):
        told = described("it", value)
        assert not not_covered(told)
        assert any(text == "module numpy" for text in told.values()) or callable(value)


def test_the_order_of_a_dict_counts_and_is_named() -> None:
    """A sum over its values rounds in another way; where it is that of a set, it is another one in each process."""
    one, two = [described("it", {name: Plain(name) for name in names}) for names in ("ab", "ba")]
    assert changes(one, two) == (("it", "in the order a, b", "in the order b, a"),)
    assert changes(one, one) == ()


FUNCTIONS = [abs, min, max]
ARGUMENTS: list[Callable[[int], tuple[object, ...]]] = [
    lambda k: (k,),
    lambda k: (str(k),),
    lambda k: ([k],),
    lambda k: ([1], k),
    lambda k: ({"a": k},),
    lambda k: ("a", k),
    lambda k: (2000 + k, 1, 1),
    lambda k: ("a", (), {"k": k}),
    lambda k: ("d", [k]),
    lambda k: (len, k),
    lambda k: ([len, len], k),
    lambda k: (FUNCTIONS[k],),
    lambda k: (FUNCTIONS[k], {"a": 1}),
]
HOMES = "builtins collections types datetime decimal fractions array operator functools string uuid pathlib ipaddress"


@pytest.mark.parametrize("home", [*HOMES.split(), "typing", "itertools", "re", "enum", "dataclasses", "numpy.ma"])
def test_an_object_of_any_class_of_python_is_told_in_full_or_said_not_to_be(home: str) -> None:
    found = vars(importlib.import_module(home))
    kinds: list[Any] = [value for value in found.values() if isinstance(value, type)]
    for kind, given in itertools.product(kinds, ARGUMENTS):
        try:
            value, same, other = [kind(*given(k)) for k in (1, 1, 2)]
            is_other = repr(value) != repr(other)
        except Exception:  # these do not make one
            continue
        told = described("it", value)
        assert changes(told, described("it", same)) == (), value
        assert (
            changes(told, described("it", other)) or not_covered(told) or not (is_other and repr(value) == repr(same))
        )


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_seen_is_said(name: str) -> None:
    with contextlib.closing(UNSEEN[name]()) if name == "a file" else contextlib.nullcontext(UNSEEN[name]()) as value:  # type: ignore[type-var]
        assert not_covered(described("it", value))
        assert changes(described("it", value), described("it", value)) == ()


# --- conditions ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "name", "value"),
    [({"OPENBLAS_NUM_THREADS": "1"}, "threads", "1"), ({"OPENBLAS_CORETYPE": "Haswell"}, "kernel", "Haswell")],
)
def test_what_openblas_says_of_itself(given: dict[str, str], name: str, value: str) -> None:
    if not conditions().blas.startswith("OpenBLAS"):
        assert conditions().kernel == conditions().threads == "unknown"
        return
    code = f"from fnnet.experiments.conditions import conditions; print(conditions().{name})"
    run = [sys.executable, "-c", code]
    assert (
        subprocess.run(run, capture_output=True, text=True, check=True, env={**given, **PATHS}).stdout.strip() == value
    )


def test_without_openblas_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnnet.experiments.conditions._openblas", lambda: None)
    found = conditions()
    assert (found.kernel, found.threads) == ("unknown", "unknown")
    assert found.blas != ""


def test_code_of_two_pythons_is_not_compared() -> None:
    then = {"f": "f, code of Python 3.11 0123", "g": "g, code of Python 3.11 0123", "h": "h, code of Python 3.11 0123"}
    now = {"f": "f, code of Python 3.12 4567", "g": "k, code of Python 3.12 4567", "h": "h, code of Python 3.11 4567"}
    assert [difference.name for difference in changes(then, now)] == ["g", "h"]


def test_a_package_that_code_reads_is_told_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def loss(prediction: Any, target: Any) -> Any:
        return safetensors.SafetensorError

    import safetensors

    before = described("loss", loss)
    monkeypatch.setattr(safetensors, "__version__", "0.0.1")
    now = described("loss", loss)
    assert [name for name in before if before[name] != now[name]] == ["loss.safetensors"]
    assert now["loss.safetensors"] == "module safetensors of safetensors 0.0.1"


def test_the_names_of_keyword_arguments_are_code() -> None:
    def up(f: Any) -> Any:
        return f(up=1.0)

    def down(f: Any) -> Any:
        return f(down=1.0)

    down.__qualname__ = up.__qualname__
    assert described("loss", up) != described("loss", down)


def test_a_history_that_user_code_reads_is_told() -> None:
    told = [described("h", History.of([fn.Record(np.asarray(loss))])) for loss in (1.0, 2.0)]
    assert [change.name for change in changes(*told)] == ["h.segments.0.columns.0"]


def test_a_long_list_is_the_same_after_pickle() -> None:
    """Which makes one number, text or tuple of many objects, or many of one."""
    weight, name, pair, row = 1.5, "".join(["a", "b"]), (1.5, "x" * 3), np.ones(3)
    many = [_Sample(weight, name, pair, row) for _ in range(1100)]
    copies = [_Sample(float("1.5"), "".join(["a", "b"]), (float("1.5"), "x" * 3), np.ones(3)) for _ in range(1100)]
    told = described("it", many)
    for same in (copies, pickle.loads(pickle.dumps(many))):
        assert not changes(told, described("it", same))
    assert changes(told, described("it", [*many[1:], _Sample(weight, name, (1.0, "xxx"), row)]))


@dataclass
class _Sample:
    weight: float
    name: str
    pair: tuple[float, str]
    row: Any
