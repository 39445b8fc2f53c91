"""What code changes while it runs: the names that it stores to, and the values that it writes into.

What a run changes is no setting of it: a counter, a cache. It is found in the code, not by watching it run, so that it
is the same before a run and after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from fnnet.descriptions.bytecode import IN_PLACE, Body, Place

_WRITERS = {
    *("append", "appendleft", "extend", "extendleft", "insert", "remove", "pop", "popleft", "popitem", "clear"),
    *("add", "discard", "update", "setdefault", "sort", "reverse", "rotate", "subtract", "move_to_end", "fill", "put"),
    *("difference_update", "intersection_update", "symmetric_difference_update", "partition", "resize", "setflags"),
    *(
        "copyto",
        "putmask",
        "place",
        "fill_diagonal",
        "shuffle",
        "heappush",
        "heappop",
        "heapify",
        "heapreplace",
        "next",
    ),
    *("insort", "insort_left", "insort_right", "setitem", "delitem", "__setitem__", "__delitem__", "__next__", "write"),
}
"""Functions and methods of Python and NumPy that write into what they are called with."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a function stores to, what it writes into, and what it calls with what."""

    name: str
    stored: frozenset[Place]
    written: frozenset[Place]
    calls: tuple[tuple[str, frozenset[Place]], ...]


def facts(code: CodeType) -> tuple[Facts, ...]:
    """Those of a function, and then those of the functions in it, in terms of the outer one's variables."""
    body = Body(code)
    stored, written, calls = set[Place](), set[Place](), list[tuple[str, frozenset[Place]]]()
    for i, op in enumerate(body.ops):
        stored |= _stored(body, i)
        if op.name in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"):
            written |= body.places(i, 2 if op.name == "STORE_SLICE" else 1)
        elif op.name == "BINARY_OP" and op.arg in IN_PLACE:
            written |= body.places(i, 1)
        elif op.name in ("CALL", "CALL_KW"):
            calls += _calls(body, i)
    own = Facts(code.co_name, frozenset(stored), frozenset(written), tuple(calls))
    inner = [one for const in code.co_consts if isinstance(const, CodeType) for one in facts(const)]
    return (own, *[_from_outside(one, body) for one in inner])


def _stored(body: Body, i: int) -> set[Place]:
    op = body.ops[i]
    if op.name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
        return {("global", str(op.value))}
    if op.name in ("STORE_DEREF", "DELETE_DEREF") and op.value in body.code.co_freevars:
        return {("free", str(op.value))}
    if op.name in ("STORE_ATTR", "DELETE_ATTR"):
        return {("own" if body.is_first(i) else "attr", str(op.value))}
    return set()


def _calls(body: Body, i: int) -> Iterator[tuple[str, frozenset[Place]]]:
    """What may be called, and where what it is called with comes from, the object of a method among it."""
    op = body.ops[i]
    more = int(op.name == "CALL_KW")
    given = {place for depth in range(more, op.arg + more) for place in body.places(i, depth)}
    for name, receiver in body.callees(i):
        if name in ("setattr", "__setattr__", "delattr", "__delattr__"):
            yield name, frozenset([("forced", text) for text in body.constants(i)])
        else:
            yield ("copyto" if "out" in body.keywords(i) else name), frozenset(given | receiver)


def _from_outside(inner: Facts, body: Body) -> Facts:
    """The facts of a function as the one around it sees them."""
    return Facts(
        inner.name,
        frozenset(_seen(inner.stored, body)),
        frozenset(_seen(inner.written, body)),
        tuple([(name, frozenset(_seen(places, body))) for name, places in inner.calls]),
    )


def _seen(places: Iterable[Place], body: Body) -> Iterator[Place]:
    for kind, name in places:
        if kind == "free" and name not in body.code.co_freevars:
            yield from [("param", name)] if name in body.params else []
        else:
            yield ("attr" if kind == "own" else kind), name


# --- all the code of a run -------------------------------------------------------------------------------------------
def with_calls(known: Iterable[tuple[Facts, ...]]) -> list[tuple[frozenset[Place], frozenset[Place]]]:
    """Of every function what it stores to and what it writes into, itself or by a function that it calls by name."""
    known = list(known)
    writers = set(_WRITERS)
    written = [[one.written for one in group] for group in known]
    while True:
        written = [[_written(one, writers) for one in group] for group in known]
        found = {one.name for group, places in zip(known, written, strict=True) for one in _writing(group, places)}
        if found <= writers:
            break
        writers |= found
    return [
        (frozenset().union(*[one.stored | _forced(one) for one in group]), frozenset().union(*places))
        for group, places in zip(known, written, strict=True)
    ]


def _written(one: Facts, writers: set[str]) -> frozenset[Place]:
    return one.written.union(*[places for name, places in one.calls if name in writers])


def _writing(group: tuple[Facts, ...], places: list[frozenset[Place]]) -> Iterator[Facts]:
    """The functions that write into what they are called with."""
    return (one for one, found in zip(group, places, strict=True) if any(kind == "param" for kind, _ in found))


def _forced(one: Facts) -> frozenset[Place]:
    return frozenset([place for _, places in one.calls for place in places if place[0] == "forced"])
