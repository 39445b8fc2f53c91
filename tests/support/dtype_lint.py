"""Finds dtypes that are compared by identity, by their looks in the source: for test_architecture."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

DTYPES = {"F32", "F64"}
"""What dtypes are called where they are imported."""


def compared_by_identity(source: str) -> list[int]:
    """The lines where a dtype is compared by ``is`` or ``id``, but for whether there is one at all."""
    tree = ast.parse(source)
    names = DTYPES | set(_dtype_names(tree))
    found: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            pairs = zip(node.ops, pairwise([node.left, *node.comparators]), strict=True)
            found += [node.lineno for op, sides in pairs if isinstance(op, (ast.Is, ast.IsNot)) and _one(sides, names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "id":
            found += [node.lineno for argument in node.args if _is_dtype(argument, names)]
    return found


def _one(sides: tuple[ast.expr, ast.expr], names: set[str]) -> bool:
    """Whether one of two expressions is a dtype, and none is None."""
    is_none = any(isinstance(side, ast.Constant) and side.value is None for side in sides)
    return not is_none and any(_is_dtype(side, names) for side in sides)


def _is_dtype(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is a dtype by its looks: a name of one, ``x.dtype``, ``np.dtype(...)``."""
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Attribute):
        return node.attr == "dtype" or node.attr in DTYPES
    if isinstance(node, ast.IfExp):
        return _is_dtype(node.body, names) or _is_dtype(node.orelse, names)
    if isinstance(node, ast.NamedExpr):
        return _is_dtype(node.value, names)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "dtype"


def _dtype_names(tree: ast.AST) -> Iterator[str]:
    """The names that are bound to dtypes anywhere in a file, by a value or by an annotation."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_dtype(node.value, DTYPES):
            yield from [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        elif isinstance(node, (ast.NamedExpr, ast.AnnAssign)) and isinstance(node.target, ast.Name):
            is_told = _tells(node.annotation) if isinstance(node, ast.AnnAssign) else _is_dtype(node.value, DTYPES)
            yield from [node.target.id] if is_told else []
        elif isinstance(node, ast.arg) and node.annotation is not None and _tells(node.annotation):
            yield node.arg


def _tells(annotation: ast.expr) -> bool:
    """Whether an annotation is that of a dtype."""
    return re.search(r"\bdtype\b", ast.unparse(annotation), re.IGNORECASE) is not None
