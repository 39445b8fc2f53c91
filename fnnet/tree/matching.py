"""Several trees used together: what they must have in common, and where they differ.

Two networks, a network and its gradients, an optimizer's slots: they must have the same structure. Static fields of
networks must agree, for they say what is computed; a record's counters, keys and histories need not.
"""

from __future__ import annotations

import numpy as np

from fnnet.errors import TreeError
from fnnet.tree.fields import CONSTANT
from fnnet.tree.nodes import Layout, Params, child_path, flatten, is_leaf, is_static, layout, named_children
from fnnet.types import Array


def flatten_shared(node: object, leaves: list[Array], form: list[object], inside: bool = False) -> None:
    """``flatten``, restricted to what trees must have in common to be used together.

    All static fields inside a network count; a record's counters do not, and its carried fields are not entered.
    ``form`` holds CONSTANT in place of ndarray where a leaf is constant.
    """
    kind = type(node)
    if kind is np.ndarray or is_static(node):
        flatten(node, leaves, form)
        return
    form.append(kind)
    if isinstance(node, tuple) and kind is tuple:
        children: tuple[object, ...] = node
        form.append(len(node))
    else:
        known = layout(kind)
        children = known.values(node)
        inside = inside or known.is_params
        if not inside or known.constant:
            _flatten_fields(known, children, leaves, form, inside)
            return
    for child in children:
        if type(child) is np.ndarray:  # most children are leaves: this saves a call for each
            leaves.append(child)
            form.append(np.ndarray)
        else:
            flatten_shared(child, leaves, form, inside)


def _flatten_fields(
    known: Layout, children: tuple[object, ...], leaves: list[Array], form: list[object], inside: bool
) -> None:
    for name, child in zip(known.names, children, strict=True):
        is_counter = not inside and child is not None and is_static(child)
        if is_counter or name in known.carried:
            continue
        start = len(form)
        flatten_shared(child, leaves, form, inside)
        if name in known.constant:
            form[start:] = [CONSTANT if entry is np.ndarray else entry for entry in form[start:]]


def columns(where: str, trees: tuple[object, ...]) -> tuple[list[list[Array]], list[object]]:
    """The leaves of several trees of one structure, one list per tree, and their common form.

    Raises TreeError, naming the path, where the structures differ.
    """
    found: list[list[Array]] = []
    first: list[object] = []
    for tree in trees:
        leaves: list[Array] = []
        form: list[object] = []
        flatten_shared(tree, leaves, form)
        if not found:
            first = form
        elif form != first:
            raise TreeError(f"{where}: {_difference(trees[0], tree, '')}")
        found.append(leaves)
    return found, first


def trained(form: list[object]) -> list[bool]:
    """For each leaf of a form, whether training changes it."""
    return [entry is np.ndarray for entry in form if entry is np.ndarray or entry is CONSTANT]


def _difference(a: object, b: object, path: str, inside: bool = False) -> str:
    """Where two structures differ, in words."""
    inside = inside or isinstance(a, Params)
    left, right = named_children(a), named_children(b)
    if type(a) is type(b) and left and len(left) == len(right):
        is_record = not inside and type(a) is not tuple
        for (name, x), (_, y) in zip(left, right, strict=True):
            is_counter = is_record and x is not None and y is not None and is_static(x) and is_static(y)
            is_carried = is_record and name in layout(type(a)).carried
            if not is_counter and not is_carried and _form(x, inside) != _form(y, inside):
                return _difference(x, y, child_path(path, name), inside)
    return f"the structures differ at {path or 'the root'}: {_kind(a)} against {_kind(b)}"


def _form(node: object, inside: bool) -> list[object]:
    form: list[object] = []
    flatten_shared(node, [], form, inside)
    return form


def _kind(node: object) -> str:
    if is_static(node):
        return repr(node)
    if isinstance(node, tuple):
        return f"a tuple of {len(node)}"
    return "an array" if is_leaf(node) else type(node).__name__
