"""Linear layers with ReLUs between them, computed together: each ReLU overwrites its input, and each gradient is
written to its place in the vector of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np

from fnnet.core import Array
from fnnet.layers import _small_stretch as small
from fnnet.numerics import affine, affine_gradients, is_portable, product, relu, relu_gradient
from fnnet.tree.views import Views, views


@dataclass(frozen=True, slots=True)
class LinearStretch:
    """Linear layers of these sizes, (inputs, hidden, ..., outputs), with ReLUs between them."""

    sizes: tuple[int, ...]
    dtype: np.dtype[np.floating]

    def __str__(self) -> str:
        return f"Linear layers of sizes {self.sizes} in {self.dtype} with ReLUs between them"

    @property
    def length(self) -> int:
        """The number of layers, ReLUs included."""
        return 2 * len(self.sizes) - 3

    def forward(self, vector: Array, x: Array, /) -> tuple[Array, small.Pass | list[Array]] | None:
        """y and what ``backward`` needs; None for stacked networks. The algorithm is chosen by shapes alone, so that
        equal inputs give equal bits."""
        if x.ndim != 2 or x.shape[1] != self.sizes[0]:
            return None
        plan = None if is_portable(x) else small.plan(self.sizes, x.shape[0], self.dtype)
        if plan is not None:
            return small.forward(plan, vector, x)
        *arrays, w, b = _arrays(self.sizes, self.dtype)(vector)
        inputs = [x]
        for w_hidden, b_hidden in zip(arrays[::2], arrays[1::2], strict=True):
            z = affine(inputs[-1], w_hidden, b_hidden)
            inputs.append(relu(z, z))
        return affine(inputs[-1], w, b), inputs

    def backward(self, vector: Array, saved: object, dy: Array, is_dx_wanted: bool, /) -> tuple[Array, Array]:
        """The gradient of the vector, and dx where it is wanted."""
        if isinstance(saved, small.Pass):
            gradient, dz = small.gradients(vector, saved, dy)
        else:
            gradient, dz = self._gradients(vector, saved, dy)  # type: ignore[arg-type]
        rows, columns = self.sizes[:2]
        return gradient, product(dz, vector[: rows * columns].reshape(rows, columns).mT) if is_dx_wanted else dz

    def _gradients(self, vector: Array, inputs: list[Array], dy: Array) -> tuple[Array, Array]:
        gradient, find = np.empty_like(vector), _arrays(self.sizes, self.dtype)
        arrays, grads = find(vector), find(gradient)
        for i in range(len(inputs) - 1, 0, -1):
            affine_gradients(inputs[i], dy, grads[2 * i], grads[2 * i + 1])
            dh = product(dy, arrays[2 * i].mT)
            dy = relu_gradient(inputs[i], dh, dh)
        affine_gradients(inputs[0], dy, grads[0], grads[1])
        return gradient, dy


@lru_cache(256)
def _arrays(sizes: tuple[int, ...], dtype: np.dtype[np.floating]) -> Views:
    """w and b of every layer."""
    shapes = [shape for n, m in pairwise(sizes) for shape in ((n, m), (m,))]
    *starts, length = accumulate([int(np.prod(shape)) for shape in shapes], initial=0)
    return views(list(zip(starts, shapes, strict=True)), length, dtype)
