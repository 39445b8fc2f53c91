"""A smooth absolute error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fnnet.core import Array
from fnnet.losses.reductions import DifferenceLoss
from fnnet.numerics import exp, expm1, log1p, tanh


@dataclass(frozen=True, slots=True)
class LogCosh(DifferenceLoss):
    """The mean over rows and columns of log cosh d with d = prediction - target: d²/2 near 0, |d| - log 2 far from it
    (R. A. Saleh, A. K. M. E. Saleh, arXiv 2208.04564); the gradient of an entry is tanh d.

    Shapes: prediction (..., N, F), target the same, or (N, F) for all replicas. Raises ShapeError for
    other shapes: nothing is broadcast.

    >>> import fnnet as fn, numpy as np
    >>> round(float(fn.log_cosh(np.array([[1e4]]), np.array([[0.0]]))[0]), 4)
    9999.3069
    """

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """log cosh d and tanh d.

        log cosh d = log(1 + (1 - e^-|d|)² e^|d| / 2) keeps its digits where d is small, |d| + log(1 + e^-2|d|) - log 2
        does not overflow where d is large.
        """
        d = prediction - target
        size = np.abs(d)
        small = np.minimum(size, 1)
        near = log1p(expm1(-small) ** 2 * exp(small) / 2)
        far = size + log1p(exp(-2 * size)) - math.log(2)
        return np.where(size < 1, near, far), tanh(d)


log_cosh = LogCosh()
