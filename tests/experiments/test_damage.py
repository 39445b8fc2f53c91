"""Damaged and forged checkpoints: each is refused by CheckpointError, at no price, or is what it says."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load

import fnnet as fn
from fnnet import CheckpointError, Key, tree
from fnnet.experiments.saving import encoded
from fnnet.experiments.tree_json import as_json
from tests.support.strategies import examples

SMALL = encoded(fn.linear(Key(0), 2, 1))
HEADER = 8 + int.from_bytes(SMALL[:8], "little")
MIB = 1 << 20


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples of a property."""
    return tmp_path_factory.mktemp("damage") / "file"


def _refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        fn.load(path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    for n in range(len(SMALL)):
        _refused(tmp_path / "cut", SMALL[:n])
    _refused(tmp_path / "cut", SMALL + b"\0")


def test_every_flipped_bit_is_refused(tmp_path: Path) -> None:
    for i in range(8 * len(SMALL)):
        flipped = bytearray(SMALL)
        flipped[i // 8] ^= 1 << i % 8
        _refused(tmp_path / "flipped", bytes(flipped))


# --- damage to headers -----------------------------------------------------------------------------------------------
def _mutated(chance: random.Random, data: bytes, header: int) -> bytes:
    """The file with one to three places of its header changed, taken out or doubled."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(min(header, len(changed)))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randint(1, 9)]
            case 2:
                changed[at:at] = changed[: chance.randint(1, 40)]
            case _:
                changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _price(path: Path) -> tuple[object, int]:
    """What a file loads as, None where it is refused, and the most memory that this took."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        found = fn.load(path)
    except CheckpointError:
        found = None
    return found, tracemalloc.get_traced_memory()[1] - before


@pytest.fixture
def traced() -> Iterator[None]:
    """Memory is watched."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("times", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_mutations_of_the_header_are_refused_without_much_memory(times: int, tmp_path: Path) -> None:
    path, chance = tmp_path / "mutated", random.Random(0)
    for _ in range(times):
        data = _mutated(chance, SMALL, HEADER)
        path.write_bytes(data)
        found, price = _price(path)
        assert found is None or data == SMALL
        assert price <= len(data) + MIB or data == SMALL


LENGTHS = [0, 1, HEADER, 1 << 20, 3 << 20, 1 << 31, 1 << 63, (1 << 64) - 1]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("length", LENGTHS)
def test_a_large_file_with_another_header_length_costs_no_more_than_itself(length: int, tmp_path: Path) -> None:
    data = encoded(fn.linear(Key(0), 1000, 1000))
    (tmp_path / "large").write_bytes(length.to_bytes(8, "little") + data[8:])
    found, price = _price(tmp_path / "large")
    assert found is None
    assert price <= len(data) + MIB


# --- forgeries -------------------------------------------------------------------------------------------------------
def _sealed(data: bytes) -> bytes:
    """The file with the seal that fits it, where it has the place for one."""
    at = data.find(b'"{\\"sha256\\":\\"') + 15
    blank = data[:at] + b"0" * 64 + data[at + 64 :]
    return blank[:at] + hashlib.sha256(blank).hexdigest().encode() + blank[at + 64 :]


def _structure_in(data: bytes) -> object:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return _floats(json.loads(header["__metadata__"]["fnnet"])["told"])


def _floats(node: Any) -> Any:
    """A structure with its floats written in one way."""
    if isinstance(node, list):
        return [_floats(child) for child in node]
    if isinstance(node, dict):
        return (
            {"float": float.fromhex(node["float"]).hex()}
            if "float" in node
            else {k: _floats(v) for k, v in node.items()}
        )
    return node


STATE = encoded(
    fn.start(fn.serial(fn.linear(Key(0), 2, 1), fn.Dropout(0.5), fn.Elu(0.5)), fn.adam(0.1), Key(2**70, (3, 4)))
)


@pytest.mark.parametrize("data", [SMALL, STATE], ids=["network", "state"])
def test_what_a_forger_sealed_is_refused_or_is_what_it_says(data: bytes, tmp_path: Path) -> None:
    path, chance, header = tmp_path / "forged", random.Random(1), 8 + int.from_bytes(data[:8], "little")
    loaded = 0
    for _ in range(10_000):
        forged = _mutated(chance, data, header)
        if chance.random() < 0.8:  # else most are refused for their length alone
            n = len(forged) - (len(data) - header) - 8
            forged = n.to_bytes(8, "little") + forged[8:]
        forged = _sealed(forged)
        path.write_bytes(forged)
        try:
            found = fn.load(path)
        except CheckpointError:
            continue
        loaded += 1
        assert as_json(found) == _structure_in(forged)
        arrays = dict(zip(tree.paths(found), tree.leaves(found), strict=True))
        assert {name: leaf.tobytes() for name, leaf in arrays.items()} == {
            name: array.tobytes() for name, array in load(forged).items()
        }
    assert loaded > 20  # numbers in settings and counters, say


def _forged(change: Callable[[dict[str, Any]], object], data: bytes = SMALL) -> bytes:
    """A file whose header somebody changed and sealed anew."""
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n])
    ours = json.loads(header["__metadata__"]["fnnet"])
    change(ours)
    header["__metadata__"]["fnnet"] = json.dumps(ours, separators=(",", ":"))
    text = json.dumps(header, separators=(",", ":")).encode()
    return _sealed(len(text).to_bytes(8, "little") + text + data[8 + n :])


def _structure(change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def changed(header: dict[str, Any]) -> None:
        header["told"] = change(header["told"])

    return changed


def _field(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return _structure(lambda t: {**t, "fields": {**t["fields"], name: value}})


def _deep(told: Any, depth: int = 220) -> Any:
    for _ in range(depth):
        told = [told]
    return told


FORGED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a newer version": (lambda h: h.update(version=3), "has format version 3, this fnnet reads 1 and 2; use a"),
    "no version": (lambda h: h.pop("version"), "has format version None"),
    "a class nobody defined": (
        _structure(lambda t: {**t, "class": "os.system"}), "the root is of the class os.system, which this program"
    ),
    "a function of fnnet": (_structure(lambda t: {**t, "class": "fnnet.save"}), "of the class fnnet.save, which"),
    "a class without its module": (_structure(lambda t: {**t, "class": "Relu"}), "is of the class Relu, which"),
    "fields missing": (
        _structure(lambda t: {**t, "fields": {"w": t["fields"]["w"]}}),
        "the root is of the class fnnet.Linear with w, and here the class has w, b",
    ),
    "fields in another order": (
        _structure(lambda t: {**t, "fields": dict(reversed(t["fields"].items()))}), "fnnet.Linear with b, w, and"
    ),
    "an array of another shape": (_field("w", {"array": ["float32", [9, 9]]}), r"w is float32\[2, 1\], its structure"),
    "an array of another dtype": (_field("w", {"array": ["float64", [2, 1]]}), r"w is float32\[2, 1\], its structure"),
    "an array that is not there": (
        _field("w", [{"array": ["float32", [2, 1]]}]), "w.0 is an array in its structure, and is not there"
    ),
    "arrays that nobody names": (
        _structure(lambda t: {**t, "fields": {"w": 1, "b": 1}}), "arrays that its structure does not name: b, w"
    ),
    "no structure": (lambda h: h.pop("told"), "arrays that its structure does not name"),
    "a float that is none": (_field("w", {"float": "x"}), "w is no float: 'x'"),
    "a float beyond all": (_field("w", {"float": "0x1p9999"}), "w is no float: '0x1p9999'"),
    "a float of JSON's": (_field("w", 0.5), "w is written as 0.5, which is no array, record or static value"),
    "an empty object": (_field("w", {}), "w is written as {}, which is no array"),
    "an array without a shape": (_field("w", {"array": []}), "w is written as {'array': .*, which is no array"),
    "fields that are none": (_structure(lambda t: {**t, "fields": "wb"}), "the root is written as .*, which is no arr"),
    "a class that is a list": (_structure(lambda t: {**t, "class": []}), "the root is written as .*, which is no arr"),
    "a deep structure": (_structure(_deep), "0.0.* is deeper than 200 levels below the root"),
    "a bottomless one": (lambda h: h.update(told=_deep(h["told"], 400)), "no (whole )?checkpoint"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_forged_networks_are_refused(name: str, tmp_path: Path) -> None:
    change, message = FORGED[name]
    (tmp_path / "forged").write_bytes(_forged(change))
    with pytest.raises(CheckpointError, match=message):
        fn.load(tmp_path / "forged")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["fnnet.Key", "0x1p0", "w"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["array", "float", "class", "fields", "w", "b"]), children, max_size=3)
        | st.fixed_dictionaries({"float": children})
        | st.fixed_dictionaries({"array": st.tuples(children, children).map(list)})
        | st.fixed_dictionaries(
            {
                "class": st.sampled_from(
                    ["fnnet.Key", "fnnet.Linear", "fnnet.Dropout", "fnnet.TrainState", "fnnet.mse"]
                ),
                "fields": st.dictionaries(st.sampled_from(["seed", "path", "fork", "w", "b", "rate"]), children),
            }
        )
    ),
    max_leaves=8,
)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every node of a structure but its root, as the one above it and the index or name there."""
    items = list(enumerate(node)) if isinstance(node, list) else list(node.items()) if isinstance(node, dict) else []
    for index, child in items:
        yield node, index
        yield from _places(child)


@examples(10)
@given(place=st.integers(0, 10**6), value=JSON, data=st.sampled_from([SMALL, STATE]))
def test_any_structure_is_refused_or_is_what_it_says(place: int, value: Any, data: bytes, path: Path) -> None:
    def replaced(told: Any) -> Any:
        places = list(_places(told))
        above, index = places[place % len(places)]
        above[index] = value
        return told

    forged = _forged(_structure(replaced), data)
    path.write_bytes(forged)
    for like in (None, fn.linear(Key(0), 2, 1)):
        try:
            found = fn.load(path, like)
        except CheckpointError:
            continue
        structure: Any = _structure_in(forged)
        if data is STATE and isinstance(structure["fields"]["history"], list):  # as in older files
            structure["fields"]["history"] = as_json(fn.History())
        assert as_json(found) == structure


STATES: dict[str, tuple[str, object, str]] = {
    "an epoch that is text": ("epoch", "1", "epoch of a TrainState cannot be a str"),
    "a batch that is a float": ("batch", {"float": "0x1p0"}, "batch of a TrainState cannot be a float"),
    "no key": ("key", 3, "key of a TrainState cannot be a int"),
    "a key of another seed": ("key", {"class": "fnnet.Key", "fields": {"seed": -1, "path": [], "fork": None}},
                              "key: Key refuses what the file has: Key: seed must be an int"),
    "a history of numbers": ("history", [1], "TrainState refuses what the file has: history: its entries must be"),
    "a batch below 0": ("batch", -1, r"batch of a TrainState must be a whole number in \[0, 4294967296\), got -1"),
    "a batch beyond all": ("batch", 2**70, "batch of a TrainState .* got 1180591620717411303424"),
    "an epoch below 0": ("epoch", -3, r"epoch of a TrainState must be a whole number in .*, got -3"),
    "an epoch beyond keys": ("epoch", 2**32, r"epoch of a TrainState must be a whole number in .*, got 4294967296"),
    "an epoch that is no number": ("epoch", True, r"epoch of a TrainState must be a whole number in .*, got True"),
    "rows below 0": ("rows", -1, r"rows of a TrainState must be a whole number in .*, got -1"),
    "no memory": ("opt_state", None, "opt_state of a TrainState cannot be a NoneType"),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_forged_states_are_refused(name: str, tmp_path: Path) -> None:
    field, value, message = STATES[name]
    (tmp_path / "forged").write_bytes(_forged(_field(field, value), STATE))
    with pytest.raises(CheckpointError, match=message):
        fn.load(tmp_path / "forged")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Choosy(fn.Params):
    """A layer that fails on its own account when it is made of anything but 1."""

    n: int

    def __post_init__(self) -> None:
        assert 1 // self.n == 1, "one"


fn.define_layer(Choosy, forward=lambda p, x: (x + 0, None), backward=lambda p, saved, dy: (p, dy))


@pytest.mark.parametrize(
    ("n", "message"), [(0, "division or modulo by zero"), (2, "one"), ("x", "unsupported operand")]
)
def test_what_a_class_of_a_users_does_not_take_is_a_checkpoint_error(n: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "forged").write_bytes(_forged(_field("n", n), encoded(Choosy(1))))
    with pytest.raises(CheckpointError, match=f"the root: Choosy refuses what the file has: .*{message}"):
        fn.load(tmp_path / "forged")


def test_nothing_is_imported_because_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "forged").write_bytes(_forged(_structure(lambda t: {**t, "class": "antigravity.Linear"})))
    with pytest.raises(CheckpointError, match=r"antigravity\.Linear, which this program has not defined"):
        fn.load(tmp_path / "forged")
    assert "antigravity" not in sys.modules


def test_settings_that_look_like_a_seal_do_not_break_it(tmp_path: Path) -> None:
    for text in ('"sha256":"', '\\"sha256\\":\\"', '"fnnet":"{\\"sha256\\":\\"', '{"sha256":"' + 64 * "0"):
        fn.save(tmp_path / "odd", (text, np.ones(2)))
        assert tree.equal(fn.load(tmp_path / "odd"), (text, np.ones(2)))
