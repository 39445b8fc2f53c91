"""What code changes while it runs: the names that it stores to, and the values that it writes into.

What a run changes, such as a counter or a cache, is no setting of it. It is found in the code, not by watching it run,
so that the result is the same before and after a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import NamedTuple

from fnnet.descriptions.bytecode import ENTRY, Body, Place, plain
from fnnet.descriptions.operations import IN_PLACE

_METHODS = {
    *("append", "appendleft", "extend", "extendleft", "insert", "remove", "pop", "popleft", "popitem", "clear"),
    *("add", "discard", "update", "setdefault", "sort", "reverse", "rotate", "subtract", "move_to_end", "fill", "put"),
    *("difference_update", "intersection_update", "symmetric_difference_update", "partition", "resize", "setflags"),
    *("__setitem__", "__delitem__", "__next__", "write"),
}
"""Methods of Python and NumPy that modify their object."""

_FUNCTIONS = {
    *("copyto", "putmask", "place", "fill_diagonal", "put", "shuffle", "at", "next", "setitem", "delitem"),
    *("heappush", "heappop", "heapify", "heapreplace", "insort", "insort_left", "insort_right"),
}
"""Functions of Python and NumPy that modify their first argument."""

_SETTERS = ("setattr", "__setattr__", "delattr", "__delattr__")


class Call(NamedTuple):
    """What is called, and where its object, its positional arguments and those by name come from."""

    name: str
    receiver: frozenset[Place] | None
    by_place: tuple[frozenset[Place], ...]
    by_name: tuple[tuple[str, frozenset[Place]], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a function with these parameters stores to, what it writes into, and its calls with their arguments."""

    name: str
    params: tuple[str, ...]
    stored: frozenset[Place]
    written: frozenset[Place]
    calls: tuple[Call, ...]


def facts(code: CodeType) -> tuple[Facts, ...]:
    """The facts of a function, and then those of the functions in it, in terms of the outer one's variables."""
    body = Body(code)
    stored, written, calls = set[Place](), set[Place](), list[Call]()
    for i, op in enumerate(body.ops):
        stored |= _stored(body, i)
        if op.name in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"):
            written |= body.places(i, 2 if op.name == "STORE_SLICE" else 1)
        elif op.name == "BINARY_OP" and op.arg in IN_PLACE:
            written |= body.places(i, 1)
        elif op.name in ("CALL", "CALL_KW"):
            found = list(_calls(body, i))
            calls += found
            written |= {place for call in found for place in _into(call)}
    own = Facts(code.co_name, body.params, frozenset(stored), frozenset(written), tuple(calls))
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
    if op.name in ("CALL", "CALL_KW") and any(name in _SETTERS for name, _ in body.callees(i)):
        return {("forced", text) for text in body.constants(i)}
    return set()


def _calls(body: Body, i: int) -> Iterator[Call]:
    """The calls that an instruction may make."""
    by_place, by_name = body.given(i)
    named = tuple([(name, frozenset(places)) for name, places in by_name.items()])
    for name, receiver in body.callees(i):
        yield Call(name, None if receiver is None else frozenset(receiver), tuple(map(frozenset, by_place)), named)


def _into(call: Call) -> set[Place]:
    """What a call of a function or method of Python or NumPy writes into."""
    found = {place for name, places in call.by_name if name == "out" for place in places}
    if call.name in _METHODS:
        found |= call.receiver or set()
    if call.name in _FUNCTIONS and call.by_place:
        found |= call.by_place[0]
    return found


def _from_outside(inner: Facts, body: Body) -> Facts:
    """The facts of a function as the one around it sees them."""
    calls = [
        Call(
            call.name,
            None if call.receiver is None else _seen(call.receiver, body),
            tuple([_seen(places, body) for places in call.by_place]),
            tuple([(name, _seen(places, body)) for name, places in call.by_name]),
        )
        for call in inner.calls
    ]
    return Facts(inner.name, inner.params, _seen(inner.stored, body), _seen(inner.written, body), tuple(calls))


def _seen(places: Iterable[Place], body: Body) -> frozenset[Place]:
    found = set[Place]()
    for kind, name in places:
        mark, kind = kind.startswith(ENTRY) * ENTRY, plain(kind)
        if kind == "free" and name not in body.code.co_freevars:
            found |= {(mark + "param", name)} if name in body.params else set()
        else:
            found.add((mark + ("attr" if kind == "own" else kind), name))
    return frozenset(found)


# --- all the code of a run -------------------------------------------------------------------------------------------
Writers = Mapping[str, frozenset[tuple[int, str]]]
"""The user's functions that write into parameters, by name: into which ones, by position and name."""


def with_calls(known: Iterable[tuple[Facts, ...]]) -> list[tuple[frozenset[Place], frozenset[Place]]]:
    """For every function, what it stores to and what it writes into, itself or through a function it calls by name."""
    known = list(known)
    writers: Writers = {}
    while True:
        written = [[one.written.union(*[_by(call, writers) for call in one.calls]) for one in group] for group in known]
        found = _writers(known, written)
        if found == writers:
            break
        writers = found
    return [
        (frozenset().union(*[one.stored for one in group]), frozenset().union(*places))
        for group, places in zip(known, written, strict=True)
    ]


def _writers(known: list[tuple[Facts, ...]], written: list[list[frozenset[Place]]]) -> Writers:
    found: dict[str, frozenset[tuple[int, str]]] = {}
    for group, places in zip(known, written, strict=True):
        for one, into in zip(group, places, strict=True):
            names = {name for kind, name in into if plain(kind) == "param"}
            params = {(i, name) for i, name in enumerate(one.params) if name in names}
            if params:
                found[one.name] = found.get(one.name, frozenset()) | params
    return found


def _by(call: Call, writers: Writers) -> frozenset[Place]:
    """What a call of a user's function writes into; the object of a method may be its first argument."""
    found, named = frozenset[Place](), dict(call.by_name)
    for i, name in writers.get(call.name, ()):
        shifts = (0,) if call.receiver is None else (0, 1)
        found = found.union(*[call.by_place[i - n] for n in shifts if 0 <= i - n < len(call.by_place)])
        found |= named.get(name, frozenset()) | ((call.receiver or frozenset()) if i == 0 else frozenset())
    return found
