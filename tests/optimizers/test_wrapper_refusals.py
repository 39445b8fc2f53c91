"""What wrappers of optimizers refuse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from fnnet import Key, TreeError
from tests.support.refusals import GRADIENT, NET, SGD, Case, check, fn


def never(path: str) -> bool:
    return False


@dataclass
class Unhashable:
    """A predicate that is no key."""

    part: str = "w"

    def __call__(self, path: str) -> bool:
        return path.endswith(self.part)


def _where(name: str) -> str:
    return f"{name}: where must match a path of the network, one of layers.0.w, layers.0.b, layers.2.w, layers.2.b; it"


CASES: dict[str, Case] = {
    "a limit of 0": (lambda: fn.clip_by_value(0), ValueError, "clip_by_value: limit must be above 0, got 0"),
    "a limit below 0": (lambda: fn.clip_by_value(-1.0), ValueError, r"clip_by_value: limit must be in \[0, inf\)"),
    "a limit that is no number": (lambda: fn.clip_by_value("1"), ValueError, "clip_by_value: limit must be a number"),
    "an infinite norm": (
        lambda: fn.clip_by_global_norm(np.inf),
        ValueError,
        r"clip_by_global_norm: limit must be in \[0, inf\), got inf",
    ),
    "a norm of 0": (lambda: fn.clip_by_global_norm(0.0), ValueError, "clip_by_global_norm: limit must be above 0"),
    "a rate below 0": (
        lambda: fn.weight_decay(-0.1),
        ValueError,
        r"weight_decay: rate must be in \[0, inf\), got -0.1",
    ),
    "a schedule below 0": (
        lambda: fn.weight_decay(lambda step: -1.0)(SGD).update(NET, NET, fn.weight_decay(0.1)(SGD).init(NET)),
        ValueError,
        "weight_decay: rate, the schedule's at step 0, must be in",
    ),
    "a where that is a path": (
        lambda: fn.weight_decay(0.1, where="layers.0"),
        ValueError,
        "weight_decay: where must be a function or an object that can be called, got 'layers.0'",
    ),
    "a decay of 1": (lambda: fn.ema(1), ValueError, r"ema: decay must be in \[0, 1\), got 1"),
    "a decay below 0": (lambda: fn.ema(-0.1), ValueError, r"ema: decay must be in \[0, 1\), got -0.1"),
    "no steps": (lambda: fn.lookahead(0), ValueError, "lookahead: steps must be a whole number from 1 up, got 0"),
    "half steps": (lambda: fn.lookahead(2.5), ValueError, "lookahead: steps must be a whole number from 1 up, got 2.5"),
    "a slow rate of 0": (lambda: fn.lookahead(5, 0.0), ValueError, "lookahead: rate must be above 0, got 0.0"),
    "a slow rate above 1": (lambda: fn.lookahead(5, 1.5), ValueError, r"lookahead: rate must be in \(0, 1\], got 1.5"),
    "freeze with a path": (lambda: fn.freeze("layers.0"), ValueError, "freeze: where must be a function"),
    "a where without a hash": (
        lambda: fn.freeze(Unhashable()),
        ValueError,
        "freeze: where must have a hash, as functions and frozen dataclasses do, got Unhashable",
    ),
    "scale_rate with a path": (lambda: fn.scale_rate("w", 0.1), ValueError, "scale_rate: where must be a function"),
    "a factor below 0": (
        lambda: fn.scale_rate(never, -1),
        ValueError,
        r"scale_rate: factor must be in \[0, inf\), got -1",
    ),
    "freeze that matches nothing": (lambda: fn.freeze(never)(SGD).init(NET), ValueError, _where("freeze")),
    "scale_rate that matches nothing": (
        lambda: fn.scale_rate(never, 2)(SGD).init(NET),
        ValueError,
        _where("scale_rate"),
    ),
    "weight_decay that matches nothing": (
        lambda: fn.start(NET, fn.weight_decay(0.1, where=never)(SGD), Key(0)),
        ValueError,
        _where("weight_decay"),
    ),
    "the second of two that matches nothing": (
        lambda: fn.pipe(SGD, fn.scale_rate(bool, 2), fn.scale_rate(never, 2)).init(NET),
        ValueError,
        _where("scale_rate"),
    ),
    "a wrapper of no optimizer": (
        lambda: fn.ema(0.9)(GRADIENT),
        ValueError,
        "ema: optimizer must be an object with a method init such as adam.*, got ValueAndGrad",
    ),
    "a wrapper of a function": (
        lambda: fn.freeze(never)(fn.sgd),
        ValueError,
        "freeze: optimizer must be an object with a method init such as adam.*, got the class Sgd; call",
    ),
    "a wrapper of a step": (
        lambda: fn.ema(0.9)(fn.lbfgs(GRADIENT)),
        ValueError,
        "ema: optimizer must be an object with a method update",
    ),
    "a state without an inner one": (
        lambda: fn.clip_by_value(1.0)(SGD).update(NET, NET, SGD.init(NET)),
        TreeError,
        "clip_by_value: state must have an inner one, as its own init makes it, got OptState",
    ),
    "a state of another wrapper": (
        lambda: fn.ema(0.9)(SGD).update(NET, NET, fn.freeze(bool)(SGD).init(NET)),
        TreeError,
        "ema: state must have 1 slots, as its own init makes them, got 0",
    ),
    "no state": (
        lambda: fn.lookahead(5)(SGD).update(NET, NET, None),
        TreeError,
        "lookahead: state must be the OptState that init or the last update gave, got None",
    ),
    "no gradients": (
        lambda: fn.clip_by_global_norm(1.0)(SGD).update(NET, None, fn.clip_by_global_norm(1.0)(SGD).init(NET)),
        TreeError,
        "clip_by_global_norm: the structures differ at the root: Serial against None",
    ),
    "gradients of another network": (
        lambda: fn.freeze(bool)(SGD).update(NET, NET.layers[0], fn.freeze(bool)(SGD).init(NET)),
        TreeError,
        "freeze: the structures differ at the root: Serial against Linear",
    ),
    "no average": (
        lambda: fn.averaged(fn.start(NET, fn.clip_by_value(1.0)(fn.adam(0.1)), Key(0))),
        TreeError,
        "averaged: state must hold averaged weights; wrap the optimizer by ema or lookahead",
    ),
    "an average of no state": (
        lambda: fn.averaged(NET),
        TreeError,
        "averaged: state must be a TrainState or an OptState",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
