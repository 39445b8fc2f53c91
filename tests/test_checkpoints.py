"""Checkpoints: what is read is what was written, to the bit, or a clear error."""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from safetensors.numpy import save_file

import fnnet as fn
from fnnet import Array, CheckpointError, Key, tree
from fnnet.checkpoints import encoded
from fnnet.keys import normal
from fnnet.nodes import freeze
from tests.catalogue import LAYERS, OPTIMIZERS
from tests.strategies import Problem, composites


def _again(folder: Path, value: object) -> object:
    fn.save(folder / "tree", value)
    return fn.load(folder / "tree")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples of a property."""
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_comes_back(name: str, folder: Path) -> None:
    net = LAYERS[name](Key(3), 3, 3)
    fn.save(folder / "tree", net)
    again = fn.load(folder / "tree", like=net)
    assert type(again) is type(net)
    assert tree.digest(again) == tree.digest(freeze(net))
    assert all(not leaf.flags.writeable for leaf in tree.leaves(again))


@given(composites())
def test_every_composite_comes_back(folder: Path, problem: Problem) -> None:
    fn.save(folder / "tree", problem.net)
    assert tree.equal(fn.load(folder / "tree", like=problem.net), problem.net)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_states_come_back(name: str, folder: Path) -> None:
    net, optimizer = fn.mlp(Key(0), (3, 4, 2)), OPTIMIZERS[name]
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    data = fn.minibatches(normal(Key(0), (10, 3)), normal(Key(1), (10, 2)), size=4)
    for state in fn.take(5)(fn.steps(step, data, fn.start(net, optimizer, Key(2**100, (7, 8))))):
        fn.save(folder / "state", state)
        again = fn.load(folder / "state", like=state)
        assert tree.equal(again, state)
        assert again.key == state.key
        assert (again.epoch, again.batch, again.rows, again.total) == (
            state.epoch, state.batch, state.rows, state.total
        )  # fmt: skip
        assert tree.equal(again.history, state.history)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Odd(fn.Params):
    """A layer of all kinds of fields."""

    a: Array
    b: tuple[Array, ...]
    f: float
    i: int
    s: str
    flag: bool
    nothing: None


fn.define_layer(Odd, forward=lambda p, x: (x + 0, None), backward=lambda p, saved, dy: (p, dy))


@pytest.mark.parametrize("number", [0.1, -0.0, float("inf"), float("nan"), 5e-324, 1e308])
def test_settings_come_back_to_the_bit(number: float, folder: Path) -> None:
    odd = Odd(np.full(1, number), (np.zeros((0, 3)), np.array(2.5)), number, 2**80, 'ü"\n', True, None)
    again = _again(folder, odd)
    assert isinstance(again, Odd)
    assert np.float64(again.f).tobytes() == np.float64(number).tobytes()
    assert (again.i, again.s, again.flag, again.nothing) == (2**80, 'ü"\n', True, None)
    assert [leaf.tobytes() for leaf in tree.leaves(again)] == [leaf.tobytes() for leaf in tree.leaves(odd)]
    assert [leaf.shape for leaf in tree.leaves(again)] == [leaf.shape for leaf in tree.leaves(odd)]


def test_every_memory_layout_comes_back(folder: Path) -> None:
    a = np.arange(24.0).reshape(4, 6)
    for view in (a.T, a[::-1], a[:, ::2], np.asfortranarray(a), np.broadcast_to(a[0], (3, 6)), a[1:, 2:]):
        fn.save(folder / "a", view)
        assert np.array_equal(fn.load(folder / "a", like=view), view)


def test_other_readers_find_the_weights_by_their_paths(folder: Path) -> None:
    from safetensors.numpy import load_file

    net = fn.mlp(Key(0), (3, 4, 2))
    fn.save(folder / "net", fn.start(net, fn.adam(0.1), Key(0)))
    found = load_file(folder / "net")
    assert np.array_equal(found["params.layers.0.w"], net.layers[0].w)
    assert {"opt_state.slots.0.layers.1.b", "params.layers.1.b"} <= set(found)


def test_the_same_tree_gives_the_same_bytes() -> None:
    assert encoded(fn.mlp(Key(0), (3, 4, 2))) == encoded(fn.mlp(Key(0), (3, 4, 2)))


# --- damage ----------------------------------------------------------------------------------------------------------
SMALL = encoded(fn.linear(Key(0), 2, 1))


def _refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        fn.load(path)


def test_every_truncation_is_refused(folder: Path) -> None:
    for n in range(len(SMALL)):
        _refused(folder / "cut", SMALL[:n])
    _refused(folder / "cut", SMALL + b"\0")


def test_every_flipped_bit_is_refused(folder: Path) -> None:
    for i in range(8 * len(SMALL)):
        flipped = bytearray(SMALL)
        flipped[i // 8] ^= 1 << i % 8
        _refused(folder / "flipped", bytes(flipped))


def test_mutations_of_the_header_are_refused_without_much_memory(folder: Path) -> None:
    path, header = folder / "mutated", 8 + int.from_bytes(SMALL[:8], "little")
    words = fn.keys.words(Key(5), 400_000).reshape(100_000, 4)
    tracemalloc.start()
    for many, *places in (words % np.uint64(1 << 32)).tolist():
        data = bytearray(SMALL)
        for place in places[: 1 + many % 3]:
            kind, at = place % 4, (place >> 2) % min(header, len(data))
            if kind == 0:
                data[at] = place >> 20 & 255
            elif kind == 1:
                del data[at : at + 1 + (place >> 20) % 9]
            elif kind == 2:
                data[at:at] = data[: (place >> 20) % 40]
            else:
                data[at] ^= 1 << (place >> 20) % 8
        if data == SMALL:
            continue
        path.write_bytes(data)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(CheckpointError):
            fn.load(path)
        assert tracemalloc.get_traced_memory()[1] - before <= len(data) + (1 << 20)
    tracemalloc.stop()


def _forged(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A file whose header somebody changed and sealed anew."""
    n = int.from_bytes(SMALL[:8], "little")
    header = json.loads(SMALL[8 : 8 + n])
    ours = json.loads(header["__metadata__"]["fnnet"])
    ours["sha256"] = "0" * 64
    change(ours)
    header["__metadata__"]["fnnet"] = json.dumps(ours, separators=(",", ":"))
    told = json.dumps(header, separators=(",", ":")).encode()
    data = len(told).to_bytes(8, "little") + told + SMALL[8 + n :]
    return data.replace(b"0" * 64, hashlib.sha256(data).hexdigest().encode(), 1)


def _structure(change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def changed(header: dict[str, Any]) -> None:
        header["structure"] = change(header["structure"])

    return changed


def _deep(told: Any) -> Any:
    for _ in range(400):
        told = [told]
    return told


FORGED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a newer version": (lambda h: h.update(version=2), "has format version 2, this fnnet reads 1"),
    "a class nobody defined": (
        _structure(lambda t: {**t, "class": "os.system"}), "the root is a os.system, which this program has not defined"
    ),
    "other fields": (_structure(lambda t: {**t, "fields": {"w": t["fields"]["w"]}}), "fnnet.Linear has the fields w"),
    "an array of another shape": (
        _structure(lambda t: {**t, "fields": {**t["fields"], "w": {"array": ["<f4", [9, 9]]}}}), "w is float32"
    ),
    "an array that is not there": (
        _structure(lambda t: {**t, "fields": {**t["fields"], "w": [{"array": ["<f4", [2, 1]]}]}}), "no whole checkpoint"
    ),
    "arrays that nobody names": (_structure(lambda t: {**t, "fields": {"w": 1, "b": 1}}), "arrays that its structure"),
    "no structure": (lambda h: h.pop("structure"), "no whole checkpoint"),
    "a float that is none": (_structure(lambda t: {"float": "x"}), "no whole checkpoint"),
    "a bottomless structure": (_structure(_deep), "no whole checkpoint"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_refused(name: str, folder: Path) -> None:
    change, message = FORGED[name]
    (folder / "forged").write_bytes(_forged(change))
    with pytest.raises(CheckpointError, match=message):
        fn.load(folder / "forged")


# --- what was asked for ----------------------------------------------------------------------------------------------
NET = fn.mlp(Key(0), (3, 4, 2))

UNLIKE: dict[str, tuple[object, str]] = {
    "another class": (fn.linear(Key(0), 3, 2), "structures differ at the root: Linear against Mlp"),
    "another depth": (fn.mlp(Key(0), (3, 4, 4, 2)), "structures differ at layers: a tuple of 3 against a tuple of 2"),
    "another width": (fn.mlp(Key(0), (3, 5, 2)), r"layers.0.w is float32\[3, 4\] there, asked for float32\[3, 5\]"),
    "another dtype": (tree.astype(NET, np.float64), r"layers.0.w is float32\[3, 4\] there, asked for float64"),
    "another setting": (replace(NET, activation=fn.Elu(0.5)), "structures differ at activation: Elu"),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_is_not_like_what_was_asked_for_is_refused(name: str, folder: Path) -> None:
    like, message = UNLIKE[name]
    fn.save(folder / "net", NET)
    with pytest.raises(CheckpointError, match=message):
        fn.load(folder / "net", like=like)


def test_files_that_are_not_ours(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="could not be read"):
        fn.load(folder / "nowhere")
    (folder / "text").write_text("weights")
    save_file({"w": np.zeros(2)}, folder / "plain")
    for name in ("text", "plain"):
        with pytest.raises(CheckpointError, match="is no checkpoint of fnnet"):
            fn.load(folder / name)


def test_what_cannot_be_written_leaves_what_was_there(folder: Path) -> None:
    fn.save(folder / "net", NET)
    before = (folder / "net").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, hard))  # what a full disk is like
    try:
        with pytest.raises(CheckpointError, match=r"could not be written.*what was there is as it was"):
            fn.save(folder / "net", fn.linear(Key(0), 200, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder / "net").read_bytes() == before
    assert not list(folder.glob(".net*"))
    for place in ("/proc/net.safetensors", folder / "net" / "below", folder / "missing" / "net"):
        with pytest.raises(CheckpointError, match="could not be written"):
            fn.save(place, NET)


def test_without_the_extra_the_message_has_the_command() -> None:
    code = "import sys; sys.modules['safetensors.numpy'] = None; import fnnet as fn; fn.save('x', (fn.Key(0),))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "ImportError: checkpoints need safetensors: pip install 'fnnet[checkpoint]'" in shown


# --- weights of PyTorch ----------------------------------------------------------------------------------------------
def _torch_file(path: Path, net: fn.Mlp, prefix: str = "") -> None:
    """What ``safetensors.torch.save_file(nn.Sequential(...).state_dict())`` writes."""
    found: dict[str, Array] = {}
    for i, layer in enumerate(net.layers):
        found[f"{prefix}{2 * i}.weight"] = np.ascontiguousarray(layer.w.T)
        found[f"{prefix}{2 * i}.bias"] = np.array(layer.b)
    save_file(found, path)


@pytest.mark.parametrize("prefix", ["", "body."])
def test_weights_of_pytorch_are_read_by_name(prefix: str, folder: Path) -> None:
    net = fn.mlp(Key(0), (3, *[4] * 11, 2), bias_init=fn.normal(1.0))  # "10.weight" comes before "2.weight" as text
    _torch_file(folder / "torch", net, prefix)
    like = fn.mlp(Key(1), (3, *[4] * 11, 2))
    assert tree.equal(fn.load_torch(folder / "torch", like), net)
    chain = fn.serial(*[layer for linear in like.layers for layer in (linear, fn.Relu())])
    again = fn.load_torch(folder / "torch", chain)
    assert all(np.array_equal(a, b) for a, b in zip(tree.leaves(again), tree.leaves(net), strict=True))


def test_weights_that_do_not_fit_are_refused(folder: Path) -> None:
    _torch_file(folder / "torch", NET)
    with pytest.raises(CheckpointError, match="has 2 Linear layers, the network 1"):
        fn.load_torch(folder / "torch", fn.linear(Key(0), 3, 2))
    with pytest.raises(
        CheckpointError, match=r"0.weight of .* gives float32\[3, 4\], the network's Linear is float32\[3, 5\]"
    ):
        fn.load_torch(folder / "torch", fn.mlp(Key(0), (3, 5, 2)))
    save_file({"encoder.weight": np.zeros((1, 1)), "encoder.bias": np.zeros(1), "decoder.weight": np.zeros((1, 1)),
               "decoder.bias": np.zeros(1)}, folder / "named")  # fmt: skip
    with pytest.raises(CheckpointError, match="their names differing in numbers only"):
        fn.load_torch(folder / "named", fn.mlp(Key(0), (1, 1, 1), dtype=np.float64))
    (folder / "text").write_text("weights")
    with pytest.raises(CheckpointError, match="is no safetensors file"):
        fn.load_torch(folder / "text", NET)
