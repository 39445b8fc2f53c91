"""Operations on trees: networks, gradients, optimizer states, training states."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

import numpy as np

from fnnet import checks
from fnnet.errors import DtypeError, TreeError
from fnnet.tree.matching import columns, trained
from fnnet.tree.nodes import flatten, is_leaf, is_static, layout, leaf_paths, named_children, restore
from fnnet.tree.nodes import read_only as read_only
from fnnet.types import Array, Dtype

T = TypeVar("T")


def leaves(tree: object) -> tuple[Array, ...]:
    """All arrays of ``tree``, in the order of its fields.

    >>> leaves((np.zeros(2), (np.ones(1),)))
    (array([0., 0.]), array([1.]))
    """
    found: list[Array] = []
    flatten(tree, found, [])
    return tuple(found)


def rebuild(tree: T, values: tuple[Array, ...]) -> T:
    """``tree`` with its leaves replaced by ``values``, in the order of ``leaves``.

    Raises TreeError where their number differs or one is not an array.

    >>> rebuild((np.zeros(2), (np.zeros(1),)), (np.ones(2), np.ones(1)))
    (array([1., 1.]), (array([1.]),))
    """
    n = len(leaves(tree))
    if n != len(values):
        raise TreeError(f"tree.rebuild: values must be as many as the tree has leaves, {n}, got {len(values)}")
    for i, value in enumerate(values):
        if not is_leaf(value):
            raise TreeError(f"tree.rebuild: values[{i}] must be a numpy.ndarray, got {value!r}")
    rebuilt: T = restore(tree, iter(values))  # type: ignore[assignment]
    return rebuilt


@overload
def map(f: Callable[[Array], Array], tree: T) -> T: ...
@overload
def map(f: Callable[[Array, Array], Array], tree: T, other: object, /) -> T: ...
@overload
def map(f: Callable[..., Array], tree: T, *rest: object) -> T: ...


def map(f: Callable[..., Array], tree: T, *rest: object) -> T:
    """``f`` applied to the leaves of ``tree``, or of several trees of the same structure, as a tree like the first.

    ``f`` gets one leaf of ``tree`` and one of each of ``rest``. Static fields of networks must agree; counters, keys
    and histories are taken from the first tree. Raises TreeError, naming the path, where structures differ.

    >>> map(lambda a, b: a + b, (np.array([1.0]),), (np.array([2.0]),))
    (array([3.]),)
    """
    found, _ = columns("tree.map", (tree, *rest))
    values = [np.asarray(f(*leaf)) for leaf in zip(*found, strict=True)]
    mapped: T = restore(tree, iter(values), enters_carried=False)  # type: ignore[assignment]
    return mapped


def paths(tree: object) -> tuple[str, ...]:
    """The path of every leaf of ``tree``, in the order of ``leaves``.

    >>> paths((np.zeros(2), (np.ones(1),)))
    ('0', '1.0')
    """
    return leaf_paths(tree)


def at(tree: T, path: str, f: Callable[..., object]) -> T:
    """A new tree in which the leaf or static field at ``path``, such as "layers.0.w", is replaced by ``f`` of it.

    Raises TreeError where there is no such path, or ``f`` gives neither an array nor a static value.

    >>> at((1.0, (np.zeros(1),)), "0", lambda rate: rate / 2)
    (0.5, (array([0.]),))
    """
    given: object = path
    if not isinstance(given, str):
        raise TreeError(f"tree.at: path must be a str such as 'layers.0.w', got {path!r}")
    changed: T = _at(tree, path, path.split(".") if path else [], f)  # type: ignore[assignment]
    return changed


def _at(node: object, path: str, rest: list[str], f: Callable[..., object]) -> object:
    if not rest:
        if not (is_leaf(node) or is_static(node)):
            raise TreeError(f"tree.at: {path!r} must name an array or a static field, not a {type(node).__name__}")
        new = f(node)
        if not (is_leaf(new) or is_static(new)):
            raise TreeError(f"tree.at: f must give an array or a static value for {path!r}, got {new!r}")
        return new
    names = [name for name, _ in named_children(node)]
    if rest[0] not in names:
        raise TreeError(f"tree.at: there is no path {path!r}: {rest[0]!r} is none of {', '.join(names) or 'nothing'}")
    values = [_at(child, path, rest[1:], f) if name == rest[0] else child for name, child in named_children(node)]
    return tuple(values) if type(node) is tuple else layout(type(node)).make(*values)


def digest(tree: object) -> str:
    """The SHA-256 of ``tree``, in hexadecimal, over structure, static fields, dtypes, shapes and bytes.

    A class counts by its module and name, one of fnnet's own by its name alone. Raises DtypeError for an array of
    objects.

    >>> digest((np.zeros(2), 0.5))[:16]
    '30fab13d6dcbf7ee'
    """
    import hashlib  # loading it takes 3 ms, a tenth of fnnet's own time

    found: list[Array] = []
    form: list[object] = []
    flatten(tree, found, form)
    sha = hashlib.sha256()
    for entry in form:
        text = f"class {_name(entry)}" if isinstance(entry, type) else repr(entry)
        sha.update(f"{len(text)}:{text};".encode())
    for leaf in found:
        if leaf.dtype.hasobject:
            raise DtypeError(f"tree.digest: arrays must hold numbers, got dtype {leaf.dtype}")
        sha.update(f"{leaf.dtype.str}{leaf.shape};".encode())
        sha.update(leaf.tobytes())
    return sha.hexdigest()


def _name(kind: type) -> str:
    package = kind.__module__.split(".")[0]
    return f"{package if package == 'fnnet' else kind.__module__}.{kind.__qualname__}"


def equal(a: object, b: object) -> bool:
    """Whether the trees ``a`` and ``b`` are the same to the bit: structure, static fields, dtypes, shapes, bytes.

    >>> equal((np.array([0.0]),), (np.array([-0.0]),))
    False
    """
    return digest(a) == digest(b)


def allclose(a: object, b: object, rtol: float = 1e-7, atol: float = 0.0) -> bool:
    """Whether two trees agree leaf by leaf, |a - b| <= atol + rtol |b|. Raises TreeError where structures differ.

    ``rtol`` is the relative and ``atol`` the absolute tolerance.

    >>> allclose((np.ones(1),), (np.ones(1) + 1e-9,))
    True
    """
    (left, right), _ = columns("tree.allclose", (a, b))
    return all(x.shape == y.shape and np.allclose(x, y, rtol, atol) for x, y in zip(left, right, strict=True))


def astype(tree: T, dtype: Dtype) -> T:
    """``tree`` with every floating array cast to ``dtype``, read-only; arrays of integers stay as they are.

    Raises DtypeError for any dtype but float32 and float64.

    >>> astype((np.zeros(2), np.arange(2)), np.float32)
    (array([0., 0.], dtype=float32), array([0, 1]))
    """
    wanted = checks.dtype("tree.astype", dtype)
    return read_only(map(lambda a: a.astype(wanted, copy=False) if a.dtype.kind == "f" else a, tree))


def trainable(tree: object) -> tuple[Array, ...]:
    """The leaves of ``tree`` that training changes: all but the constant ones.

    >>> trainable((np.zeros(2), 0.5))
    (array([0., 0.]),)
    """
    (found,), form = columns("tree.trainable", (tree,))
    return tuple([leaf for leaf, changes in zip(found, trained(form), strict=True) if changes])


def count(tree: object) -> int:
    """How many numbers of ``tree`` training changes.

    >>> count((np.zeros((2, 3)), np.zeros(3)))
    9
    """
    return sum([leaf.size for leaf in trainable(tree)])


def ravel(tree: object) -> Array:
    """All trainable leaves of ``tree`` one after another, in one fresh vector.

    >>> ravel((np.zeros(2), np.ones(1)))
    array([0., 0., 1.])
    """
    return np.concatenate([np.zeros(0, np.float32), *[leaf.ravel() for leaf in trainable(tree)]])
