"""Where the values that Python's instructions work on come from.

A value on the stack is traced back, along every path through the code, to the variable, attribute or argument that it
was read from.
"""

from __future__ import annotations

import dis
from bisect import bisect_left
from types import CodeType

from fnnet.descriptions.operations import ATTRIBUTES, ENDS, FRESH, IN_PLACE, VARIABLES, depth_before, ops

Place = tuple[str, str]
"""What a value came from: "global", "free" (of the functions around), "param", "attr" (of anything), "own" (an
attribute of a method's first argument), and the name."""


ENTRY = "entry of "
"""The prefix of a kind whose value is an entry, at an index or key that is not known: rows of an array taken by an
array of numbers are a copy."""


def plain(kind: str) -> str:
    """A kind of place without that prefix."""
    return kind.removeprefix(ENTRY)


class Body:
    """The instructions of a function, and the jumps to each of them."""

    def __init__(self, code: CodeType) -> None:
        self.code, self.ops = code, list(ops(code))
        offsets = [op.offset for op in self.ops]
        self.jumps: dict[int, list[int]] = {}
        for i, op in enumerate(self.ops):
            if dis.opmap.get(op.name, -1) in {*dis.hasjrel, *dis.hasjabs} and isinstance(op.value, int):
                self.jumps.setdefault(bisect_left(offsets, op.value), []).append(i)
        count = code.co_argcount + code.co_kwonlyargcount
        self.params = code.co_varnames[:count]
        self.first = code.co_varnames[0] if code.co_argcount else None
        self.stores: dict[str, list[int]] = {}
        for i, op in enumerate(self.ops):
            if op.name in ("STORE_FAST", "STORE_DEREF"):
                self.stores.setdefault(str(op.value), []).append(i)
        self.known: dict[tuple[int, int], set[Place]] = {}

    def producers(self, at: int, depth: int) -> set[int]:
        """The instructions that may have pushed the value at this depth of the stack before this one."""
        found, met, todo = set[int](), set[tuple[int, int]](), [(at, depth)]
        while todo:
            at, depth = todo.pop()
            if (at, depth) in met or depth < 0:
                continue
            met.add((at, depth))
            todo += [(i, depth - self.ops[i].jumping) for i in self.jumps.get(at, ())]
            if not self._falls_to(at):
                continue
            op = self.ops[at - 1]
            if op.name not in ("COPY", "SWAP") and depth < op.pushes:
                found.add(at - 1)
            else:
                todo.append((at - 1, depth_before(op, depth)))
        return found

    def _falls_to(self, at: int) -> bool:
        """Whether an instruction is reached from the one before it."""
        return at > 0 and not self.ops[at - 1].name.startswith(ENDS)

    # --- where a value comes from
    def places(self, at: int, depth: int) -> set[Place]:
        """What the value at this depth before an instruction came from; if that is unclear, everything there is."""
        found, met, todo = set[Place](), set[Place](), list(self._raw(at, depth))
        while todo:
            place = todo.pop()
            if place in met:
                continue
            met.add(place)
            kind, name = place
            mark = ENTRY if kind.startswith(ENTRY) else ""
            if plain(kind) != "local":
                found.add(place)
                continue
            for i in self._definitions(int(name)):
                argument = str(self.ops[int(name)].value)
                origins = {("param", argument)} & {("param", one) for one in self.params} if i < 0 else self._raw(i, 0)
                todo += [(mark + plain(kind) if mark else kind, one) for kind, one in origins]
        return found

    def _definitions(self, at: int) -> set[int]:
        """The instructions that may have stored the local variable that is read there; -1 stands for the call, which
        passes the arguments. For a variable that inner functions share, or that is read where an error was caught,
        these are all that store it."""
        name = str(self.ops[at].value)
        stores = set(self.stores.get(name, ()))
        found, met, todo = set[int](), set[int](), [at]
        while todo:
            at = todo.pop()
            before = [*self.jumps.get(at, ()), *([at - 1] if self._falls_to(at) else [])]
            if name in self.code.co_cellvars or (at and not before):
                return {*stores, -1}
            found |= stores.intersection(before) | (set() if at else {-1})
            todo += [i for i in before if i not in stores and i not in met]
            met |= {at, *before}
        return found

    def _raw(self, at: int, depth: int) -> set[Place]:
        """The same, where local variables stand for themselves, by the instructions that read them."""
        if (at, depth) not in self.known:
            self.known[at, depth] = set()  # a value that is carried around a loop adds nothing to itself
            found = self.producers(at, depth)
            origins = map(self._origin, found) if found else map(self._loaded, range(len(self.ops)))
            self.known[at, depth] = set[Place]().union(*origins)
        return self.known[at, depth]

    def _origin(self, i: int) -> set[Place]:
        op = self.ops[i]
        if op.name == "BINARY_SLICE":
            return self._raw(i, 2)
        if op.name == "BINARY_SUBSCR" or (op.name == "BINARY_OP" and op.arg >= IN_PLACE.stop):
            is_sure = all(
                self.ops[j].name in ("BUILD_SLICE", "BUILD_TUPLE", "LOAD_CONST", "LOAD_SMALL_INT")
                for j in self.producers(i, 0)
            )
            return self._raw(i, 1) if is_sure else {(ENTRY + plain(kind), name) for kind, name in self._raw(i, 1)}
        if op.name in ("FOR_ITER", "GET_ITER", "UNPACK_SEQUENCE", "UNPACK_EX"):
            return self._raw(i, 0)
        if op.name == "CALL":
            methods = [j for j in self._called(i) if self.ops[j].name in ATTRIBUTES and self.ops[j].value not in FRESH]
            return {place for j in methods for place in self._raw(j, 0)}
        return self._loaded(i)

    def _loaded(self, i: int) -> set[Place]:
        name, value = self.ops[i].name, str(self.ops[i].value)
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            return {("global", value)}
        if name.startswith(VARIABLES):
            return {("free", value) if value in self.code.co_freevars else ("local", str(i))}
        if name in ATTRIBUTES:
            return {("own" if name == "LOAD_SUPER_ATTR" or self.is_first(i) else "attr", value)}
        return set()

    def is_first(self, i: int) -> bool:
        """Whether an instruction works on the first argument, the object of a method."""
        found = [self.ops[j] for j in self.producers(i, 0)]
        is_kept = self.first is not None and self.first not in self.stores
        return is_kept and bool(found) and all(op.name.startswith(VARIABLES) and op.value == self.first for op in found)

    # --- calls
    def callees(self, i: int) -> list[tuple[str, set[Place] | None]]:
        """The names of what a call may call and, for a method, what its object came from."""
        found = [(j, self.ops[j]) for j in sorted(self._called(i)) if self.ops[j].name.startswith("LOAD_")]
        return [(str(op.value), self.places(j, 0) if op.name in ATTRIBUTES else None) for j, op in found]

    def given(self, i: int) -> tuple[list[set[Place]], dict[str, set[Place]]]:
        """What the arguments of a call came from: positional ones, and those by name."""
        op, names = self.ops[i], self.keywords(i)
        depths = range(op.arg + (op.name == "CALL_KW"))[int(op.name == "CALL_KW") :]
        found = [self.places(i, depth) for depth in depths][::-1]
        by_place = len(found) - len(names)
        return found[:by_place], dict(zip(map(str, names), found[by_place:], strict=True))

    def _called(self, i: int) -> set[int]:
        """The instructions that may have pushed what is called, also by way of a local variable."""
        depth = self.ops[i].arg + (self.ops[i].name == "CALL_KW")
        found = self.producers(i, depth)
        if any(self.ops[j].name == "PUSH_NULL" for j in found):
            found = self.producers(i, depth + 1)
        names = {str(self.ops[j].value) for j in found if self.ops[j].name.startswith(VARIABLES)}
        return found.union(*[self.producers(j, 0) for name in names for j in self.stores.get(name, ())])

    def constants(self, i: int) -> list[str]:
        """The texts that a call is given."""
        found = [self.ops[j] for depth in range(self.ops[i].arg) for j in self.producers(i, depth)]
        return [op.value for op in found if op.name == "LOAD_CONST" and isinstance(op.value, str)]

    def keywords(self, i: int) -> tuple[object, ...]:
        """The names of a call's keyword arguments."""
        op, before = self.ops[i], self.ops[i - 1]
        given = self.code.co_consts[before.arg] if before.name == "KW_NAMES" else before.value
        return given if isinstance(given, tuple) and (before.name == "KW_NAMES" or op.name == "CALL_KW") else ()
