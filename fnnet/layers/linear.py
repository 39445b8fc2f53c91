"""The fully-connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from fnnet import checks, keys
from fnnet.core import Array, Dtype, DtypeError, Initializer, Key, Params, ShapeError, TreeError, define_layer
from fnnet.initializers import he_uniform, rounded, zeros
from fnnet.keys import INIT
from fnnet.layers._stretch import LinearStretch
from fnnet.layers.relu import Relu
from fnnet.numerics import affine, affine_gradients, product, sum_to
from fnnet.tree.nodes import read_only


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Linear(Params):
    """y = x w + b, with dw = xᵀ dy, db = the sum of dy over the batch, dx = dy wᵀ.

    ``w`` are the weights, ``b`` the biases. Shapes: w (..., n_in, n_out), b (..., n_out), x (..., batch, n_in), y (...,
    batch, n_out). A pass raises ShapeError where x does not fit w.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Linear(np.ones((2, 1)), np.zeros(1)), np.array([[3.0, 4.0]]))[0].tolist()
    [[7.0]]
    """

    w: Array
    b: Array


def linear_forward(p: Linear, x: Array) -> tuple[Array, Array]:
    x = cast_input(p, x)
    return affine(x, p.w, p.b), x


def linear_backward(p: Linear, x: Array, dy: Array) -> tuple[Linear, Array]:
    return linear_gradients(p, x, dy), sum_to(product(dy, p.w.mT), x.shape)


def linear_gradients(p: Linear, x: Array, dy: Array) -> Linear:
    check_saved(p, x, dy)
    grads = Linear(np.empty(p.w.shape, p.w.dtype), np.empty(p.b.shape, p.b.dtype))
    affine_gradients(x, dy, grads.w, grads.b)
    return grads


def linear_replicas(p: Linear) -> tuple[int, ...]:
    return p.w.shape[:-2]


def check_linear(p: Linear) -> None:
    """Raises TreeError, ShapeError or DtypeError where w and b do not fit each other."""
    w, b = p.w, p.b
    if type(w) is not np.ndarray or type(b) is not np.ndarray:
        raise TreeError(f"linear: w and b must be arrays, got {type(w).__name__} and {type(b).__name__}")
    if b.shape != w.shape[:-2] + w.shape[-1:] or w.ndim < 2:
        raise ShapeError(f"linear: w must be (..., n_in, n_out) and b (..., n_out), got {w.shape} and {b.shape}")
    if b.dtype != w.dtype:
        raise DtypeError(f"linear: w and b must have one dtype, got {w.dtype} and {b.dtype}")


def linear_stretch(layers: tuple[Params, ...]) -> LinearStretch | None:
    """The Linear layers at the start of ``layers`` with single ReLUs between them, each fitting the one before."""
    sizes, dtype = list[int](), None
    for i, layer in enumerate(layers):
        if i % 2:
            if type(layer) is not Relu:
                break
        elif type(layer) is Linear and layer.w.ndim == 2 and dtype in (None, layer.w.dtype):
            if sizes and layer.w.shape[0] != sizes[-1]:
                break
            sizes, dtype = [*(sizes or layer.w.shape[:1]), layer.w.shape[1]], layer.w.dtype
        else:
            break
    return LinearStretch(tuple(sizes), dtype) if dtype is not None and len(sizes) > 2 else None


define_layer(
    Linear,
    forward=linear_forward,
    backward=linear_backward,
    gradients=linear_gradients,
    replicas=linear_replicas,
    check=check_linear,
    stretch=linear_stretch,
)


def linear(
    key: Key,
    n_in: int,
    n_out: int,
    *,
    init: Initializer = he_uniform,
    bias_init: Initializer = zeros,
    dtype: Dtype = np.float32,
) -> Linear:
    """A Linear layer with weights (n_in, n_out) drawn by ``init`` and biases (n_out,) drawn by ``bias_init``.

    ``key`` decides what is drawn, ``n_in`` and ``n_out`` are the numbers of inputs and outputs, ``dtype`` is that of
    both arrays. Raises ValueError where a size is below 1 or dtype cannot hold what is drawn, DtypeError where dtype is
    neither float32 nor float64, ShapeError where an initializer gives another shape.

    >>> import fnnet as fn
    >>> fn.linear(fn.Key(0), 4, 2)
    Linear(w=float32[4, 2], b=float32[2])
    """
    shape = checks.size("linear", "n_in", n_in), checks.size("linear", "n_out", n_out)
    wanted = checks.dtype("linear", dtype)
    keys.check("linear", key)
    w = _drawn("init", init, key.child(INIT, 0), shape, wanted)
    return read_only(Linear(w, _drawn("bias_init", bias_init, key.child(INIT, 1), shape[1:], wanted)))


def _drawn(name: str, init: Initializer, key: Key, shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> Array:
    """What an initializer gives, in the layer's dtype. Raises ShapeError or DtypeError unless it is an array of this
    shape."""
    value = checks.function("linear", name, init, "key", "shape")(key, shape)
    checks.array("linear", f"the result of {name}", value)
    if value.shape != shape:
        raise ShapeError(f"linear: {name} must give an array of shape {shape}, got {value.shape}")
    return rounded(f"linear: {name}", init, value, dtype)


def check_saved(p: Linear, x: Array, dy: Array) -> None:
    """Raises ShapeError or DtypeError where a cache comes from a Linear of other shapes or of another dtype."""
    w = p.w
    if x.shape[-1] != w.shape[-2] or dy.shape[-1] != w.shape[-1] or dy.shape[:-2] != w.shape[:-2]:
        raise ShapeError(
            f"linear: the cache must come from a pass through these parameters, w {w.shape}, "
            f"got that of x {x.shape} and y {dy.shape}"
        )
    if x.dtype != w.dtype or dy.dtype != w.dtype:
        raise DtypeError(f"linear: the cache must come from a pass in {w.dtype}, got that of one in {x.dtype}")


def cast_input(p: Linear, x: Array) -> Array:
    """x in the dtype of the parameters. Raises ShapeError or DtypeError where it does not fit them."""
    w = p.w
    if x.shape[-1] != w.shape[-2]:
        is_flat = x.ndim <= 2 or prod(x.shape[1:]) != w.shape[-2]
        remedy = "" if is_flat else "; of images make rows by x.reshape(len(x), -1)"
        raise ShapeError(f"linear: x must be (..., batch, {w.shape[-2]}), got {x.shape}{remedy}")
    if x.ndim != 2 and x.shape[:-2] != w.shape[:-2]:
        raise ShapeError(
            f"linear: x must have the replica axes of the parameters, {w.shape[:-2]}, or none, got {x.shape[:-2]}"
        )
    return checks.cast("linear", "x", x, w.dtype)
