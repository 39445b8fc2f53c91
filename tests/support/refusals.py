"""What every room's ``test_refusals`` is written with: calls that must raise one of our errors, and data for them.

A case is a call, the exact class of its error, and what the message says: where, the rule, what came.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from fnnet import Key
from fnnet.keys import normal
from tests.support.tracebacks import check_tells_all

fn: Any = import_module("fnnet")
"""Untyped: type checkers reject these calls, and must let them pass to be tried."""

NET = fn.serial(fn.linear(Key(0), 3, 4), fn.Relu(), fn.linear(Key(1), 4, 2))
X = normal(Key(2), (5, 3)).astype(np.float32)
Y = normal(Key(3), (5, 2)).astype(np.float32)
SGD = fn.sgd(0.1)
GRADIENT = fn.value_and_grad(fn.mse)

Case = tuple[Callable[[], object], type[Exception], str]


def check(case: Case) -> None:
    """Asserts that a call is refused as its case says, by an error that tells all."""
    call, kind, message = case
    with pytest.raises(kind, match=message) as caught:
        call()
    assert type(caught.value) is kind
    check_tells_all(caught.value)


def stream(*functions: Any, step: Any = None) -> object:
    """The first epoch of a pipe."""
    step = step or fn.train_step(GRADIENT, SGD)
    return next(fn.pipe(fn.train(step, fn.minibatches(X, Y, batch_size=5), fn.start(NET, SGD, Key(0))), *functions))


def fitted(**settings: Any) -> Any:
    """One epoch of fit."""
    return fn.fit(NET, X, Y, loss=fn.mse, optimizer=SGD, key=Key(0), epochs=1, batch_size=5, **settings)
