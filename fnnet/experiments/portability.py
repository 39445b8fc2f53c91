"""The choice of bits that are the same on another machine."""

from __future__ import annotations

from typing import TypeVar, overload

from fnnet.core.protocols import Loss
from fnnet.layers.portable import Portable, check_portable
from fnnet.losses.portable import PortableLoss
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@overload
def portable(part: P) -> Portable[P]: ...
@overload
def portable(part: Loss[T]) -> PortableLoss[T]: ...
def portable(part: P | Loss[T]) -> Portable[P] | PortableLoss[T]:
    """A float64 network that trains and predicts with the same bits for any number of BLAS threads and on any x86 CPU
    with fused multiply-adds (all since Intel's Haswell and AMD's Zen); or a loss that does.

    The choice is a value: it is saved, printed and compared with the network, and applies to it alone.
    ``value_and_grad`` and ``validate`` compute the loss and the metrics of such a network portably by themselves; a
    loss needs wrapping only where you call it yourself. The prediction for a row is the same whatever other rows are
    in the batch.

    How: products of matrices padded to multiples of 16 and added up over blocks of 256 terms in order, own exponentials
    and logarithms made of + - * /, sums along axes. Draws are the same everywhere anyway. Parameters are float64,
    float32 ones are refused; x is cast to float64 before anything is computed. The promise ends at other libraries than
    OpenBLAS, CPUs without fused multiply-adds and CPUs other than x86, where nothing was tried; at weights drawn by
    ``orthogonal``, which LAPACK factors; and at the C library, whose ``pow`` and ``cos`` schedules and Adam's
    corrections are made of.

    Raises DtypeError for a network with numbers that are not float64, TypeError for anything but a network or a loss
    with rows.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.portable(fn.mlp(fn.Key(0), (4, 8, 2), dtype=np.float64))
    >>> type(net).__name__, net.layer.layers[0].w.shape
    ('Portable', (4, 8))
    >>> fn.portable(fn.mse)
    PortableLoss(loss=MeanSquaredError())
    """
    if isinstance(part, Params):
        net = Portable(part)
        check_portable(net)
        return net
    if isinstance(part, type) or not isinstance(part, Loss):
        raise TypeError(f"portable: it takes a network, or a loss with rows such as fnnet.mse, got {part!r}")
    return PortableLoss(part)
