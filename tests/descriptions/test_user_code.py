"""What user's code is made of: what changes is named or said not to be covered, and the same is never another."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet.descriptions import described
from fnnet.descriptions.comparisons import changes, not_covered
from tests.support.user_code import BASES, LAYERS, NOISES, made

bases, layers = st.sampled_from(sorted(BASES)), st.lists(st.sampled_from(sorted(LAYERS)), max_size=3)
noisy = st.lists(st.sampled_from(sorted({**LAYERS, **NOISES})), min_size=1, max_size=4)


def check_named(base: str, over: list[str]) -> None:
    """Another k is named, and the same is the same, before and after it has run."""
    f = made(base, over)
    told = described("f", f)
    assert not not_covered(told)
    for _ in range(3):
        assert f() == 1.0
    assert changes(told, described("f", f)) == ()
    assert changes(told, described("f", made(base, over))) == ()
    other = made(base, over, 2.0)
    assert changes(told, described("f", other))
    assert other() == 2.0


@pytest.mark.parametrize("base", BASES)
def test_another_number_is_named_wherever_it_is(base: str) -> None:
    check_named(base, [])


@pytest.mark.parametrize("layer", LAYERS)
def test_another_number_is_named_behind_anything(layer: str) -> None:
    check_named("global list", [layer])


@given(bases, layers)
def test_another_number_is_named_behind_things_behind_each_other(base: str, over: list[str]) -> None:
    check_named(base, over)


def check_same(base: str, over: list[str]) -> None:
    """Another k is named or said not to be covered, and a run that changes its state is the same."""
    f = made(base, over)
    told = described("f", f)
    for _ in range(3):
        f()
    after = described("f", f)
    assert changes(told, after) == ()
    again = described("f", made(base, over))
    assert changes(told, again) == changes(after, again) == ()
    assert changes(told, described("f", made(base, over, 2.0))) or not_covered(told)


@pytest.mark.parametrize("noise", NOISES)
def test_what_a_run_changes_is_no_setting(noise: str) -> None:
    check_same("global list", [noise])
    told, other = [described("f", made("global list", [noise], k)) for k in (1.0, 2.0)]
    assert changes(told, other)  # in spite of the state


@given(bases, noisy)
def test_the_same_is_never_another(base: str, over: list[str]) -> None:
    check_same(base, over)


BUILT = {
    "a method that stores": (
        "class W:\n def __init__(self, k): self.put(k)\n def put(self, k): self.k = k\n"
        " def __call__(self): return self.k\nf = W({k})"
    ),
    "a method called later": (
        "class W:\n def put(self, k): self.k = k; return self\n def __call__(self): return self.k\nf = W().put({k})"
    ),
    "a method that appends": (
        "class W:\n def __init__(self): self.parts = []\n def add(self, k): self.parts.append(k); return self\n"
        " def __call__(self): return self.parts[-1]\nf = W().add(0.0).add({k})"
    ),
    "a setter": (
        "class W:\n @property\n def k(self): return self._k\n @k.setter\n def k(self, k): self._k = k\n"
        " def __call__(self): return self.k\nf = W()\nf.k = {k}"
    ),
    "a registry": (
        "class R:\n def __init__(self): self.known = {{}}\n def add(self, f): self.known[f.__name__] = f; return f\n"
        "REG = R()\n@REG.add\ndef g(): return {k}\ndef f(): return REG.known['g']()"
    ),
    "a class method that makes": (
        "class W:\n @classmethod\n def make(cls, k):\n  made = cls()\n  made.k = k\n  return made\n"
        " def __call__(self): return self.k\nf = W.make({k})"
    ),
    "a method that fits": (
        "class S:\n def fit(self, x): self.mean = sum(x) / len(x); return self\n def apply(self): return self.mean\n"
        "SCALER = S().fit([{k}])\ndef f(): return SCALER.apply()"
    ),
}
MOVED = {
    "a method that is called": (
        "class W:\n n = 0\n def count(self): self.n += 1\n def __call__(self): self.count(); return {k}\nf = W()"
    ),
    "a method called by another's": (
        "class W:\n n = 0\n def count(self): self.n += 1\nclass V:\n def __init__(self, w): self.w = w\n"
        " def go(self): self.w.count()\nO = V(W())\ndef f(): O.go(); return {k}"
    ),
    "a setter that is called": (
        "class W:\n _n = 0\n @property\n def n(self): return self._n\n @n.setter\n def n(self, n): self._n = n\n"
        "O = W()\ndef f(): O.n += 1; return {k}"
    ),
    "a bound method": (
        "class W:\n n = 0\n def count(self): self.n += 1\nO = W()\nC = [O.count]\ndef f():\n"
        " for c in C: c()\n return {k}"
    ),
    "a method by its name": (
        "class W:\n n = 0\n def count(self): self.n += 1\nO = W()\ndef f(): getattr(O, 'count')(); return {k}"
    ),
    "a method of a base of a package": (
        "import collections.abc\nclass W(collections.abc.MutableSequence):\n n = 0\n"
        " def insert(self, i, x): self.n += 1\n def __len__(self): return 0\n def __getitem__(self, i): return 0\n"
        " def __setitem__(self, i, x): pass\n def __delitem__(self, i): pass\nO = W()\n"
        "def f(): O.append(1); return {k}"
    ),
}


READ = [
    *("P = W[j]; P *= -1", "P = W[j]; P[0] = 3", "P = W[np.array([0])]; P += 1", "P = W[P > -1]; P.fill(3)"),
    *("np.add(W, 1)", "np.append(W, 1.0)", "np.sort(W)", "np.insert(W, 0, 1.0)", "np.partition(W, 0)"),
    *("np.resize(W, 3)", "operator.add(W, 1)", "W.copy().sort()", "W.tolist().append(3)", "W.astype(int).sort()"),
    *("np.add(P, W, out=P)", "np.copyto(P, W)", "np.put(P, 0, W[0])", "np.fill_diagonal(np.ones((2, 2)), W)"),
    *("np.add.at(P, [0], W)", "[].append(W)", "[].extend(W)", "{{}}.update(a=W)", "{{}}.setdefault('w', W)"),
    *("[].insert(0, W)", "set().add(W[0])", "P.put(0, W[0])", "P.fill(W[0])", "np.take(W, [0], out=P)", "add(W, 1)"),
    *("update(P, W)", "heapq.heappush([], W[0])", "[rows.append(W[j]) for rows in [[]] for j in (0,)]"),
    *("into(x=W, made=P)", "O.note(W)", "np.minimum(P, W, out=P)"),
    *("x = W; x = x + 1; x *= 2", "x = W; x = x.copy(); x[0] = 1", "fresh(W)", "x = W.flatten(); x += 1"),
    *("for x in [W]: x = x - 1; x -= 1", "for x in [W]: x = x * 2; x[0] = 3; yield_ = x", "x, y = P, W; x += y"),
    *("x = W; x = (x - x.mean()) / 2; x += 1", "x = W if j is None else W * P; x = x / 2; x[0] = 0"),
]
"""What reads W, whatever else it writes into."""


@pytest.mark.parametrize("reading", READ)
def test_what_is_read_by_code_that_writes_elsewhere_is_a_setting(reading: str) -> None:
    source = (
        "import heapq, operator\nimport numpy as np\nW = np.full(1, {k})\ndef add(a, b): return a + b\n"
        "def update(state, x): state[:] = x\ndef into(made, x): made[0] = x[0]\n"
        "def fresh(x):\n x = x.copy()\n x += 1\n return x\n"
        "class Notes:\n def __init__(self): self.all = []\n def note(self, x): self.all.append(x.sum())\nO = Notes()\n"
        f"def f():\n P = np.zeros(1)\n j = np.array([0])\n {reading}\n return float(W[0])"
    )
    f = program(source, 1.0)
    told = described("f", f)
    assert f() == 1.0
    assert "f.W" not in not_covered(told)
    assert [one.name for one in changes(told, described("f", program(source, 2.0)))] == ["f.W"]


WRITTEN = [
    *("x = W; x += 1", "x = P; x = W; x[0] += 1", "x = W if j is not None else P; x[0] += 1"),
    *("x = P\n for i in (0, 1):\n  x += 1\n  x = W", "try: x = W; x[3]\n except IndexError: x[0] += 1"),
    *("x = W\n with open('/dev/null'): pass\n x[0] += 1", "twice(W)"),
]
"""What writes into W by another name."""


@pytest.mark.parametrize("writing", WRITTEN)
def test_what_is_written_into_by_another_name_is_no_setting(writing: str) -> None:
    source = (
        "import numpy as np\nW = np.full(1, {k})\ndef twice(x):\n for _ in (0, 1):\n  x[0] += 1\n  x = x[:]\n"
        f"def f():\n P = np.zeros(1)\n j = 0\n {writing}"
    )
    f = program(source, 1.0)
    told = described("f", f)
    f()
    assert changes(told, described("f", f)) == ()


@pytest.mark.parametrize("use", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_object_that_was_copied_is_the_same(use: Callable[[Any], Any]) -> None:
    """Python notes in its class how that is done."""
    told = described("it", _Node(1.0))
    use(_Node(1.0))
    assert changes(told, described("it", _Node(1.0))) == ()


def program(source: str, k: float) -> Any:
    """The callable of a program that is as long as it is."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source.format(k=k), namespace)
    return namespace["f"]


@pytest.mark.parametrize("name", BUILT)
def test_what_building_an_object_stores_is_a_setting(name: str) -> None:
    f, other = program(BUILT[name], 1.0), program(BUILT[name], 2.0)
    told = described("f", f)
    assert not not_covered(told)
    assert f() == 1.0
    assert changes(told, described("f", f)) == changes(told, described("f", program(BUILT[name], 1.0))) == ()
    assert changes(told, described("f", other))


@pytest.mark.parametrize("name", MOVED)
def test_what_a_method_stores_that_is_called_is_no_setting(name: str) -> None:
    f = program(MOVED[name], 1.0)
    told = described("f", f)
    for _ in range(3):
        f()
    assert changes(told, described("f", f)) == ()
    assert changes(told, described("f", program(MOVED[name], 2.0)))


def test_the_same_in_every_process() -> None:
    forms = [(base, [layer]) for base, layer in zip(sorted(BASES), [*sorted(LAYERS), *sorted(LAYERS)], strict=False)]
    forms += [("global list", [noise]) for noise in sorted(NOISES)]
    code = (
        "import json, sys\nfrom tests.support.user_code import made\nfrom fnnet.descriptions import described\n"
        "print(json.dumps([described('f', made(*form)) for form in json.load(sys.stdin)]))"
    )
    run = [sys.executable, "-c", code]
    mine = [described("f", made(*form)) for form in forms]
    for seed in ("1", "2"):
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(fn.__file__).parent.parent)}
        shown = subprocess.run(run, input=json.dumps(forms), capture_output=True, text=True, check=True, env=env).stdout
        for form, told, theirs in zip(forms, mine, json.loads(shown), strict=True):
            assert changes(told, theirs) == (), form


def test_a_program_whose_modules_are_called_as_those_of_python(tmp_path: Path) -> None:
    """``import statistics`` gives the module beside the program, loaded before or not."""
    for when in (
        "import statistics\ndef f(): return statistics.f()",
        "def f():\n import statistics\n return statistics.f()",
    ):
        told = []
        for k in (1.0, 2.0):
            (tmp_path / "statistics.py").write_text(f"K = {k}\ndef f(): return K\n")
            code = (
                f"from fnnet.descriptions import described\n{when}\nimport json\nprint(json.dumps(described('f', f)))"
            )
            (tmp_path / "main.py").write_text(code)
            run = [sys.executable, "main.py"]
            env = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(Path(fn.__file__).parent.parent)}
            shown = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True, env=env).stdout
            told.append(json.loads(shown))
        assert [found[1:] for found in changes(*told)] == [("1.0", "2.0")]


@pytest.mark.parametrize(
    "form", ["m{0} = m{1} if x else m{2}", "m{0} = m{1}.a; m{0} = m{2}.b; m{0}[1] = 2", "m{0} = m{0}.a"]
)
def test_code_with_many_variables_is_read_in_no_time(form: str) -> None:
    lines = [form.format(i, i - 1, i - 2) for i in range(2, 300)]
    body = "\n ".join(["m0 = A", "m1 = B", *lines, f"m{299 if 'if' in form else 2}[0] = 1"])
    namespace: dict[str, object] = {"A": [0], "B": [0], "C": [0], "__name__": "__main__"}
    exec(f"def f(x):\n {body}\n return C[0]", namespace)
    told = described("f", namespace["f"])
    assert told["f.C.0"] == "0"
    assert set(not_covered(told)) == ({"f.A", "f.B"} if "if" in form else set())


def test_an_object_that_cannot_be_looked_at_is_said_not_to_be_covered() -> None:
    class Angry(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError("no")

    assert list(not_covered(described("it", [Angry()]))) == ["it.0"]


class _Node:
    """A node of a graph, which knows its neighbours."""

    def __init__(self, number: float = 0.0) -> None:
        self.number, self.near = number, set[object]()
        self.ways: dict[object, float] = {}


def _tree(depth: int, number: float = 1.0) -> _Node:
    node = _Node(depth)
    node.near.update({_tree(depth - 1, number), _tree(depth - 1, 2 * number)} if depth else {number})
    return node


def test_objects_that_hold_each_other_in_sets_are_told_and_end() -> None:
    told = []
    for number in (1.0, 2.0):
        a, b = _Node(1), _Node(number)
        a.near.add(b)
        b.near.add(a)
        a.ways.update({b: 3.0, a: 4.0})
        told.append(described("a", a))
    assert changes(*told)
    assert changes(told[0], told[0]) == ()
    assert not_covered(described("tree", _tree(12)))  # whose branches look alike


VALUES: dict[str, list[object]] = {
    "paths": [Path("/data/a"), Path("/data/b"), Path("c")],
    "dates": [date(2026, 1, 1), date(2026, 1, 2), date(2025, 1, 1)],
    "decimals": [Decimal("1.5"), Decimal("2.5"), Decimal("-1")],
    "patterns": [re.compile("a"), re.compile("b"), re.compile("c")],
    "functions of Python": [len, abs, min],
    "pairs with paths": [(1, Path("a")), (2, Path("a")), (2, Path("b"))],
}


@pytest.mark.parametrize("name", VALUES)
def test_values_in_sets_and_as_keys_are_in_one_order(name: str) -> None:
    """Whatever they note of themselves when they are hashed, shown or compared."""
    values, fresh = VALUES[name], copy.deepcopy(VALUES[name])
    told = described("it", [set(values), dict.fromkeys(values, 1.0)])
    assert not_covered(told) == {}
    for value in values:
        hash(value), str(value), repr(value), value == values[0]
    for again in (values, fresh, values[::-1]):
        assert changes(told, described("it", [set(again), dict.fromkeys(values, 1.0)])) == ()
    assert changes(told, described("it", [set(values[1:]), dict.fromkeys(values, 1.0)]))
    assert changes(told, described("it", [set(values), dict.fromkeys(values, 2.0)]))
