"""Settings in words: every value that a step, data or a stream holds, by its path, to be written down and compared."""

from __future__ import annotations

from collections.abc import Mapping

from fnnet.descriptions.changed_by_run import Changing, changing
from fnnet.descriptions.digests import Known
from fnnet.descriptions.function_reads import Edge
from fnnet.descriptions.values import Anatomy, anatomy
from fnnet.descriptions.values import content as content

NOT_COVERED = "not covered"
"""How the text begins of what no description vouches for."""

AS = "as "
"""How the text begins of a value that is told in another place, whose name follows."""

APART = "(deep "
"""How the names begin of places for what stands too deep to be told where it stands."""

_DEEP = 50


def described(name: str, value: object) -> dict[str, str]:
    """Path and text of a value and of everything in it.

    Settings are told by their classes and fields, arrays and other rows by dtype, shape and digest, long plain data in
    one line. What is fnnet's, Python's or of an installed package is told by name; functions and classes of the user's
    by a digest of what their code does, and by what it reads: variables around it, defaults, values of its module and
    of others, class attributes. A value that is met again is "as" in the place where it is told. What cannot be told,
    and what the code itself changes when it runs, is "not covered".

    >>> import fnnet as fn
    >>> described("optimizer", fn.sgd(0.1, momentum=0.9))["optimizer.momentum"]
    '0.9'
    """
    return described_all({name: value})


def described_all(values: Mapping[str, object]) -> dict[str, str]:
    """The same of several values that may share what they hold."""
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
    """One value after the other, each with what it holds behind it, wherever it stands first."""
    lines: dict[str, str] = {}
    places: dict[int, str] = {}
    todo = [(root.name, root.name, root, 0) for root in roots][::-1]
    while todo:
        place, root, edge, depth = todo.pop()
        found = known[id(edge.value)]
        if state.has(edge):
            lines[place] = f"{NOT_COVERED}: the code of the run changes it"
            continue
        if id(edge.value) in places:
            lines[place] = AS + places[id(edge.value)]
            continue
        if found.edges and depth == _DEEP:
            apart = f"{root}.{APART}{len(lines)})"
            lines[place], place, depth = AS + apart, apart, 0
        lines[place] = found.text()
        if found.edges:
            places[id(edge.value)] = place
        todo += [(f"{place}.{child.name}", root, child, depth + 1) for child in found.edges[::-1]]
    return lines
