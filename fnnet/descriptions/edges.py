"""What values hold and read, by name, and placeholders for what cannot be seen."""

from __future__ import annotations

from collections.abc import Iterable
from types import FunctionType
from typing import NamedTuple

Site = tuple[object, ...]
"""Where a value is kept, so that the code that changes it can be found."""


class Edge(NamedTuple):
    """A value that another one holds or reads: its name, the value, and where it is kept."""

    name: str
    value: object
    site: Site = ()


class Unseen(NamedTuple):
    """Takes the place of a value that cannot be described, and says why."""

    why: str


def unique(edges: Iterable[Edge]) -> list[Edge]:
    """The edges, with a mark on repeated names."""
    found: dict[str, Edge] = {}
    for edge in edges:
        name = edge.name
        while name in found:
            name += "'"
        found[name] = edge._replace(name=name)
    return list(found.values())


def as_function(value: object) -> FunctionType | None:
    """The function in what a class holds, such as a class method."""
    inner: object = asked(value, "__func__") or value
    return inner if type(inner) is FunctionType else None


def asked(value: object, name: str, otherwise: object = None) -> object:
    """An attribute of a user's object, or ``otherwise``: an object without it may raise anything."""
    try:
        return getattr(value, name, otherwise)
    except Exception:
        return otherwise
