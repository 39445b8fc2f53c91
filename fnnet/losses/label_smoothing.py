"""Cross-entropy with smoothed labels."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core import Array, Labels, Share, define_loss
from fnnet.losses.links import SoftmaxLoss
from fnnet.losses.reductions import scores, softmax_and_log
from fnnet.numerics import row_sum
from fnnet.numerics.kernels import Number, half_above, softmax_row


@dataclass(frozen=True, slots=True)
class LabelSmoothing(SoftmaxLoss[Labels]):
    """The mean over rows of the cross-entropy of softmax(prediction) against t = (1 - rate) onehot(label) + rate /
    classes (C. Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7); the gradient of a row is
    softmax(prediction) - t, divided by the number of rows.

    ``rate`` is the share of a label that is spread over all classes. Shapes and Raises as in ``softmax_cross_entropy``;
    ValueError also for a rate outside [0, 1).

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.label_smoothing(0.5)(np.array([[0.0, 0.0]]), np.array([0]))
    >>> round(float(value), 4), grad.tolist()
    (0.6931, [[-0.25, 0.25]])
    """

    rate: Share

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """log Σ eᶻ - (1 - rate) z_label - rate · the mean of z, with gradient softmax(z) - the smoothed label."""
        half, place = scores(self.name, prediction, target, 0.5)
        p, values = softmax_and_log(half + half)
        share = self.rate / half.shape[-1]
        values -= 2 * ((1 - self.rate) * half[place] + (row_sum(half * share).reshape(-1) if self.rate else 0))
        p -= share
        p[place] -= 1 - self.rate
        return values.reshape(prediction.shape[:-1]), p.reshape(prediction.shape)


def label_smoothing_row(z: Array, label: int, d: Array, rate: float) -> Number:
    real, n = z.dtype.type, z.size
    top, logarithm = softmax_row(z, d)
    share, rest = real(rate / n), real(1 - rate)
    half = 0.0 + rest * half_above(z, label, top)
    if rate > 0:
        for j in range(n):
            half += share * half_above(z, j, top)
            d[j] -= share
    d[label] -= rest
    value: Number = real(logarithm - 2 * half)
    return value


define_loss(LabelSmoothing, row=label_smoothing_row, is_labelled=True)


label_smoothing = LabelSmoothing
