"""The plan of the house: levels, one importer of toolz, one list of public names, no global randomness."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fnnet as fn
from tests.dtype_lint import compared_by_identity

PACKAGE = Path(fn.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

LEVELS = [
    ["types", "errors", "functional", "scope"],
    [
        "elementary",
        "files",
        "nodes",
        "matching",
        "keys",
        "checks",
        "products",
        "sums",
        "numerics",
        "views",
        "augmented",
        "line_search",
        "differences",
        "quasi_newton",
    ],
    ["packing", "tree"],
    [
        "rules",
        "network",
        "entries",
        "segments",
        "history",
        "records",
        "initializers",
        "schedules",
        "selection",
        "penalties",
    ],
    ["layers", "losses", "optimizers", "wrappers", "metrics", "encoders", "rows", "orders", "data", "splits"],
    [
        "models",
        "portability",
        "pieces",
        "gradients",
        "streams",
        "training",
        "finite",
        "fitting",
        "plateau",
        "rates",
        "whole_batch",
    ],
    [
        "digests",
        "codes",
        "origins",
        "reading",
        "classes",
        "callables",
        "anatomy",
        "mutations",
        "changing",
        "descriptions",
    ],
    ["comparisons", "configurations", "runs"],
    ["sealed", "structures", "likeness", "checkpoints", "resuming", "signals", "torch_weights"],
    ["conditions", "chains", "receipts", "receipt_streams", "verification"],
    ["fingerprints", "traces", "reports", "guards"],
    ["derivatives", "testing", "jit"],
    ["__init__"],
]
"""A module imports from levels above its own line; within a line from modules to its left."""

INSIDE = {
    "jit": [
        "compiling",
        "kernels",
        "activations",
        "losses",
        "far_losses",
        "norms",
        "updates",
        "epochs",
        "threads",
        "optimizers",
        "programs",
        "targets",
        "plans",
        "training",
        "__init__",
    ]
}
"""The same for the modules of a package that is one thing; in all others modules import their ``_base`` only."""

ORDER = [name for level in LEVELS for name in level]


def name_of(path: Path) -> str:
    """``fnnet/layers/relu.py`` is layers.relu."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "fnnet":
                yield from [f"fnnet.{alias.name}" for alias in node.names]
            else:
                yield node.module or ""


def test_every_module_has_its_level() -> None:
    assert {name_of(path).split(".")[0] for path in FILES} == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    mine = name_of(path).split(".")
    for module in imports_of(path):
        if not module.startswith("fnnet."):
            continue
        theirs = module.split(".")[1:]
        if theirs[0] == mine[0]:
            order = INSIDE.get(mine[0], [])
            is_lower = mine[-1] in order and order.index(theirs[-1]) < order.index(mine[-1])
            allowed = theirs[-1] == "_base" or mine[-1] == "__init__" or is_lower
            assert allowed, f"{name_of(path)} imports its sibling {module}"
        else:
            assert ORDER.index(theirs[0]) < ORDER.index(mine[0]), f"{name_of(path)} imports {module}"


def test_third_party_imports() -> None:
    used: dict[str, set[str]] = {}
    for path in FILES:
        for module in imports_of(path):
            top = module.split(".")[0]
            if top != "fnnet" and top not in sys.stdlib_module_names:
                used.setdefault(top, set()).add(name_of(path))
    assert set(used) == {"numpy", "toolz", "numba", "tqdm"}
    assert used["toolz"] == {"functional"}
    assert {name.split(".")[0] for name in used["numba"]} == {"jit"}
    assert used["tqdm"] == {"streams.display"}


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


def test_public_names_are_exported_once_each_in_the_form_that_type_checkers_take() -> None:
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fnnet"):
            for alias in node.names:
                assert alias.asname == alias.name, f"{alias.name} is not exported as itself"
                assert alias.name not in names
                names[alias.name] = f"fnnet.{alias.name}" if node.module == "fnnet" else str(node.module)
    assert names == fn._HOMES  # what type checkers read is what there is at run time
    assert set(names) <= set(dir(fn))


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


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name in ("layers", "losses") or p.stem == "models"])
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


def _public_callables() -> Iterator[tuple[str, object]]:
    for holder in (fn, fn.metrics, fn.tree, fn.keys, fn.testing):
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
                allowed = path.stem == "network" and node.name == "rule_of"
                assert "Any" not in names or allowed, f"{path.name}:{node.lineno}: {node.name} has Any"


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
