"""Pictures of predictions: the numbers that are drawn, and that they agree with the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Key, Linear, plot
from fnnet.keys import normal, uniform
from fnnet.metrics import ExpectedCalibrationError
from tests.plot.drawn import bars, boundary, columns, legend, points, xy
from tests.support.strategies import KEYS


# --- decision regions ----------------------------------------------------------------------------------------------
def plane(*scores: tuple[float, float, float]) -> Linear:
    """A network whose scores are a x1 + b x2 + c, a class each."""
    table = np.array(scores, np.float64)
    return Linear(table[:, :2].T.copy(), table[:, 2].copy())


SQUARE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def test_regions_meet_where_scores_are_equal() -> None:
    ax = plot.decision_regions(plane((1, 0, 0), (0, 1, 0)), SQUARE, np.array([0, 1, 1, 0]), names=["a", "b"])
    line = boundary(ax)
    assert len(line)
    np.testing.assert_allclose(line[:, 0], line[:, 1], atol=1e-12)
    assert points(ax) == {"a": [[0, 0], [1, 1]], "b": [[0, 1], [1, 0]]}
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.06, 1.06), (-0.06, 1.06))


def test_one_output_is_a_logit() -> None:
    net = plane((1, 0, -0.25))
    by_column = plot.decision_regions(net, SQUARE, np.array([[0.0], [1.0], [1.0], [0.0]]))
    by_labels = plot.decision_regions(net, SQUARE, np.array([0, 1, 1, 0]), inputs=("width (cm)", "height (cm)"))
    np.testing.assert_allclose(boundary(by_column)[:, 0], 0.25, atol=1e-12)
    assert points(by_column) == points(by_labels) == {"0": [[0, 0], [1, 1]], "1": [[0, 1], [1, 0]]}
    assert by_labels.get_xlabel() == "width (cm)"


def test_a_network_that_knows_one_class_has_one_region() -> None:
    ax = plot.decision_regions(plane((0, 0, 1), (0, 0, 0), (0, 0, -1)), SQUARE)
    assert not len(boundary(ax))
    assert [text.get_text() for text in ax.texts] == ["0"]
    np.testing.assert_allclose(ax.texts[0].get_position(), 0.5, atol=0.01)


def test_of_stacked_networks_each_has_its_line() -> None:
    nets = fn.tree.map(lambda *a: np.stack(a), *[plane((1, 0, -c)) for c in (0.2, 0.4, 0.8)])
    found = np.unique(boundary(plot.decision_regions(nets, SQUARE))[:, 0].round(9))
    np.testing.assert_allclose(found, [0.2, 0.4, 0.8])


def test_a_state_and_a_fit_have_a_network() -> None:
    state = fn.start(plane((1, 0, 0), (0, 1, 0)), fn.sgd(0.1), Key(0))
    assert len(boundary(plot.decision_regions(state, SQUARE)))


# --- confusion matrix ----------------------------------------------------------------------------------------------
def test_cells_have_the_numbers_and_the_shares_of_the_true_class() -> None:
    matrix = np.array([[3, 1, 0], [0, 5, 0], [0, 0, 0]])
    ax = plot.confusion_matrix(matrix, names=["a", "b", "c"])
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts[0.5, 0.5] == "3\n75 %"
    assert texts[1.5, 0.5] == "1\n25 %"
    assert texts[1.5, 1.5] == "5\n100 %"
    assert texts[2.5, 2.5] == "0\n0 %"  # a class without a row
    assert ax.collections[0].get_array().tolist() == [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 0]]  # type: ignore[union-attr]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim() == (3, 0)  # the first class is at the top
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")


@pytest.mark.parametrize(("classes", "text"), [(6, "1\n17 %"), (7, "1"), (20, "1"), (21, None)])
def test_many_classes_have_less_in_their_cells(classes: int, text: str | None) -> None:
    ax = plot.confusion_matrix(np.ones((classes, classes), int))
    assert {it.get_text() for it in ax.texts} == ({text} if text else set())


def test_weighted_rows_and_one_class() -> None:
    assert plot.confusion_matrix(np.array([[0.25, 1.5], [2.0, 3.0]])).texts[0].get_text() == "0.25\n14 %"
    assert plot.confusion_matrix(np.array([[7]])).texts[0].get_text() == "7\n100 %"


# --- calibration ---------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(1, 20), st.sampled_from([(30, 4), (2, 30, 3), (30, 1)]))
def test_the_diagram_agrees_with_the_metric(key: Key, bins: int, shape: tuple[int, ...]) -> None:
    """Σ share |accuracy - confidence| of what is drawn is the expected calibration error."""
    scores = 3 * normal(key, shape)
    target = np.floor(uniform(key.child(1), (30, 1)) * max(shape[-1], 2))
    labels = target[:, 0].astype(int)
    ax = plot.calibration(scores, target if shape[-1] == 1 else labels, bins=bins)
    whole = scores if shape[-1] > 1 else np.concatenate([np.zeros_like(scores), scores], axis=-1)
    metric = ExpectedCalibrationError(bins)
    shares, sure, _ = metric.reliability(whole, labels)
    drawn = [line for line in ax.lines if line.get_marker() == "o"]
    for i, line in enumerate(drawn):
        where = np.reshape(shares, (-1, bins))[i] > 0
        x, y = np.array(xy(line)).T
        np.testing.assert_array_equal(x, np.reshape(sure, (-1, bins))[i][where])
        error = (np.reshape(shares, (-1, bins))[i][where] * np.abs(y - x)).sum()
        np.testing.assert_allclose(error, np.ravel(metric(whole, labels))[i], atol=1e-12)
    assert len(drawn) == (2 if len(shape) == 3 else 1)
    mean = float(metric(whole, labels).mean())
    assert f"ECE {mean:.3f}" in " ".join(legend(ax))
    np.testing.assert_allclose(columns(ax), np.reshape(shares, (-1, bins)).mean(axis=0))
    np.testing.assert_allclose(sum(columns(ax)), 1)


def test_a_point_has_wilsons_interval() -> None:
    """10 rows, 8 of them right: 0.490 to 0.943 (Wilson's score interval of 95 %)."""
    ax = plot.calibration(np.tile([[1.0, 0.0]], (10, 1)), np.array([0] * 8 + [1] * 2))
    np.testing.assert_allclose(bars(ax)[0, :, 1], [0.490, 0.943], atol=5e-4)


# --- residuals -----------------------------------------------------------------------------------------------------
def test_residuals_are_target_minus_prediction_and_their_means() -> None:
    p, t = normal(Key(0), (40, 1)), normal(Key(1), (40, 1))
    ax = plot.residuals(p, t, unit="m")
    assert points(ax) == {"_child1": np.concatenate([p, t - p], axis=1).tolist()}
    order = p[:, 0].argsort()
    x, y = np.array(xy(ax.lines[1])).T
    np.testing.assert_allclose(x, p[order, 0].reshape(4, 10).mean(axis=1))
    np.testing.assert_allclose(y, (t - p)[order, 0].reshape(4, 10).mean(axis=1))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("prediction (m)", "target − prediction (m)")


def test_columns_have_names_and_stacked_networks_all_their_points() -> None:
    p, t = normal(Key(0), (2, 5, 3)), normal(Key(1), (5, 3))
    found = points(plot.residuals(p, t, names=["a", "b", "c"]))
    assert list(found) == ["a", "b", "c"]
    assert len(found["a"]) == 10
    assert found["b"][7] == [p[1, 2, 1], t[2, 1] - p[1, 2, 1]]
    assert plot.residuals(p, t).get_xlabel() == "prediction"


# --- intervals -----------------------------------------------------------------------------------------------------
MIDDLE = np.array([3.0, 1.0, 2.0])


def test_intervals_lie_in_the_order_of_the_prediction_and_say_how_many_targets_they_hold() -> None:
    target = np.array([3.5, 5.0, 1.0])
    ax = plot.intervals(MIDDLE, MIDDLE - 1, MIDDLE + 1, target, unit="s")
    assert xy(ax.lines[0]) == [[1, 1], [2, 2], [3, 3]]
    assert points(ax) == {"67 % inside": [[2, 1], [3, 3.5]], "33 % outside": [[1, 5]]}
    assert bars(ax).tolist() == [[[1, 0], [1, 2]], [[2, 1], [2, 3]], [[3, 2], [3, 4]]]
    assert ax.get_ylabel() == "target (s)"


def test_intervals_over_a_feature() -> None:
    x = np.array([[0.5], [0.1], [0.3]])
    ax = plot.intervals(MIDDLE[:, None], MIDDLE - 1, MIDDLE + 1, x=x, name="time (s)", unit="m")
    assert xy(ax.lines[0]) == [[0.1, 1], [0.3, 2], [0.5, 3]]
    assert legend(ax) == ["interval", "prediction"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "prediction (m)")


def test_intervals_that_cross_are_counted() -> None:
    lower = MIDDLE + np.array([-1, 2, -1])
    assert legend(plot.intervals(MIDDLE, lower, MIDDLE + 1))[-1] == "lower above upper: 1 of 3 rows"


def test_the_shares_are_those_of_the_quantiles() -> None:
    """Nine tenths of the targets lie between their quantiles 5 % and 95 %."""
    t = normal(Key(0), (2000, 1))
    middle, low, high = [np.full_like(t, np.quantile(t, q)) for q in (0.5, 0.05, 0.95)]
    assert "90 % inside" in legend(plot.intervals(middle, low, high, t))
