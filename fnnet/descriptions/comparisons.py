"""What differs between two descriptions.

A description is a graph written as lines: a value with two paths is described at one of them, and "as PATH" at the
other. Two descriptions are compared as graphs, so it does not matter which values are the same object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fnnet.descriptions import APART, AS, NOT_COVERED

NOTHING = "nothing"


class Difference(NamedTuple):
    """A setting or a condition that has changed: its name, the text that was recorded, and the text now."""

    name: str
    recorded: str
    now: str


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Difference, ...]:
    """The settings that differ, except those that are not covered. Code compiled by two versions of Python cannot be
    compared, and counts as equal.

    >>> changes({"a": "Sgd", "a.lr": "0.1", "b": "as a"}, {"a": "Sgd", "a.lr": "0.2", "b": "Sgd", "b.lr": "0.2"})
    (Difference(name='a.lr', recorded='0.1', now='0.2'), Difference(name='b.lr', recorded='0.1', now='0.2'))
    """
    return tuple(_differences(_Graph(then), _Graph(now)))


def not_covered(configuration: Mapping[str, str]) -> dict[str, str]:
    """The paths that a description cannot vouch for, and why."""
    mark = f"{NOT_COVERED}: "
    return {path: text[len(mark) :] for path, text in configuration.items() if text.startswith(mark)}


class _Graph:
    """A description as a graph: the text at every path, and the names and paths of what each value holds."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        self.lines = lines
        self.below: dict[str | None, dict[str, str]] = {}
        for path in lines:
            above, name = _above(path, lines)
            if not name.startswith(APART):
                self.below.setdefault(above, {})[name] = path

    def resolved(self, path: str) -> str:
        """The path at which the value of this path is described."""
        while self.lines[path].startswith(AS) and self.lines[path][len(AS) :] in self.lines:
            path = self.lines[path][len(AS) :]
        return path

    def text(self, path: str | None) -> str:
        return NOTHING if path is None else self.lines[path]


def _above(path: str, lines: Mapping[str, str]) -> tuple[str | None, str]:
    """The path of what holds this value, and its name there; names may have dots in them."""
    end = path.rfind(".")
    while end >= 0:
        if path[:end] in lines:
            return path[:end], path[end + 1 :]
        end = path.rfind(".", 0, end)
    return None, path


_Pair = tuple[str | None, str | None]


def _differences(then: _Graph, now: _Graph) -> Iterator[Difference]:
    """A walk through both graphs at once, each pair of paths once."""
    todo, met = _pairs(then.below.get(None, {}), now.below.get(None, {})), set[_Pair]()
    while todo:
        was, path = todo.pop()
        pair = (then.resolved(was), now.resolved(path)) if was is not None and path is not None else (was, path)
        found = Difference(path or was or "", then.text(pair[0]), now.text(pair[1]))
        if pair in met or any(text.startswith(NOT_COVERED) for text in found[1:]):
            continue
        met.add(pair)
        is_code = _is_of_two_codes(found)
        if found.recorded != found.now and not is_code:
            yield found
        mine, theirs = then.below.get(pair[0] or "", {}), now.below.get(pair[1] or "", {})
        if mine.keys() == theirs.keys() and list(mine) != list(theirs) and not is_code:
            yield Difference(found.name, *[f"in the order {', '.join(names)}" for names in (mine, theirs)])
        below = _pairs(mine, theirs)
        todo += [one for one in below if None not in one or not is_code]


def _pairs(then: Mapping[str, str], now: Mapping[str, str]) -> list[_Pair]:
    """What two values hold under the same names, in reverse order; what one of them lacks is paired with nothing."""
    return [(then.get(name), now.get(name)) for name in {**now, **then}][::-1]


def _is_of_two_codes(pair: Difference) -> bool:
    mine, theirs = _CODE.fullmatch(pair.recorded), _CODE.fullmatch(pair.now)
    return bool(mine and theirs and mine["name"] == theirs["name"] and mine["python"] != theirs["python"])


_CODE = re.compile(r"(?P<name>.*), code of (?P<python>Python \S+) \w+", re.DOTALL)
