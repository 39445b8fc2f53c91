"""Pictures of training: the numbers that are drawn, not how they look."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

import fnnet as fn
from fnnet import Array, History, Key, RateCurve, Record, plot, tree
from fnnet.keys import normal
from tests.plot.drawn import lines


def history(losses: Array, **metrics: Array) -> History:
    """A history of these losses, and of metrics that not every epoch has: a NaN is none."""
    found = History()
    for i, loss in enumerate(losses):
        present = [(name, value[i]) for name, value in metrics.items() if not np.isnan(value[i]).all()]
        found = found.append(Record(np.asarray(loss), tuple((name, np.asarray(value)) for name, value in present)))
    return found


# --- learning curves -----------------------------------------------------------------------------------------------
TRAIN, VALID = np.array([4.0, 2.0, 1.0, 0.5]), np.array([5.0, 2.0, 2.0, 3.0])


def test_curves_are_the_history_and_the_best_epoch_is_the_first_lowest() -> None:
    ax = plot.learning_curves(history(TRAIN, valid_loss=VALID))
    assert lines(ax) == {
        "training": [[1, 4], [2, 2], [3, 1], [4, 0.5]],
        "validation": [[1, 5], [2, 2], [3, 2], [4, 3]],
        "best: epoch 2, 2": [[2, 2]],
    }
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


def test_without_validation_the_training_loss_decides() -> None:
    assert list(lines(plot.learning_curves(history(TRAIN)))) == ["training", "best: epoch 4, 0.5"]


@pytest.mark.parametrize(("mode", "best"), [("min", "best: epoch 1, 0.5"), ("max", "best: epoch 3, 0.9")])
def test_any_metric_by_its_name(mode: str, best: str) -> None:
    auc = np.array([0.5, 0.8, 0.9, 0.7])
    ax = plot.learning_curves(history(TRAIN, auc=auc), train=None, valid="auc", mode=mode)  # type: ignore[arg-type]
    assert list(lines(ax)) == ["auc", best]
    assert ax.get_ylabel() == "auc"


def test_epochs_without_a_finite_value_are_left_out() -> None:
    ax = plot.learning_curves(history(np.array([np.inf, 2.0, np.nan]), valid_loss=np.array([np.nan, np.nan, 1.0])))
    assert lines(ax) == {"training": [[2, 2]], "validation": [[3, 1]], "best: epoch 3, 1": [[3, 1]]}


def test_of_stacked_networks_the_mean_and_the_range() -> None:
    ax = plot.learning_curves(history(np.array([[1.0, 3.0], [2.0, 0.0]])))
    assert lines(ax) == {"training, mean and range of 2": [[1, 2], [2, 1]], "best: epoch 2, 1": [[2, 1]]}
    corners = ax.collections[0].get_paths()[0].vertices
    assert {(x, y) for x, y in np.asarray(corners).tolist()} == {(1, 1), (1, 3), (2, 0), (2, 2)}


def test_whatever_has_a_history_has_curves() -> None:
    x = np.linspace(-1, 1, 20)[:, None]
    fitted = fn.fit(
        fn.mlp(Key(0), (1, 4, 1)), x, x, loss=fn.mse, optimizer=fn.adam(0.01), key=Key(0), epochs=3, valid=(x, x)
    )
    of_fit, of_state, itself = [lines(plot.learning_curves(it)) for it in (fitted, fitted.state, fitted.history)]
    assert of_fit == of_state == itself
    assert [y for _, y in of_fit["training"]] == [float(record.loss) for record in fitted.history]


# --- learning rates ------------------------------------------------------------------------------------------------
def test_the_curve_and_its_suggestion() -> None:
    rates = np.geomspace(1e-4, 1, 41)
    curve = RateCurve(rates, (np.log10(rates) + 1) ** 2, 0.0)
    ax = plot.rate_curve(curve)
    of = lines(ax)
    assert of["loss of a batch"] == np.stack([rates, curve.losses], axis=1).tolist()
    assert of["running mean"] == np.stack([rates, curve.smoothed], axis=1).tolist()
    assert of["suggested rate: 0.01"] == [pytest.approx([0.01, 1])]
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "learning rate", "loss")


def test_a_curve_without_a_suggestion_says_so() -> None:
    ax = plot.rate_curve(RateCurve(np.geomspace(1e-3, 1, 40), np.arange(40.0), 0.9))
    assert "no suggestion: the loss did not fall" in ax.get_legend_handles_labels()[1]


def test_a_batch_that_diverges_does_not_flatten_the_curve() -> None:
    losses = np.array([*np.linspace(2, 1, 99), 1e9])
    curve = RateCurve(np.geomspace(1e-3, 1, 100), losses, 0.9)
    low, high = plot.rate_curve(curve).get_ylim()
    assert low < 1
    assert curve.smoothed.max() < high < 1.5 * curve.smoothed.max()


# --- histograms ----------------------------------------------------------------------------------------------------
X, Y = normal(Key(1), (12, 3)), normal(Key(2), (12, 2))
NET = fn.mlp(Key(0), (3, 8, 2), dtype=np.float64)


def ridges(ax: Axes) -> list[StepPatch]:
    return [patch for patch in ax.patches if isinstance(patch, StepPatch)]


def heights(patch: StepPatch) -> Array:
    """The counts of a histogram, as shares of its largest."""
    values, _, base = patch.get_data()
    found = np.asarray(values, np.float64) - np.asarray(base, np.float64)
    shares: Array = found / found.max()
    return shares


def states(n: int) -> list[fn.Epoch[fn.Mlp]]:
    optimizer = fn.sgd(0.1)
    step, begin = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.start(NET, optimizer, Key(0))
    return list(fn.take(n)(fn.train(step, fn.minibatches(X, Y, batch_size=4), begin)))


def names(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def test_a_row_an_array_and_a_ridge_an_epoch() -> None:
    kept = states(3)
    ax = plot.weight_histograms(kept)
    assert names(ax) == ["layers.0.w", "layers.0.b", "layers.1.w", "layers.1.b"]
    assert legend(ax) == ["1", "2", "3"]
    drawn = ridges(ax)
    assert len(drawn) == 4 * 3
    leaves = [tree.leaves(epoch.state.params)[0] for epoch in kept]
    all_of_them = np.concatenate([leaf.ravel() for leaf in leaves])
    for leaf, patch in zip(leaves, drawn[:3], strict=True):
        counts, _ = np.histogram(leaf, 6, (all_of_them.min(), all_of_them.max()))  # 2 * 24^(1/3) = 5.8 bins
        counts = np.trim_zeros(counts)
        np.testing.assert_allclose(heights(patch), counts / counts.max())


def test_networks_count_from_0_and_epochs_and_states_have_numbers() -> None:
    first, second = states(2)
    assert legend(plot.weight_histograms([NET, NET])) == ["0", "1"]
    assert legend(plot.weight_histograms([second, first])) == ["2", "1"]
    assert legend(plot.weight_histograms([second.state])) == ["2"]


def test_rows_can_be_chosen() -> None:
    assert names(plot.weight_histograms([NET], paths=["layers.1", "layers.0.b"])) == [
        "layers.0.b",
        "layers.1.w",
        "layers.1.b",
    ]


def test_arrays_of_equal_numbers_and_constants() -> None:
    net = fn.serial(fn.standardize(X), fn.linear(Key(0), 3, 2, dtype=np.float64))
    ax = plot.weight_histograms([net])
    assert names(ax) == ["layers.1.w", "layers.1.b"]  # what training leaves alone is no weight
    values, edges, _ = ridges(ax)[1].get_data()
    assert len(np.asarray(values)) == 1
    assert edges[0] < 0 < edges[-1]  # all biases are 0


def test_of_stacked_networks_all_weights() -> None:
    both = tree.map(lambda a, b: np.stack([a, b]), NET, fn.mlp(Key(1), (3, 8, 2), dtype=np.float64))
    drawn = ridges(plot.weight_histograms([both], paths=["layers.0.w"]))
    counts, _ = np.histogram(both.layers[0].w, 8)
    np.testing.assert_allclose(heights(drawn[0]), counts / counts.max())


def test_gradients_are_those_of_one_batch_and_zeros_are_written() -> None:
    dead = tree.at(NET, "layers.0.b", lambda b: np.where(np.arange(8) < 2, -100.0, 0.0))  # two units of eight
    gradient = fn.value_and_grad(fn.mse)
    ax = plot.gradient_histograms([NET, dead], gradient, (X, Y), key=Key(0))
    grads = [gradient(net, (X, Y), Key(0))[1].layers[0].w for net in (NET, dead)]
    assert names(ax)[0] == f"layers.0.w\n{(grads[0] == 0).mean():.0%} → 25 % zero".replace("0% →", "0 % →")
    sizes = [np.abs(grad[grad != 0]) for grad in grads]
    low, high = np.quantile(np.concatenate(sizes), 0.01) / 1.05, max(map(np.max, sizes)) * 1.05
    counts, _ = np.histogram(sizes[0], np.geomspace(low, high, len(sizes[0]) // 4 + 1))
    counts = np.trim_zeros(counts)
    np.testing.assert_allclose(heights(ridges(ax)[0]), counts / counts.max())
    assert ax.get_xscale() == "log"


def test_gradients_that_are_all_zero_are_a_row_without_a_ridge() -> None:
    net = tree.map(np.zeros_like, NET)
    ax = plot.gradient_histograms([net], fn.value_and_grad(fn.mse), (X, Y), key=Key(0))
    assert names(ax) == ["layers.0.w\n100 % zero", "layers.0.b\n100 % zero", "layers.1.w\n100 % zero", "layers.1.b"]


def test_a_long_run_has_six_epochs_in_its_legend() -> None:
    assert legend(plot.weight_histograms([NET] * 21)) == ["0", "4", "8", "12", "16", "20"]


def test_an_axes_of_yours_comes_back() -> None:
    own = Figure().add_subplot()
    state = fn.start(NET, fn.sgd(0.1), Key(0))
    assert plot.weight_histograms([state], ax=own) is own
