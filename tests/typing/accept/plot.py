"""Every picture gives the Axes, whatever the network's class."""

from typing import assert_type

from matplotlib.axes import Axes

import fnnet as fn
from fnnet import Array, Epoch, History, Key, Labels, Linear, Mlp, RateCurve, Relu, Serial, TrainState, plot

Net = Serial[Linear, Relu, Linear]


def training(history: History, curve: RateCurve, state: TrainState[Net], kept: list[Epoch[Mlp]], ax: Axes) -> None:
    assert_type(plot.learning_curves(history), Axes)
    assert_type(plot.learning_curves(state, train=None, valid="auc", mode="max", ax=ax), Axes)
    assert_type(plot.rate_curve(curve), Axes)
    assert_type(plot.weight_histograms(kept, paths=["layers.0"]), Axes)
    assert_type(plot.weight_histograms([state]), Axes)
    assert_type(plot.weight_histograms([state.params, state.params]), Axes)


def gradients(kept: list[Epoch[Mlp]], x: Array, y: Labels, key: Key) -> None:
    gradient = fn.value_and_grad(fn.softmax_cross_entropy)
    assert_type(plot.gradient_histograms(kept, gradient, (x, y), key=key), Axes)


def predictions(net: Net, state: TrainState[Net], x: Array, y: Labels, t: Array) -> None:
    assert_type(plot.decision_regions(net, x, y, names=["a", "b"]), Axes)
    assert_type(plot.decision_regions(state, x, t, inputs=("width", "height")), Axes)
    assert_type(plot.confusion_matrix(fn.metrics.confusion_matrix(x, y), names=("a", "b")), Axes)
    assert_type(plot.confusion_matrix(fn.metrics.confusion_matrix(x, (y, t))), Axes)
    assert_type(plot.calibration(x, y, bins=10), Axes)
    assert_type(plot.residuals(x, t, names=["a"], unit="m"), Axes)
    assert_type(plot.intervals(x, t, t, x=t, name="time (s)"), Axes)
    plot.save(plot.calibration(x, y), "calibration.pdf")
