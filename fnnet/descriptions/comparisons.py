"""What differs between two descriptions.

A description is a graph written down in lines: a value that stands in two places is told once, and "as PLACE" in the
other. Two of them are compared as graphs, so that it does not matter which values are one and the same object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fnnet.descriptions import APART, AS, NOT_COVERED

NOTHING = "nothing"


class Difference(NamedTuple):
    """A setting or a condition that is not as it was."""

    name: str
    recorded: str
    now: str


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Difference, ...]:
    """The settings that are others now, apart from those that are said not to be covered. Code that two Pythons have
    compiled cannot be compared, and passes.

    >>> changes({"a": "Sgd", "a.lr": "0.1", "b": "as a"}, {"a": "Sgd", "a.lr": "0.2", "b": "Sgd", "b.lr": "0.2"})
    (Difference(name='a.lr', recorded='0.1', now='0.2'), Difference(name='b.lr', recorded='0.1', now='0.2'))
    """
    return tuple(_differences(_Told(then), _Told(now)))


def not_covered(configuration: Mapping[str, str]) -> dict[str, str]:
    """The places that a description cannot vouch for, and why."""
    mark = f"{NOT_COVERED}: "
    return {place: text[len(mark) :] for place, text in configuration.items() if text.startswith(mark)}


class _Told:
    """A description as a graph: of every place its text, and the names and places of what it holds."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        self.lines = lines
        self.below: dict[str | None, dict[str, str]] = {}
        for place in lines:
            above, name = _above(place, lines)
            if not name.startswith(APART):
                self.below.setdefault(above, {})[name] = place

    def resolved(self, place: str) -> str:
        """Where a value is told that this place refers to."""
        while self.lines[place].startswith(AS) and self.lines[place][len(AS) :] in self.lines:
            place = self.lines[place][len(AS) :]
        return place

    def text(self, place: str | None) -> str:
        return NOTHING if place is None else self.lines[place]


def _above(place: str, lines: Mapping[str, str]) -> tuple[str | None, str]:
    """The place that holds this one, and its name there; names may have dots in them."""
    end = place.rfind(".")
    while end >= 0:
        if place[:end] in lines:
            return place[:end], place[end + 1 :]
        end = place.rfind(".", 0, end)
    return None, place


_Pair = tuple[str | None, str | None]


def _differences(then: _Told, now: _Told) -> Iterator[Difference]:
    """A walk through both graphs at once, each pair of places once."""
    todo, met = _pairs(then.below.get(None, {}), now.below.get(None, {})), set[_Pair]()
    while todo:
        was, place = todo.pop()
        pair = (then.resolved(was), now.resolved(place)) if was is not None and place is not None else (was, place)
        found = Difference(place or was or "", then.text(pair[0]), now.text(pair[1]))
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
    """What two values hold by the same names, the first last; what one of them lacks stands against nothing."""
    return [(then.get(name), now.get(name)) for name in {**now, **then}][::-1]


def _is_of_two_codes(pair: Difference) -> bool:
    mine, theirs = _CODE.fullmatch(pair.recorded), _CODE.fullmatch(pair.now)
    return bool(mine and theirs and mine["name"] == theirs["name"] and mine["python"] != theirs["python"])


_CODE = re.compile(r"(?P<name>.*), code of (?P<python>Python \S+) \w+", re.DOTALL)
