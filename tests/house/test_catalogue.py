"""The catalogue holds every layer, loss, optimizer, initializer and metric that is public."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from types import FunctionType
from typing import Any

import fnnet as fn
from fnnet import Key, Params
from fnnet.losses.reductions import RowLoss
from tests import catalogue


def _public(chosen: Callable[[object], bool]) -> set[str]:
    return {name for name, value in vars(fn).items() if chosen(value)}


def _covers(names: Iterable[str], public: set[str]) -> None:
    """Each public name begins an entry of the catalogue, and each entry begins with one."""
    entries = list(names)
    assert public <= {entry.split()[0] for entry in entries}
    assert {entry.split()[0] for entry in entries} <= set(vars(fn)) | set(vars(fn.metrics))


def test_layers() -> None:
    classes = _public(lambda v: isinstance(v, type) and issubclass(v, Params) and v is not Params)
    _covers(catalogue.WIDENING | catalogue.KEEPING | catalogue.WHOLE, classes)
    for name, make in catalogue.LAYERS.items():
        assert type(make(Key(0), 2, 2)).__name__ == name.split()[0]


def test_losses() -> None:
    made = _public(lambda v: isinstance(v, RowLoss))
    made |= _public(lambda v: getattr(v, "__module__", "").startswith("fnnet.losses.")) - {
        "RowLoss",
        "SumLoss",
        "EntryLoss",
    }
    _covers(catalogue.LOSSES, made)


def test_penalties() -> None:
    _covers(catalogue.PENALTIES, _public(lambda v: getattr(v, "__module__", "") == "fnnet.calculus.penalties"))


def test_optimizers() -> None:
    kinds = ("fnnet.optimizers.", "fnnet.optimizers.")
    made = _public(lambda v: getattr(v, "__module__", "").startswith(kinds)) - {"sgd_update", "averaged", "Elementwise"}
    _covers(catalogue.OPTIMIZERS, made)


def test_initializers() -> None:
    made = _public(lambda v: getattr(type(v), "__module__", "") == "fnnet.initializers")
    made |= _public(lambda v: callable(v) and getattr(v, "__module__", "") == "fnnet.initializers")
    _covers(catalogue.INITIALIZERS, made)


def test_metrics() -> None:
    made = {name for name, v in vars(fn.metrics).items() if getattr(v, "__module__", "").startswith("fnnet.metrics.")}
    others = {"confusion_matrix", "of_labels", "of_probabilities"}  # a table; of predictions that are no scores
    _covers(catalogue.METRICS, made - others)
    assert made


def _twice() -> dict[str, tuple[Any, Any]]:
    """The defaults of constructors that are defaults of their settings too."""
    found = {}
    for name in dir(fn):
        make = getattr(fn, name)
        returned = str(make.__annotations__.get("return")).split("[")[0] if isinstance(make, FunctionType) else ""
        kind = getattr(import_module(make.__module__), returned, None) if returned.isidentifier() else None
        own = {f.name: f.default for f in (fields(kind) if is_dataclass(kind) else ()) if f.default is not MISSING}
        for argument in inspect.signature(make).parameters.values() if own else ():
            if argument.default is not argument.empty and argument.name in own:
                found[f"{name}({argument.name})"] = argument.default, own[argument.name]
    return found


def test_defaults_of_constructors_are_those_of_the_settings() -> None:
    twice = _twice()
    assert len(twice) > 15
    for name, (ours, theirs) in twice.items():
        assert ours == theirs or name == "adamw(weight_decay)", name
