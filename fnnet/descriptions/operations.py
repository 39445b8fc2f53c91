"""Python's instructions one by one: what each pops from the stack and pushes onto it, in every version of Python."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

from fnnet.descriptions.code_digests import instructions


class Op(NamedTuple):
    """An instruction: how many values it pushes, and by how many the stack grows, also when it jumps."""

    name: str
    value: object
    arg: int
    pushes: int
    effect: int
    jumping: int
    offset: int


_POPS_ALL = (
    *("STORE_", "DELETE_", "POP_", "JUMP_", "RETURN_", "LIST_", "SET_ADD", "SET_UPDATE", "MAP_", "DICT_", "END_"),
    *("KW_NAMES", "MAKE_CELL", "COPY_FREE_VARS", "RAISE_", "RERAISE"),
)
ENDS = ("JUMP_FORWARD", "JUMP_BACKWARD", "RETURN_VALUE", "RETURN_CONST", "RAISE_", "RERAISE")
_POPPED = {"LOAD_ATTR": 1, "LOAD_METHOD": 1, "LOAD_SUPER_ATTR": 3, "UNPACK_SEQUENCE": 1, "UNPACK_EX": 1}
VARIABLES = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")
ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")
FRESH = {
    *("copy", "astype", "tolist", "sum", "mean", "std", "min", "max", "dot", "cumsum", "round", "clip", "repeat"),
    *("flatten", "take", "prod", "cumprod", "var", "argsort", "nonzero"),
}
"""Methods whose results share no memory with their objects."""

KNOWN = ("BUILD_SLICE", "BUILD_TUPLE", "LOAD_CONST", "LOAD_SMALL_INT")
"""Instructions that make a subscript whose result may share memory with an array."""

_PAIRS = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
}
"""Instructions of Python 3.13 that combine two."""


def ops(code: CodeType) -> Iterator[Op]:
    """The instructions of code, in their order."""
    for one in instructions(code):
        if one.opname in _PAIRS:
            for name, value in zip(_PAIRS[one.opname], one.argval, strict=True):
                grows = 1 if name == "LOAD_FAST" else -1
                yield Op(name, value, 0, max(grows, 0), grows, grows, one.offset)
            continue
        effect = dis.stack_effect(one.opcode, one.arg, jump=False)
        jumping = dis.stack_effect(one.opcode, one.arg, jump=True)
        if one.opname == "CALL":  # some versions count a part of it with an instruction before
            effect = jumping = -1 - (one.arg or 0)
        yield Op(one.opname, one.argval, one.arg or 0, _pushes(one.opname, effect), effect, jumping, one.offset)


def _pushes(name: str, effect: int) -> int:
    if name.startswith(_POPS_ALL):
        return 0
    if name in _POPPED:
        return effect + _POPPED[name]
    return effect if name.startswith(("LOAD_", "PUSH_", "IMPORT_FROM")) else 1


IN_PLACE = range(13, 26)
"""The arguments of BINARY_OP that mean ``+=`` and the like; further ones are subscripts."""


def depth_before(op: Op, depth: int) -> int:
    """The depth before an instruction of a value that is at this depth after it."""
    if op.name == "COPY":
        return op.arg - 1 if depth == 0 else depth - 1
    if op.name == "SWAP":
        other = op.arg - 1
        return other if depth == 0 else 0 if depth == other else depth
    return depth - op.effect
