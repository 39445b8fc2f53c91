"""What ``fit`` gives: a network that predicts, its best and its last epoch, and a run that goes on."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Epoch, Fit, Key, jit, tree
from fnnet.keys import normal
from tests.catalogue import OPTIMIZERS

P = TypeVar("P", bound=fn.Params)
FITS: list[Callable[..., Any]] = [fn.fit, jit.fit]
X, Y = normal(Key(0), (20, 3)), normal(Key(1), (20, 2))
VX, VY = normal(Key(2), (9, 3)), normal(Key(3), (9, 2))
LABELS = np.arange(20) % 3


def net_of(outputs: int = 2, dtype: fn.Dtype = np.float64) -> fn.Serial[fn.Linear, fn.Dropout, fn.Tanh, fn.Linear]:
    """A network with dropout."""
    first, second = fn.linear(Key(0), 3, 6, dtype=dtype), fn.linear(Key(1), 6, outputs, dtype=dtype)
    return fn.serial(first, fn.Dropout(0.3), fn.Tanh(), second)


def fitted(epochs: int, fit: Any = fn.fit, **more: Any) -> Any:
    """A fit of some epochs."""
    settings = {"loss": fn.mse, "optimizer": fn.adam(0.02), "key": Key(5), "batch_size": 6, **more}
    return fit(net_of(), X, Y, epochs=epochs, **settings)


def same(a: Fit[P], b: Fit[P]) -> bool:
    """Whether two fits have the very same bytes."""
    states = tree.equal(a.last, b.last) and tree.equal(a.best, b.best) and tree.equal(a.params, b.params)
    return states and a.stopped_early == b.stopped_early and repr(a) == repr(b)


# --- going on ----------------------------------------------------------------------------------------------------
def marked(epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
    """A user's stream function, which drops every third epoch."""
    for epoch in epochs:
        if epoch.state.epoch % 3:
            yield epoch


MORE: dict[str, dict[str, Any]] = {
    "plain": {},
    "validated": {"valid": (VX, VY), "metrics": {"r2": fn.metrics.r2}},
    "patient": {"valid": (VX, VY), "patience": 2},
    "patient with the training loss": {"patience": 1},
    "streams": {
        "valid": (VX, VY),
        "streams": (marked, fn.validate(VX, VY, {"mae": fn.metrics.mae}), fn.early_stopping(3, metric="mae")),
    },
    "a penalty and a schedule": {"penalty": fn.l2(0.01), "optimizer": fn.adamw(fn.cosine_decay(0.05, steps=20))},
}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("name", MORE)
@given(a=st.integers(1, 9), b=st.integers(1, 9), c=st.integers(1, 3))
def test_a_fit_that_is_continued_is_one_longer_fit(fit: Any, name: str, a: int, b: int, c: int) -> None:
    if fit is jit.fit and name == "a penalty and a schedule":
        b = min(b, 3)
    whole = fitted(a + b + c, fit, **MORE[name])
    parts = fitted(a, fit, **MORE[name])
    assert same(parts.continue_(b).continue_(c), whole)
    assert same(pickle.loads(pickle.dumps(parts)).continue_(b + c), whole) or marked in whole.setup.streams


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on(name: str) -> None:
    optimizer = OPTIMIZERS[name]
    assert same(fitted(2, optimizer=optimizer).continue_(3), fitted(5, optimizer=optimizer))


def test_files_of_a_continued_fit_are_those_of_one_longer_fit(tmp_path: Path) -> None:
    def files(folder: Path) -> list[fn.StreamFn]:
        return [fn.record(folder / "run.csv"), fn.checkpoint_to(folder / "states", keep=2), fn.progress(9)]

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    parts = fitted(2, streams=files(tmp_path / "a")).continue_(3)
    assert same(parts, fitted(5, streams=files(tmp_path / "b")))
    written = [sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in "ab"]
    for ours, theirs in zip(*written, strict=True):
        assert ours.name == theirs.name and ours.read_bytes() == theirs.read_bytes()


def test_stacked_networks_go_on_and_the_best_epoch_is_that_of_their_mean() -> None:
    stacked = tree.map(lambda *leaves: np.stack(leaves), *[fn.mlp(Key(k), (3, 4, 2)) for k in range(3)])
    run: Any = {"loss": fn.mse, "optimizer": fn.sgd(0.5), "key": Key(0), "valid": (VX, VY)}
    whole = fn.fit(stacked, X, Y, epochs=7, **run)
    assert same(fn.fit(stacked, X, Y, epochs=3, **run).continue_(4), whole)
    means = whole.history["valid_loss"].mean(axis=1)
    assert whole.best.state.epoch == int(np.argmin(means)) + 1
    assert whole.history["loss"].shape == (7, 3)


# --- best and last -----------------------------------------------------------------------------------------------
def test_with_patience_the_best_epoch_predicts() -> None:
    found = fitted(200, valid=(VX, VY), patience=4)
    losses = found.history["valid_loss"]
    assert found.stopped_early and found.best.state.epoch == int(np.argmin(losses)) + 1 == len(losses) - 4
    assert found.params is found.best.state.params and found.state is found.last.state
    assert fn.mse(found.predict(VX), VY)[0] == losses.min()
    plain = fitted(len(losses), valid=(VX, VY))
    assert tree.equal(plain.last, found.last) and tree.equal(plain.best, found.best)
    assert plain.params is plain.last.state.params and not plain.stopped_early
    assert found.continue_(3).state is found.state


def test_without_validation_data_the_training_loss_decides() -> None:
    found = fitted(30, optimizer=fn.sgd(1.2), patience=3)
    assert found.best.state.epoch == int(np.argmin(found.history["loss"])) + 1
    assert found.predict(X).tobytes() == fn.predict(found.best.state.params, X).tobytes()


def test_nan_is_never_the_best_and_the_first_of_equals_is() -> None:
    values = iter([math.nan, 2.0, 1.0, 1.0, math.nan])

    def loss(prediction: Array, target: Array) -> tuple[fn.Value, Array]:
        value, grad = fn.mse(prediction, target)
        return (np.asarray(next(values)) if len(target) == len(VX) else value), grad

    found = fitted(5, loss=loss, valid=(VX, VY))
    assert found.best.state.epoch == 3
    values = iter([math.nan] * 2)
    assert fitted(2, loss=loss, valid=(VX, VY)).best.state.epoch == 1


# --- prediction --------------------------------------------------------------------------------------------------
SOFT = np.full((20, 3), 1 / 3)
CLASSES: dict[str, tuple[Any, Any]] = {
    "softmax_cross_entropy": (fn.softmax_cross_entropy, LABELS),
    "label_smoothing": (fn.label_smoothing(0.1), LABELS),
    "focal": (fn.focal(2.0), LABELS),
    "soft_cross_entropy": (fn.soft_cross_entropy, SOFT),
    "weighted": (fn.weighted(fn.softmax_cross_entropy), (LABELS, np.ones(20))),
    "class_weighted": (fn.class_weighted(fn.focal(1.0), (1.0, 2.0, 3.0)), LABELS),
    "portable": (fn.portable(fn.softmax_cross_entropy), LABELS),
}


def trained(loss: Any, y: Any, outputs: int) -> Fit[Any]:
    """One epoch."""
    return fn.fit(net_of(outputs), X, y, loss=loss, optimizer=fn.adam(0.1), key=Key(0), epochs=1)


@pytest.mark.parametrize("name", CLASSES)
def test_probabilities_of_classes_are_the_softmax(name: str) -> None:
    found = trained(*CLASSES[name], outputs=3)
    scores, shares = found.predict(X), found.predict_proba(X)
    np.testing.assert_allclose(shares, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), rtol=1e-12)
    assert found.predict_labels(X).tolist() == scores.argmax(axis=1).tolist() == shares.argmax(axis=1).tolist()
    np.testing.assert_allclose(found.predict_proba(X, batch_size=7), shares, rtol=1e-12)


def test_a_single_logit_becomes_two_columns_and_several_labels_stay_apart() -> None:
    for loss in (fn.binary_cross_entropy, fn.weighted(fn.binary_cross_entropy)):
        y: Any = (LABELS[:, None] > 0).astype(float)
        found = trained(loss, y if loss is fn.binary_cross_entropy else (y, np.ones(20)), outputs=1)
        shares = found.predict_proba(X)
        np.testing.assert_allclose(shares[:, 1], 1 / (1 + np.exp(-found.predict(X)[:, 0])), rtol=1e-12)
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
        assert found.predict_labels(X).tolist() == shares.argmax(axis=1).tolist()
    several = trained(fn.binary_cross_entropy, (normal(Key(8), (20, 2)) > 0).astype(float), outputs=2)
    np.testing.assert_allclose(several.predict_proba(X), 1 / (1 + np.exp(-several.predict(X))), rtol=1e-12)
    assert several.predict_labels(X).tolist() == (several.predict(X) > 0).astype(int).tolist()


def test_margins_have_labels_and_no_probabilities() -> None:
    found, binary = trained(fn.hinge, LABELS, 3), trained(fn.binary_hinge, (LABELS[:, None] > 0) * 1.0, 1)
    assert found.predict_labels(X).tolist() == found.predict(X).argmax(axis=1).tolist()
    assert binary.predict_labels(X).tolist() == (binary.predict(X)[:, 0] > 0).astype(int).tolist()
    with pytest.raises(
        TypeError, match=r"predict_proba: the loss must have a method probabilities.*Hinge\(\) has none"
    ):
        found.predict_proba(X)


def test_a_loss_that_is_none_of_classes_is_refused_by_name() -> None:
    for loss, y in ((fn.mse, Y), (fn.weighted(fn.mse), (Y, np.ones(20)))):
        found = trained(loss, y, 2)
        for call, name in ((found.predict_proba, "probabilities"), (found.predict_labels, "labels")):
            with pytest.raises(TypeError, match=rf"the loss must have a method {name}.*MeanSquaredError\(\) has none"):
                call(X)


def test_a_users_loss_says_what_its_scores_are() -> None:
    class Cubic(fn.RowLoss[Array]):
        def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
            return fn.mse.rows(prediction, target)

        def probabilities(self, prediction: Array, /) -> Array:
            return np.clip(prediction, 0, 1)

        def labels(self, prediction: Array, /) -> fn.Labels:
            return (prediction[..., 0] > 0.5).astype(int)

    found = trained(Cubic(), Y, 2)
    assert found.predict_proba(X).tolist() == np.clip(found.predict(X), 0, 1).tolist()
    assert found.predict_labels(X).shape == (20,)


def test_nan_is_no_class() -> None:
    with pytest.raises(ValueError, match="predict_labels: the prediction must have no NaN"):
        trained(fn.softmax_cross_entropy, LABELS, 3).predict_labels(np.full((2, 3), np.nan))


def test_stacked_networks_predict_side_by_side() -> None:
    stacked = tree.map(lambda *leaves: np.stack(leaves), *[fn.mlp(Key(k), (3, 4, 3)) for k in range(2)])
    found = fn.fit(stacked, X, LABELS, loss=fn.softmax_cross_entropy, optimizer=fn.sgd(0.1), key=Key(0), epochs=1)
    assert found.predict_proba(X).shape == (2, 20, 3) and found.predict_labels(X).shape == (2, 20)


# --- the rest ----------------------------------------------------------------------------------------------------
def test_the_network_that_predicts_is_saved(tmp_path: Path) -> None:
    found = fitted(40, valid=(VX, VY), patience=2)
    found.save(tmp_path / "net.safetensors")
    assert tree.equal(fn.load(tmp_path / "net.safetensors", like=net_of()), found.best.state.params)


@pytest.mark.parametrize("epochs", [1, 300])
def test_it_is_shown_in_a_few_lines(epochs: int) -> None:
    net = fn.mlp(Key(0), (3, *[4] * 40, 2))
    found = fn.fit(net, X, Y, loss=fn.mse, optimizer=fn.sgd(0.01), key=Key(0), epochs=epochs, valid=(VX, VY))
    lines = repr(found).splitlines()
    assert lines[0] == f"Fit({epochs} epochs, all that were asked for"
    assert lines[1].startswith(f"    last: epoch {epochs}, loss ") and ", valid_loss " in lines[2]
    assert len(lines) == 4 and all(len(line) < 120 for line in lines) and lines[3].endswith("...)")
    assert "which predicts" in repr(fitted(9, patience=5))
    assert repr(fitted(90, valid=(VX, VY), patience=2)).splitlines()[0].endswith(" epochs, stopped early")


def test_a_penalty_is_that_of_the_gradient() -> None:
    step = fn.train_step(fn.value_and_grad(fn.mse, penalty=fn.l2(0.1)), fn.adam(0.02))
    data, begin = fn.minibatches(X, Y, batch_size=6), fn.start(net_of(), fn.adam(0.02), Key(5))
    assert tree.equal(fitted(3, penalty=fn.l2(0.1)).last, fn.last(fn.take(3)(fn.train(step, data, begin))))


def test_metrics_stand_in_the_records_beside_the_loss() -> None:
    found = fitted(3, valid=(VX, VY), metrics={"r2": fn.metrics.r2, "mae": fn.metrics.mae})
    assert found.history.names == ("loss", "valid_loss", "r2", "mae")
    assert float(found.history[-1]["r2"]) == float(fn.metrics.r2(found.predict(VX), VY))
