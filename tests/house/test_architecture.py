"""The plan of the house: levels, one importer of toolz, one list of public names, no global randomness."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import fnnet as fn
from fnnet.core.rules import layers_defined
from tests.support.dtype_lint import compared_by_identity

PACKAGE = Path(fn.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

PLAN = (PACKAGE.parent / ".github" / "CONTRIBUTING.md").read_text().split("## The map")[1].split("\n## ")[0]
LEVELS = [re.findall(r"`([a-z_]+)/?`", line.split("|")[1]) for line in PLAN.splitlines() if line.startswith("| `")]
"""The rooms, as the map on the contributing page has them: each imports rooms of the lines above its own."""

KINDS = {"layers", "losses", "optimizers", "schedules", "metrics", "streams"}
"""Rooms with one file a thing, which knows nothing of its neighbours but what is private to the room."""

SHARED = {"losses.reductions", "losses.links", "optimizers.elementwise", "streams.measures", "optimizers.wrapping"}
"""What all of such a room are written with, and other rooms too."""

MADE_OF_OTHERS = {"layers.mlp": {"layers.linear", "layers.relu"}, "layers.linear": {"layers.relu"}}
"""Those that are made of their neighbours by name, or passed together with them."""


def name_of(path: Path) -> str:
    """``fnnet/layers/relu.py`` is layers.relu, ``fnnet/tree/__init__.py`` is tree."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Every module, or name in one, that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from [f"{node.module}.{alias.name}" for alias in node.names]


NAMES = {name_of(path) for path in FILES}


def imported(path: Path) -> set[str]:
    """The modules of fnnet that a file imports, by their names below it."""
    inside = [name.removeprefix("fnnet.") for name in imports_of(path) if name.startswith("fnnet.")]
    return {name if name in NAMES else name.rpartition(".")[0] for name in inside}


def test_every_room_is_on_the_map() -> None:
    assert sorted(name for level in LEVELS for name in level) == sorted({name.split(".")[0] for name in NAMES})


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    level = {room: i for i, rooms in enumerate(LEVELS) for room in rooms}
    mine = name_of(path).split(".")[0]
    for theirs in {name.split(".")[0] for name in imported(path)} - {mine}:
        assert level[theirs] < level[mine], f"{name_of(path)} imports {theirs}, which is no room below"


def test_files_import_each_other_in_no_circle() -> None:
    list(TopologicalSorter({name_of(path): imported(path) - {name_of(path)} for path in FILES}).static_order())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_is_private_to_a_room_stays_there(path: Path) -> None:
    for theirs in imported(path):
        room, _, name = theirs.rpartition(".")
        is_inside = name_of(path).split(".")[0] == room.split(".")[0]
        assert is_inside or not name.startswith("_"), f"{name_of(path)} imports {theirs}"
        if is_inside and room in KINDS and "." in name_of(path) and not name.startswith("_"):
            allowed = SHARED | MADE_OF_OTHERS.get(name_of(path), set())
            assert theirs in allowed, f"{name_of(path)} imports its neighbour {theirs}"


def test_third_party_imports() -> None:
    used: dict[str, set[str]] = {}
    for path in FILES:
        for module in imports_of(path):
            top = module.split(".")[0]
            if top != "fnnet" and top not in sys.stdlib_module_names:
                used.setdefault(top, set()).add(name_of(path))
    assert set(used) == {"numpy", "toolz", "matplotlib", "numba", "tqdm", "pandas"}
    assert used["toolz"] == {"functional"}
    assert {name.split(".")[0] for name in used["numba"]} == {"jit"}
    assert {name.split(".")[0] for name in used["matplotlib"]} == {"plot"}
    assert used["tqdm"] == {"streams._displays"}
    assert used["pandas"] == {"core.history"}


def test_import_loads_numpy_and_toolz_and_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import fnnet; [getattr(fnnet, name) for name in dir(fnnet)]; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in shown if not name.startswith("_")} == {"fnnet", "numpy", "toolz"}


def test_no_module_bears_the_name_of_a_public_function() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    functions = {name for name, value in vars(fn).items() if callable(value)}
    assert not modules & functions


def test_public_names_are_one_list() -> None:
    """In the form that type checkers take: what they read is what there is at run time, and all that dir shows."""
    lines = [line for line in (PACKAGE / "__init__.pyi").read_text().splitlines() if line.startswith("from ")]
    names = [re.fullmatch(r"from fnnet(?:\.\w+)* import (\w+) as \1", line) for line in lines]
    assert sorted([*[match[1] for match in names if match], "__version__"]) == dir(fn)
    assert all(names) and len({*names}) == len(lines)
    assert lines == sorted(lines)


SETTINGS = {"Settings", "Share", "Finite", "NonNegative", "Positive", "Rate", "Size", "Flag", "Numbers"}
"""Public names that are in the door alone: too common words for the top level."""


def test_the_door_of_the_contract_has_public_names_only() -> None:
    """So that a user's layer can be written as fnnet's are, and the other way round."""
    lines = (PACKAGE / "core" / "__init__.py").read_text().splitlines()
    names = [
        re.fullmatch(r"from fnnet(?:\.\w+)+ import (\w+) as \1", line) for line in lines if line.startswith("from ")
    ]
    assert all(names)
    assert {match[1] for match in names if match} - set(dir(fn)) == SETTINGS


def test_names_come_when_they_are_used() -> None:
    code = (
        "import sys, fnnet as fn; assert 'numpy' not in sys.modules; fn.mse; assert 'fnnet.jit' not in sys.modules; "
        "assert 'fnnet.streams' not in sys.modules; from fnnet import best, tree, Key; fn.nothing"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "AttributeError: module 'fnnet' has no attribute 'nothing'" in shown.stderr


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_global_random_state(path: Path) -> None:
    found = re.findall(r"np\.random\.(\w+)", path.read_text())
    assert set(found) <= ({"SeedSequence", "Philox"} if name_of(path) == "keys" else set())
    assert "import random" not in path.read_text()


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name in ("layers", "losses")])
def test_products_and_transcendental_functions_come_from_numerics(path: Path) -> None:
    forbidden = {"dot", "matmul", "einsum", "tensordot", "vecdot", "exp", "expm1", "log", "log1p", "log2", "logaddexp"}
    forbidden |= {"sin", "cos", "tanh", "sinh", "cosh", "power", "exp2"}
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.MatMult), f"{path.name} uses @"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
            assert node.attr not in forbidden, f"{path.name} uses np.{node.attr}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_zip_is_strict(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "zip":
            given = [k.value.value for k in node.keywords if k.arg == "strict" and isinstance(k.value, ast.Constant)]
            assert given == [True], f"{path.name}:{node.lineno}: zip without strict=True"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_layers_are_known_by_their_very_class(path: Path) -> None:
    """What is derived from a layer may have rules of its own."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            kinds = {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
            assert not kinds & LAYERS, f"{path.name}:{node.lineno}: isinstance of {kinds}; compare type(...)"


_ = [getattr(fn, name) for name in dir(fn)]  # which defines all layers
LAYERS = {kind.__name__ for kind in layers_defined() if kind.__module__.startswith("fnnet.layers.")}
assert {"Linear", "Relu", "Mlp"} <= LAYERS


def _public_callables() -> Iterator[tuple[str, object]]:
    for holder in (fn, fn.metrics, fn.tree, fn.keys, fn.testing, fn.checks, fn.numerics):
        for name, value in vars(holder).items():
            if callable(value) and not name.startswith("_") and getattr(value, "__module__", "").startswith("fnnet."):
                yield f"{holder.__name__}.{name}", value


@pytest.mark.parametrize(("name", "value"), list(_public_callables()))
def test_public_names_have_docstrings(name: str, value: object) -> None:
    documentation = value.__doc__ or ""
    assert documentation.strip(), f"{name} has no docstring"
    assert not documentation.startswith(f"{getattr(value, '__name__', '')}("), f"{name} has a generated docstring"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_any_in_public_signatures(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            written = [node.returns, *[arg.annotation for arg in (*node.args.posonlyargs, *node.args.args)]]
            for annotation in filter(None, [*written, *[arg.annotation for arg in node.args.kwonlyargs]]):
                names = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
                assert "Any" not in names, f"{path.name}:{node.lineno}: {node.name} has Any"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_dtypes_are_compared_by_identity(path: Path) -> None:
    """An array that was pickled, or read by joblib, has a dtype that is equal and another object."""
    assert compared_by_identity(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "x.dtype is y",
        "x.dtype is not cache.dtype",
        "y is F64",
        "checks.F32 is not y",
        "np.dtype(float) is y",
        "0 < n and x.dtype is y",
        "id(x.dtype)",
        "wanted = np.dtype(float); x is wanted",
        "own = x.dtype; own is y",
        "(own := x.dtype) and own is y",
        "def f(wanted: np.dtype[np.floating], y: int): return y is wanted",
        "def f(kind: Dtype | None = None, *, y: int): return kind is not y",
    ],
)
def test_the_lint_of_dtypes_sees(line: str) -> None:
    assert compared_by_identity(line) == [1]


def test_the_lint_of_dtypes_lets_pass() -> None:
    assert compared_by_identity("x.dtype == F64; own is None; x.dtype in FLOATS; x.dtype.kind == 'f'; a is b") == []
