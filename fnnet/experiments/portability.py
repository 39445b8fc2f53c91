"""Networks and losses that give the same bits on another machine."""

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
    """A network or loss that gives the same bits for any number of BLAS threads and on any x86 CPU with fused
    multiply-adds (all since Intel's Haswell and AMD's Zen).

    ``part`` is a float64 network, or a loss with rows. The choice is a value: it is saved, printed and compared with
    the network, and applies to it alone. ``value_and_grad`` and ``validate`` compute the loss and the metrics of such a
    network portably by themselves; a loss needs wrapping only where you call it yourself. The prediction for a row does
    not depend on the other rows of the batch.

    How it works: matrices are padded to multiples of 16 and their products added up in order over blocks of 256 terms;
    exponentials and logarithms are fnnet's own, made of + - * /; sums run along axes. Random draws are the same
    everywhere anyway. x is cast to float64 before anything is computed. The promise does not cover BLAS libraries other
    than OpenBLAS, CPUs without fused multiply-adds or other than x86, where nothing was tried; weights drawn by
    ``orthogonal``, which uses LAPACK; and the C library, whose ``pow`` and ``cos`` schedules and Adam's corrections
    call.

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
