"""Settings in words: every value in a step, data or a stream, by its path, to be written down and compared."""

from __future__ import annotations

from collections.abc import Mapping

from fnnet.descriptions.changed_by_run import Changing, changing
from fnnet.descriptions.digests import Known
from fnnet.descriptions.edges import Edge
from fnnet.descriptions.values import Anatomy, anatomy
from fnnet.descriptions.values import content as content

NOT_COVERED = "not covered"
"""The beginning of the text of a value that no description vouches for."""

AS = "as "
"""The beginning of the text of a value that is described at another path, which follows."""

APART = "(deep "
"""The beginning of a name that is given to a value too deep to be described at its own path."""

_DEEP = 50


def described(name: str, value: object) -> dict[str, str]:
    """Path and text of a value and of everything in it; ``name`` is the path of the value itself.

    Settings are described by their classes and fields, arrays and other rows by dtype, shape and digest, long plain
    data in one line. What belongs to fnnet, Python or an installed package is described by name; the user's functions
    and classes by a digest of what their code does, and by what it reads: variables around it, defaults, values of its
    module and of others, class attributes. A value that occurs again is "as" the path where it occurred first. What
    cannot be described, and what the code itself changes when it runs, is "not covered".

    State that packages, Python and the system keep to themselves is ignored: NumPy's handling of errors, the precision
    of decimals, the environment, the locale, and the like. Arrays are compared by their numbers, wherever they lie in
    memory; classes and functions by what they do, not by their docstrings and annotations. An object of a package that
    holds different numbers in every process, such as uninitialized memory, differs from itself. Objects of packages
    that are written in C, except arrays and tables, are not covered.

    >>> import fnnet as fn
    >>> described("optimizer", fn.sgd(0.1, momentum=0.9))["optimizer.momentum"]
    '0.9'
    """
    return described_all({name: value})


def described_all(values: Mapping[str, object]) -> dict[str, str]:
    """The same for several values that may share what they hold."""
    known: dict[int, Anatomy] = {}
    data: Known = {}
    todo = list(values.values())
    while todo:
        value = todo.pop()
        if id(value) not in known:
            known[id(value)] = anatomy(value, data)
            todo += [edge.value for edge in known[id(value)].edges]
    roots = [Edge(name, value) for name, value in values.items()]
    edges = [*roots, *[edge for found in known.values() for edge in found.edges]]
    return _lines(roots, known, changing(edges))


def _lines(roots: list[Edge], known: Mapping[int, Anatomy], state: Changing) -> dict[str, str]:
    """One value after the other, each followed by what it holds, at the path where it occurs first."""
    lines: dict[str, str] = {}
    known_paths: dict[int, str] = {}
    todo = [(root.name, root.name, root, 0) for root in roots][::-1]
    while todo:
        path, root, edge, depth = todo.pop()
        found = known[id(edge.value)]
        if state.has(edge):
            lines[path] = f"{NOT_COVERED}: the code of the run changes it"
            continue
        if id(edge.value) in known_paths:
            lines[path] = AS + known_paths[id(edge.value)]
            continue
        if found.edges and depth == _DEEP:
            apart = f"{root}.{APART}{len(lines)})"
            lines[path], path, depth = AS + apart, apart, 0
        lines[path] = found.text()
        if found.edges:
            known_paths[id(edge.value)] = path
        todo += [(f"{path}.{child.name}", root, child, depth + 1) for child in found.edges[::-1]]
    return lines
