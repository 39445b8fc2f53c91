"""Weights of PyTorch: a file that PyTorch wrote, files like those that it writes, and files that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import fnnet as fn
from fnnet import Array, CheckpointError, Key, tree

NET = fn.mlp(Key(0), (3, 4, 2))


def test_a_file_of_pytorch() -> None:
    """``save_file(nn.Sequential(nn.Linear(3, 3), nn.Tanh(), ... twelve times).state_dict())`` of PyTorch 2.13, and what
    that network gave."""
    like = fn.serial(*[layer for i in range(12) for layer in (fn.linear(Key(i), 3, 3), fn.Tanh())])
    net = fn.load_torch(Path(__file__).parents[1] / "golden" / "torch.safetensors", like)
    x = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], np.float32)
    expected = [
        [0.050535671412944794, -0.5514132976531982, 0.4663967788219452],
        [0.05050398409366608, -0.5513615608215332, 0.46646538376808167],
    ]
    assert np.abs(fn.predict(net, x) - np.array(expected)).max() < 1e-6
    assert all(leaf.flags.c_contiguous and not leaf.flags.writeable for leaf in tree.leaves(net))


def _torch_file(path: Path, net: fn.Mlp, prefix: str = "") -> None:
    """What ``safetensors.torch.save_file(nn.Sequential(...).state_dict())`` writes."""
    found: dict[str, Array] = {}
    for i, layer in enumerate(net.layers):
        found[f"{prefix}{2 * i}.weight"] = np.ascontiguousarray(layer.w.T)
        found[f"{prefix}{2 * i}.bias"] = np.array(layer.b)
    save_file(found, path)


@pytest.mark.parametrize("prefix", ["", "body.", "body.0."])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_read_by_name(prefix: str, dtype: fn.Dtype, tmp_path: Path) -> None:
    sizes = (3, *[4] * 11, 2)  # "10.weight" comes before "2.weight" as text
    net = fn.mlp(Key(0), sizes, bias_init=fn.normal(1.0), dtype=dtype)
    _torch_file(tmp_path / "torch", net, prefix)
    like = fn.mlp(Key(1), sizes, dtype=dtype)
    assert tree.equal(fn.load_torch(tmp_path / "torch", like), net)
    chain = fn.serial(*[layer for linear in like.layers for layer in (linear, fn.Relu())])
    again = fn.load_torch(tmp_path / "torch", chain)
    assert all(np.array_equal(a, b) for a, b in zip(tree.leaves(again), tree.leaves(net), strict=True))


def test_a_sequential_in_a_sequential(tmp_path: Path) -> None:
    names = {"0": NET.layers[0], "1.1": NET.layers[1]}
    found = {f"{name}.weight": np.ascontiguousarray(layer.w.T) for name, layer in names.items()}
    save_file(found | {f"{name}.bias": layer.b for name, layer in names.items()}, tmp_path / "torch")
    assert tree.equal(fn.load_torch(tmp_path / "torch", fn.mlp(Key(1), (3, 4, 2))), NET)


def test_other_parts_of_a_network_stay_as_they_are(tmp_path: Path) -> None:
    _torch_file(tmp_path / "torch", NET)
    like = fn.serial(fn.standardize(np.eye(3)), fn.mlp(Key(1), (3, 4, 2)), fn.layer_norm(2))
    net = fn.load_torch(tmp_path / "torch", like)
    assert tree.equal((net.layers[0], net.layers[2]), (like.layers[0], like.layers[2]))
    assert tree.equal(net.layers[1], NET)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "torch"
    _torch_file(path, NET)
    with pytest.raises(CheckpointError, match="has 2 Linear layers, the network 1"):
        fn.load_torch(path, fn.linear(Key(0), 3, 2))
    with pytest.raises(
        CheckpointError, match=r"0.weight of .* gives float32\[3, 4\], the network's Linear is float32\[3, 5\]"
    ):
        fn.load_torch(path, fn.mlp(Key(0), (3, 5, 2)))
    with pytest.raises(CheckpointError, match=r"0.weight of .* gives float32.*, the network's Linear is float64"):
        fn.load_torch(path, fn.mlp(Key(0), (3, 4, 2), dtype=np.float64))


UNORDERED: dict[str, list[str]] = {
    "names": ["encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"],
    "a bias too few": ["0.weight", "0.bias", "2.weight"],
    "something else": ["0.weight", "0.bias", "0.running_mean"],
    "nothing": [],
}


@pytest.mark.parametrize("name", UNORDERED)
def test_names_whose_order_cannot_be_told_are_refused(name: str, tmp_path: Path) -> None:
    save_file({tensor: np.zeros((1, 1)) for tensor in UNORDERED[name]}, tmp_path / "torch")
    with pytest.raises(
        CheckpointError, match=r"must hold a weight and a bias for each layer.*, got (.*weight|nothing)"
    ):
        fn.load_torch(tmp_path / "torch", fn.mlp(Key(0), (1, 1, 1), dtype=np.float64))


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("weights")
    with pytest.raises(CheckpointError, match=r"load_torch: .*text is no whole safetensors file"):
        fn.load_torch(tmp_path / "text", NET)
    with pytest.raises(CheckpointError, match=r"load_torch: .* could not be read"):
        fn.load_torch(tmp_path / "nowhere", NET)


def test_one_layer_in_two_places_gets_the_weights_of_each(tmp_path: Path) -> None:
    layer = fn.linear(Key(0), 3, 3)
    a, b = (fn.linear(Key(seed), 3, 3, bias_init=fn.normal(1.0)) for seed in (1, 2))
    tensors = {"0.weight": a.w.T, "0.bias": a.b, "2.weight": b.w.T, "2.bias": b.b}
    tensors = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    save_file(tensors, tmp_path / "torch.safetensors")
    found = fn.load_torch(tmp_path / "torch.safetensors", fn.serial(layer, fn.Tanh(), layer))
    assert tree.equal(found, fn.serial(a, fn.Tanh(), b))
