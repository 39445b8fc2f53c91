"""Whether what a file has is like what a program asks for, and where it is not."""

from __future__ import annotations

from fnnet.core.history import History, Record
from fnnet.experiments.structures import name_of
from fnnet.keys import Key
from fnnet.tree.nodes import Params, child_path, is_leaf, is_static, layout, named_children


def unlike(asked: object, found: object, path: str = "", inside: bool = False) -> str | None:
    """Where a tree differs from the one that was asked for, in words; None where it has its type.

    Classes, lengths, shapes, dtypes, and the static fields inside a network must agree; counters, keys, histories and
    what a record outside a network has learned in numbers and texts, as the values of Categories, are the file's.
    """
    if type(asked) is not type(found) or (is_leaf(asked) and _form(asked) != _form(found)):
        return _words(asked, found, path)
    if is_leaf(asked) or isinstance(asked, (Key, Record, History)):
        return None
    if is_static(asked):
        return _words(asked, found, path) if inside and repr(asked) != repr(found) else None
    left, right = named_children(asked), named_children(found)
    if type(asked) is tuple and not inside and all(isinstance(child, Record) for _, child in (*left, *right)):
        return None
    if len(left) != len(right):
        return _words(asked, found, path)
    inside = inside or isinstance(asked, Params)
    carried = () if isinstance(asked, tuple) else layout(type(asked)).carried
    for (name, x), (_, y) in zip(left, right, strict=True):
        is_files = name in carried or (type(asked) is not tuple and not inside and _is_told(x) and _is_told(y))
        difference = None if is_files else unlike(x, y, child_path(path, name), inside)
        if difference:
            return difference
    return None


def _is_told(node: object) -> bool:
    """Whether a node is a tuple of numbers and texts, of any length."""
    return type(node) is tuple and all(is_static(child) for child in node)


def _words(asked: object, found: object, path: str) -> str:
    return f"{path or 'the root'} is {_form(found)} there, asked for {_form(asked)}"


def _form(node: object) -> str:
    if is_leaf(node):
        return f"{node.dtype}{list(node.shape)}"
    if is_static(node):
        return repr(node)
    return f"a tuple of {len(node)}" if isinstance(node, tuple) else name_of(type(node))
