"""Metrics of the probabilities that the scores of a classifier stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import Array, Value
from fnnet.losses.cross_entropy import softmax_cross_entropy
from fnnet.losses.reductions import checked_rows
from fnnet.metrics._base import Counts, LabelTarget, average, guesses, in_cells, split
from fnnet.numerics import softmax
from fnnet.numerics.sums import shares, weighed


def log_loss(prediction: Array, target: LabelTarget) -> Value:
    """The mean over rows of -log softmax(prediction)[label]: ``softmax_cross_entropy``, in float64.

    ``prediction`` are scores, as a network returns them; in place of probabilities p pass log p. ``target`` is the
    labels, or the pair (labels, weights). The result is NaN where a score is. Shapes and Raises as in ``accuracy``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.log_loss(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))).__round__(4)
    0.4904
    """
    labels, weights = split("log_loss", prediction, target)
    checks.labels("log_loss", prediction, labels)
    values, _ = checked_rows(softmax_cross_entropy, checks.gapless(prediction).astype(np.float64), labels)
    return np.asarray(average(values, weights))


def brier(prediction: Array, target: LabelTarget) -> Value:
    """The mean over rows of Σ_c (p_c - [label = c])² with p = softmax(prediction) (G. W. Brier, Monthly Weather Review
    78, 1950), in [0, 2]; for two classes half of that, (p₁ - label)², as in scikit-learn.

    ``prediction`` are scores, not probabilities. ``target``, NaN, Shapes and Raises as in ``log_loss``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.brier(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))).__round__(5)
    0.15625
    """
    labels, weights = split("brier", prediction, target)
    checks.labels("brier", prediction, labels)
    p = softmax(prediction.astype(np.float64))
    label = np.broadcast_to(labels, p.shape[:-1])
    squares: Array = np.add.reduce((p - (label[..., None] == np.arange(p.shape[-1]))) ** 2, axis=-1)
    return np.asarray(average(squares, weights) * (0.5 if p.shape[-1] == 2 else 1.0))


class Reliability(NamedTuple):
    """The bins of a reliability diagram, (..., bins): ``share``, the part of all rows, or of their weights, in each
    bin; ``confidence`` and ``accuracy``, the means over its rows, NaN for an empty bin."""

    share: Array
    confidence: Array
    accuracy: Array


@dataclass(frozen=True, slots=True)
class ExpectedCalibrationError:
    """Σ_b (n_b / N) |accuracy_b - confidence_b| over bins of the confidence, the probability of the guess (C. Guo et
    al., On Calibration of Modern Neural Networks, ICML 2017, eq. 3).

    ``bins`` is the number of bins, which have equal width and are open on the left and closed on the right. The
    prediction is scores, not probabilities; the target, NaN, Shapes and Raises are as in ``log_loss``. Raises
    ValueError also for bins below 1.

    >>> import fnnet as fn, numpy as np
    >>> scores = np.log([[0.1, 0.9], [0.25, 0.75], [0.7, 0.3]])
    >>> float(fn.metrics.ExpectedCalibrationError(5)(scores, np.array([1, 1, 1]))).__round__(4)
    0.1833
    """

    bins: int = 15

    def __post_init__(self) -> None:
        checks.settle(self, bins=checks.size("ExpectedCalibrationError", "bins", self.bins))

    def __call__(self, prediction: Array, target: LabelTarget, /) -> Value:
        """The mean distance between confidence and accuracy, for prediction and target as in ``log_loss``."""
        place, right, confidence, weights = self._placed(prediction, target)
        gap = right - confidence
        gap = gap if weights is None else weighed(shares(weights), gap)
        gaps: Array = np.abs(in_cells(place, (*prediction.shape[:-2], self.bins), gap)).sum(axis=-1)
        return np.asarray(gaps / (prediction.shape[-2] if weights is None else 1))

    def reliability(self, prediction: Array, target: LabelTarget, /) -> Reliability:
        """The bins themselves, for a reliability diagram: the metric is Σ share |accuracy - confidence|.

        Shapes and Raises as in a call.

        >>> import numpy as np
        >>> scores = np.log([[0.1, 0.9], [0.25, 0.75], [0.7, 0.3]])
        >>> ExpectedCalibrationError(2).reliability(scores, np.array([1, 1, 1])).accuracy.round(2).tolist()
        [nan, 0.67]
        """
        place, right, confidence, weights = self._placed(prediction, target)
        weight = np.full(right.shape, 1 / right.shape[-1]) if weights is None else shares(weights)
        shape = (*prediction.shape[:-2], self.bins)
        share, sure, hits = [in_cells(place, shape, w) for w in (weight, weight * confidence, weight * right)]
        whole = np.where(share > 0, share, np.nan)
        return Reliability(share, sure / whole, hits / whole)

    def _placed(self, prediction: Array, target: LabelTarget) -> tuple[Counts, NDArray[np.bool], Array, Array | None]:
        """The bin of each row, whether its guess is right, its confidence, and the weights of the rows, if any."""
        guess, label, weights = guesses("expected_calibration_error", prediction, target)
        confidence: Array = softmax(checks.gapless(prediction).astype(np.float64)).max(axis=-1)
        edges = np.linspace(0, 1, self.bins + 1)[1:-1]
        return np.searchsorted(edges, confidence), guess == label, confidence, weights


expected_calibration_error = ExpectedCalibrationError()
