"""Weights that PyTorch has trained."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np

from fnnet.errors import CheckpointError
from fnnet.experiments import sealed_files
from fnnet.experiments.sealed_files import File
from fnnet.layers.linear import Linear
from fnnet.tree import leaves, rebuild
from fnnet.tree.nodes import Params, named_children, read_only
from fnnet.types import Array

P = TypeVar("P", bound=Params)


def load_torch(path: File, like: P) -> P:
    """The network ``like`` with weights that PyTorch has trained.

    ``path`` is a safetensors file of the ``state_dict`` of an ``nn.Sequential`` of Linear layers and activations. Its
    Linear layers replace those of ``like`` in their order; PyTorch's weight is (n_out, n_in) and is transposed.

    Raises CheckpointError where the file is missing, has no such weights or names without an order, and, naming the
    tensor, where number, shapes or dtypes of the layers differ; ImportError without the extra ``checkpoint``.

    >>> import fnnet as fn, numpy as np, tempfile
    >>> from safetensors.numpy import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     weights = {"0.weight": np.ones((2, 4), np.float32), "0.bias": np.zeros(2, np.float32)}
    ...     save_file(weights, folder + "/torch.safetensors")
    ...     fn.load_torch(folder + "/torch.safetensors", fn.linear(fn.Key(0), 4, 2)).w.sum(axis=0)
    array([4., 4.], dtype=float32)
    """
    tensors = sealed_files.tensors("load_torch", path, sealed_files.read_any("load_torch", path))
    modules, layers = _ordered(path, tensors), tuple(_linears(like))
    if len(modules) != len(layers):
        raise CheckpointError(f"load_torch: {path} has {len(modules)} Linear layers, the network {len(layers)}")
    theirs: list[tuple[Array, Array]] = []  # ours and theirs, in the order of the leaves: one may occur twice
    for module, layer in zip(modules, layers, strict=True):
        theirs.append((layer.w, _fitting(path, f"{module}weight", tensors, layer.w)))
        theirs.append((layer.b, _fitting(path, f"{module}bias", tensors, layer.b)))
    coming = deque(theirs)
    values = [coming.popleft()[1] if coming and leaf is coming[0][0] else leaf for leaf in leaves(like)]
    return read_only(rebuild(like, tuple(values)))


def _fitting(path: File, name: str, tensors: Mapping[str, Array], ours: Array) -> Array:
    theirs = np.array(tensors[name].T, order="C")
    if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
        had, wanted = f"{theirs.dtype}{list(theirs.shape)}", f"{ours.dtype}{list(ours.shape)}"
        raise CheckpointError(f"load_torch: {name} of {path} gives {had}, the network's Linear is {wanted}")
    return theirs


def _ordered(path: File, tensors: Mapping[str, Array]) -> list[str]:
    """The prefixes of the Linear layers' names, such as "0.", in the order of their numbers."""
    modules = [name.removesuffix("weight") for name in tensors if name.endswith("weight")]
    expected = {f"{module}{kind}" for module in modules for kind in ("weight", "bias")}
    if not modules or expected != set(tensors) or len({re.sub(r"(\d+\.)+", "#.", module) for module in modules}) != 1:
        raise CheckpointError(
            f"load_torch: {path} must hold a weight and a bias for each layer, their names differing in numbers only, "
            f"such as 0.weight, 0.bias, 2.weight, 2.bias, got {', '.join(sorted(tensors)) or 'nothing'}"
        )
    return sorted(modules, key=lambda module: [int(number) for number in re.findall(r"\d+", module)])


def _linears(node: object) -> Iterator[Linear]:
    """The Linear layers of a network in the order of its leaves."""
    if type(node) is Linear:
        yield node
    else:
        for _, child in named_children(node):
            yield from _linears(child)
