"""Products, sums over rows and transcendental functions: what layers and losses compute with, fnnet's and a user's.

A layer that calls these, and never ``@`` or ``np.exp`` itself, keeps the promise of ``portable``: within a portable
network, whose numbers are float64, all of them give the same bits on every machine with fused multiply-adds. The other
operations of NumPy that a layer needs, + - * /, the square root, sums along the last axis, do so anyway. Unless said
otherwise, x is a float32 or float64 array of any shape, and the result has its shape and dtype.

>>> sigmoid(np.array([0.0, 1000.0])).tolist(), row_sum(np.ones((2, 3))).tolist()
([0.5, 1.0], [[3.0], [3.0]])
"""

from __future__ import annotations

import numpy as np

from fnnet.numerics import elementary
from fnnet.numerics.bits import is_portable as is_portable
from fnnet.numerics.elementary import polynomial
from fnnet.numerics.formulas import called, is_entry
from fnnet.numerics.matrices import affine as affine
from fnnet.numerics.matrices import affine_gradients as affine_gradients
from fnnet.numerics.matrices import product as product
from fnnet.numerics.matrices import sum_to as sum_to
from fnnet.numerics.sums import batch_sum as batch_sum
from fnnet.numerics.sums import inner_product as inner_product
from fnnet.numerics.sums import is_finite as is_finite
from fnnet.numerics.sums import mean as mean
from fnnet.numerics.sums import square_mean as square_mean
from fnnet.numerics.sums import square_sum as square_sum
from fnnet.types import Array

ZERO = {np.dtype(kind): np.zeros((), kind) for kind in (np.float32, np.float64)}


def relu(x: Array, out: Array | None = None) -> Array:
    """max(0, x), written into ``out`` if it is given.

    The 0 is an array of x's dtype, since a Python number would be converted at every call.

    >>> relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    y: Array = np.maximum(x, ZERO[x.dtype], out=out)
    return y


def relu_gradient(y: Array, dy: Array, out: Array | None = None) -> Array:
    """dx = dy · [y > 0] for y = relu(x) and its gradient dy, written into ``out`` if it is given.

    A mask in dy's dtype is faster than ``where`` and than a product with a mask of bools.

    >>> relu_gradient(np.array([0.0, 2.0]), np.ones(2)).tolist()
    [0.0, 1.0]
    """
    mask = (y > ZERO[y.dtype]).astype(dy.dtype)
    dx: Array = np.multiply(dy, mask, out=mask if out is None else out)
    return dx


def exp(x: Array) -> Array:
    """eˣ, entry by entry."""
    out: Array = elementary.exp(x) if is_portable(x) else np.exp(x)
    return out


def expm1(x: Array) -> Array:
    """eˣ - 1, entry by entry, accurate near 0."""
    out: Array = elementary.expm1(x) if is_portable(x) else np.expm1(x)
    return out


def log(x: Array) -> Array:
    """The natural logarithm of x, entry by entry."""
    out: Array = elementary.log(x) if is_portable(x) else np.log(x)
    return out


def log1p(x: Array) -> Array:
    """log(1 + x), entry by entry, accurate near 0."""
    out: Array = elementary.log1p(x) if is_portable(x) else np.log1p(x)
    return out


def power(x: Array, exponent: float) -> Array:
    """x to the power ``exponent``, entry by entry, for x >= 0.

    >>> power(np.array([4.0, 9.0]), 0.5).tolist()
    [2.0, 3.0]
    """
    if not is_portable(x):
        out: Array = x**exponent
        return out
    if exponent == 0:
        return np.ones_like(x)
    with np.errstate(divide="ignore"):
        return elementary.exp(exponent * elementary.log(x))


def tanh(x: Array) -> Array:
    """The hyperbolic tangent of x, entry by entry."""
    out: Array = elementary.tanh(x) if is_portable(x) else np.tanh(x)
    return out


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), entry by entry, from e^-|x| so that nothing overflows and small values keep their digits."""
    e = exp(-np.abs(x))
    out: Array = np.where(x >= 0, 1, e) / (1 + e)
    return out


def softplus(x: Array) -> Array:
    """log(1 + eˣ), entry by entry, as max(x, 0) + log(1 + e^-|x|), which cannot overflow."""
    out: Array = np.maximum(x, 0) + log1p(exp(-np.abs(x)))
    return out


def columnwise(x: Array) -> Array:
    """x, (..., rows, columns), with contiguous columns if it has more rows than columns: sums along short rows are then
    ten times faster. What is computed from it has the same layout."""
    if is_portable(x):  # the sum of a row must not depend on how many rows there are
        return x
    return x if x.shape[-2] <= x.shape[-1] or x.mT.flags.c_contiguous else x.mT.copy().mT


def row_max(x: Array) -> Array:
    """The maximum of each row of x, (..., n), as (..., 1)."""
    out: Array = np.maximum.reduce(x, axis=-1, keepdims=True)
    return out


def row_sum(x: Array) -> Array:
    """The sum of each row of x, (..., n), as (..., 1)."""
    x = np.ascontiguousarray(x) if is_portable(x) else x
    out: Array = np.add.reduce(x, axis=-1, keepdims=True)
    return out


def softmax(x: Array) -> Array:
    """eˣ / Σ eˣ along the last axis of x, each row shifted by its maximum so that nothing overflows.

    >>> softmax(np.array([[0.0, 0.0], [0.0, 1000.0]])).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    with np.errstate(over="ignore"):  # of two entries further apart than the largest float
        e = exp(x - row_max(x))
    out: Array = e / row_sum(e)
    return out


# Rational approximations of the Cephes library (S. L. Moshier, Methods and Programs for Mathematical Functions, 1989,
# file ndtr.c), highest power first: erf(x) = x T(x²)/U(x²) up to 1, erfc(x) = e^(-x²) P(x)/Q(x) from there to 8.
_T = (9.60497373987051638749, 90.0260197203842689217, 2232.00534594684319226, 7003.32514112805075473,
      55592.3013010394962768)  # fmt: skip
_U = (1.0, 33.5617141647503099647, 521.357949780152679795, 4594.32382970980127987, 22629.0000613890934246,
      49267.3942608635921086)  # fmt: skip
_P = (2.46196981473530512524e-10, 0.564189564831068821977, 7.46321056442269912687, 48.6371970985681366614,
      196.520832956077098242, 526.445194995477358631, 934.528527171957607540, 1027.55188689515710272,
      557.535335369399327526)  # fmt: skip
_Q = (1.0, 13.2281951154744992508, 86.7072140885989742329, 354.937778887819891062, 975.708501743205489753,
      1823.90916687909736289, 2246.33760818710981792, 1656.66309194161350182, 557.535340817727675546)  # fmt: skip


def erf(x: Array) -> Array:
    """The error function 2/√π ∫₀ˣ e^(-t²) dt, entry by entry, with errors up to 4e-16 in float64; NumPy has none.

    >>> erf(np.array([0.0, 10.0])).tolist()
    [0.0, 1.0]
    """
    if is_entry(x):
        return called("erf", x)
    small = np.clip(x, -1, 1)
    large = np.clip(np.abs(x), 1, 8)
    square = small * small
    near: Array = small * polynomial(_T, square) / polynomial(_U, square)
    beyond = 1 - exp(-large * large) * polynomial(_P, large) / polynomial(_Q, large)
    out: Array = np.where(np.abs(x) <= 1, near, np.copysign(beyond, x))
    return out
