"""What notebooks show: whole, escaped, without anything from outside, and the numbers that are true elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol
from xml.etree import ElementTree

import numpy as np
import pytest

import fnnet as fn
from fnnet import Key, Record, html, tree
from tests.catalogue import LAYERS, WHOLE


class Shown(Protocol):
    """What a notebook shows by its own HTML."""

    def _repr_html_(self) -> str: ...


def shown(value: Shown) -> str:
    """The words of a value's HTML, which must be whole and need nothing from outside."""
    text = value._repr_html_()
    assert not re.search(r"<script|<style|<link|<img|https?:|\bid=|\bclass=|\bon\w+=", text)
    return " ".join(ElementTree.fromstring(f"<all>{text}</all>").itertext())


X, Y = np.eye(4), np.array([0, 1, 1, 0])
OPTIMIZER = fn.adam(0.1)
STEP, DATA = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), OPTIMIZER), fn.minibatches(X, Y, batch_size=2)
FIRST = fn.start(fn.mlp(Key(0), (4, 3, 2)), OPTIMIZER, Key(0))


# --- networks --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LAYERS | WHOLE)
def test_a_network_shows_its_layers_and_parameters(name: str) -> None:
    net = (LAYERS | WHOLE)[name](Key(0), 4, 4)
    text = shown(net)
    assert f"{type(net).__name__}: {tree.count(net):,} parameters" in text
    for path in tree.paths(net):
        assert path.split(".")[-1] in text


def test_a_network_of_layers_in_layers() -> None:
    net = fn.serial(fn.standardize(X), fn.mlp(Key(0), (4, 3, 2), activation=fn.serial(fn.Relu(), fn.Dropout(0.5))))
    text = shown(net)
    assert "layers.1.layers.0 Linear w 4×3, b 3  15" in text.replace("  ", " ").replace("3 15", "3  15")
    assert "layers.0 Standardize mean 4 constant, scale 4 constant" in text
    assert "rate=0.5" in text


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Named(fn.Params):
    """A layer with a text among its settings."""

    title: str


def test_what_comes_in_is_text() -> None:
    assert "<b>&amp;" not in Named("<b>&amp;")._repr_html_()
    assert "title='<b>&amp;'" in shown(Named("<b>&amp;"))
    history = fn.History.of([Record(np.asarray(1.0 / i), (("<i>'\"", np.asarray(1.0)),)) for i in (1, 2)])
    assert "<i>'\"" in shown(history)


def test_long_tables_and_texts_are_cut() -> None:
    net = fn.serial(*[fn.linear(Key(i), 2, 2) for i in range(200)])
    assert "… 140 more" in shown(net)
    assert shown(net).count("Linear") == html.ROWS
    assert len(html.escape("x" * 10_000)) == html.LENGTH


# --- histories -------------------------------------------------------------------------------------------------------
def cells(value: Shown, name: str) -> list[str]:
    """The cells of a row by its name."""
    rows = ElementTree.fromstring(f"<all>{value._repr_html_()}</all>").iter("tr")
    found = [["".join(cell.itertext()) for cell in row] for row in rows]
    return next(row[1:] for row in found if row[0] == name)


def test_a_history_shows_first_lowest_highest_and_last() -> None:
    losses = [3.0, 1.0, np.nan, 4.0, 2.0]
    history = fn.History.of([Record(np.asarray(loss)) for loss in losses])
    assert cells(history, "loss") == ["3", "1", "2", "4", "4", "2"]
    assert "<svg" in history._repr_html_()
    assert "M" in history._repr_html_().split('stroke="#')[0].rsplit("L", 1)[0]


def test_a_history_of_stacked_networks_and_of_late_metrics() -> None:
    late = [Record(np.array([4.0, 2.0])), Record(np.array([1.0, 3.0]), (("m", np.asarray(7.0)),))]
    history = fn.History.of(late)
    assert cells(history, "loss") == ["2 to 4", "1", "2", "4", "1", "1 to 3"]
    assert cells(history, "m") == ["nan", "7", "2", "7", "2", "7"]


@pytest.mark.parametrize("losses", [[], [1.0], [np.nan, np.nan], [2.0, 2.0], [1.0, np.inf, 3.0], [0.0, -1.0]])
def test_every_history_is_shown(losses: list[float]) -> None:
    history = fn.History.of([Record(np.asarray(loss)) for loss in losses])
    assert f"History of {len(losses)} epochs" in shown(history)
    assert len(set(losses)) < 2 or "<svg" in history._repr_html_() or np.isnan(losses).all()


def test_a_long_history_is_no_larger_than_a_short_one() -> None:
    long = fn.History.of([Record(np.asarray(1.0 / i)) for i in range(1, 20_000)])
    assert len(long._repr_html_()) < 6_000


# --- runs ------------------------------------------------------------------------------------------------------------
def test_a_fit_shows_its_epochs_history_and_network() -> None:
    fit = fn.fit(
        fn.mlp(Key(0), (4, 3, 2)),
        X,
        Y,
        loss=fn.softmax_cross_entropy,
        optimizer=OPTIMIZER,
        key=Key(0),
        epochs=4,
        valid=(X, Y),
        patience=9,
    )
    text = shown(fit)
    assert "Fit of 4 epochs, all that were asked for" in text
    assert "best, which predicts" in text
    assert "History of 4 epochs" in text
    assert "Mlp: 23 parameters, float32" in text


def test_a_summary_shows_the_cells_that_it_prints() -> None:
    summary = fn.summary(fn.mlp(Key(0), (4, 3, 2)))
    assert shown(summary).split() == str(summary).replace("-", "").split()


def test_a_receipt_and_its_verification() -> None:
    receipt = fn.receipt(fn.take(3)(fn.train(STEP, DATA, FIRST)), STEP, DATA, FIRST)
    text = shown(receipt)
    assert "Receipt of 3 epochs" in text
    assert receipt.links[-1].chain in text
    assert "step.optimizer.lr" in text
    assert receipt.conditions[0][1].python in text
    assert shown(fn.verify(receipt, STEP, DATA, FIRST)) == "yes: epochs 1 to 3 gave the recorded bytes"
    other = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), replace(OPTIMIZER, lr=0.2))
    text = shown(fn.verify(receipt, other, DATA, FIRST))
    assert "no: epoch 1 is the first that differs" in text
    assert "step.optimizer.lr 0.1 0.2" in text


def test_a_fingerprint_shows_all_its_digests() -> None:
    found = fn.fingerprint()
    text = shown(found)
    assert all(getattr(found, name) in text for name in found.names())
    assert found.conditions.numpy in text
