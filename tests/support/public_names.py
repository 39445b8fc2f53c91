"""The public names by group, as the docstring of fnnet lists them: for the reference and for the test of it."""

from __future__ import annotations

import re
from typing import NamedTuple

import fnnet as fn

GROUP = re.compile(r"^(?P<title>\w[^\n]*?)(?: \((?P<module>fn(?:net)?\.\w+)\))?:\n(?P<names>(?:    [\w ]+\n)+)", re.M)


class Group(NamedTuple):
    """A title such as "Metrics", the module that its names are in, and the names."""

    title: str
    module: str
    names: tuple[str, ...]


def groups() -> tuple[Group, ...]:
    """Every group, in the docstring's order."""
    found = GROUP.finditer(f"{fn.__doc__}")
    return tuple(Group(match["title"], match["module"] or "fn", tuple(match["names"].split())) for match in found)
