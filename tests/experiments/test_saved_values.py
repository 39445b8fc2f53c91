"""Whatever of fnnet's values ``save`` takes, ``load`` gives back in another process that knows nothing of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import CheckpointError, FnnetError, Key, tree
from tests.catalogue import INITIALIZERS, LAYERS, LOSSES, METRICS, OPTIMIZERS, OWN, PENALTIES, WHOLE

X, Y = np.arange(12.0).reshape(6, 2), np.arange(6)
ROOT = Path(__file__).parents[2]


def _run() -> Iterator[object]:
    """What a run has and leaves."""
    optimizer, net = fn.adam(0.01), fn.linear(Key(0), 2, 6)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy, penalty=fn.l2(0.1)), optimizer)
    data, first = fn.minibatches(X, Y, batch_size=2), fn.start(net, optimizer, Key(0))
    epoch = next(fn.train(step, data, first))
    yield from (step, data, first, epoch, epoch.record, epoch.state.opt_state, epoch.state.history, first.key)
    yield from (fn.find_rate(step, data, first), fn.forward(net, X)[1], fn.summary(net))
    yield step.gradient.part(net, (X, Y), Key(0))
    yield fn.fit(net, X, Y, loss=fn.softmax_cross_entropy, optimizer=optimizer, key=Key(0), epochs=1)
    receipt = fn.receipt([epoch], step, data, first)
    yield from (receipt, fn.verify(receipt, step, data, first), fn.fingerprint())
    yield from (fn.lbfgs(step.gradient), fn.accumulate(step.gradient, 2), fn.stop_on_nonfinite(step))
    yield from (fn.reduce_on_plateau(fn.train), fn.validate(X, Y, {"accuracy": fn.metrics.accuracy}))


def values() -> dict[str, object]:
    """Values of fnnet by names: those that are public, those of the catalogue, and those of a run."""
    found: dict[str, object] = {}
    for holder in (fn, fn.metrics, fn.testing):
        for name in dir(holder):
            value = getattr(holder, name)
            if is_dataclass(value) and not isinstance(value, type) and not name.startswith("_"):
                found[name] = value
    layers = {name: make(Key(0), 3, 3) for name, make in (LAYERS | WHOLE).items() if name not in OWN}
    for more in (layers, OPTIMIZERS, INITIALIZERS, PENALTIES):
        found.update(more)
    found |= {f"loss {name}": case.loss for name, case in LOSSES.items()}
    found |= {f"metric {name}": case.metric for name, case in METRICS.items()}
    found |= {f"{i} of a run": value for i, value in enumerate(_run())}
    found |= {
        "categories of texts": fn.categories(["b", "a"]),
        "categories of numbers": fn.categories([3, 1, 2], unknown=True),
        "categories of floats": fn.categories([0.5, -0.0, np.inf]),
        "categories beside a network": (fn.linear(Key(0), 2, 1), fn.categories(["a"])),
        "schedule": fn.join((fn.cosine_decay(0.1, steps=10), fn.exponential_decay(0.1, steps=3, factor=0.5)), (3,)),
        "other schedules": (
            fn.step_decay(0.1, steps=3),
            fn.polynomial_decay(0.1, steps=3),
            fn.inverse_sqrt(0.1, steps=3),
            fn.one_cycle(0.1, steps=3),
            fn.linear_warmup(0.1, steps=3),
            fn.piecewise((0.1, 0.2), (3,)),
        ),
        "stratified": fn.stratified(Y),
        "balanced": fn.balanced(Y),
        "focal": fn.Focal(2.0),
        "early_stopping": fn.early_stopping(3),
        "best": fn.best(),
        "take": fn.take(3),
        "until": fn.until(3),
        "time_limit": fn.time_limit(3),
        "stop_on_signal": fn.stop_on_signal(),
        "progress": fn.progress(3),
        "checkpoint_to": fn.checkpoint_to(ROOT),
        "record": fn.record("a.csv"),
    }
    return found


VALUES = values()


def _kinds(node: object) -> Iterator[type]:
    yield type(node)
    for value in node if isinstance(node, tuple) else ():
        yield from _kinds(value)
    if is_dataclass(node):
        for name in node.__dataclass_fields__:
            yield from _kinds(getattr(node, name))


def test_every_public_record_is_among_them() -> None:
    public = {value for value in vars(fn).values() if isinstance(value, type) and is_dataclass(value)}
    kinds = {kind for value in VALUES.values() for kind in _kinds(value)}
    assert public <= kinds


def test_what_is_saved_is_loaded_by_a_program_that_has_not_seen_it(tmp_path: Path) -> None:
    saved: dict[str, str] = {}
    for i, (name, value) in enumerate(VALUES.items()):
        try:
            fn.save(tmp_path / str(i), value)
        except FnnetError as error:
            assert str(error).startswith(("save: ", "tree: ")), f"{name}: {error}"
        else:
            saved[str(i)] = f"{name}: {tree.digest(value)} {value!r}"
    assert len(saved) > len(VALUES) / 2
    code = (
        "import sys, pathlib, fnnet as fn\n"
        "for name in sys.argv[2:]:\n"
        "    value = fn.load(pathlib.Path(sys.argv[1], name))\n"
        "    print(fn.tree.digest(value), repr(value), end='\\0')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, *saved], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stderr == ""
    shown = done.stdout.split("\0")[:-1]
    assert [told.partition(": ")[2] for told in saved.values()] == shown


# --- categories --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("asked", [["x"], ["a", "b", "c"], [1, 2, 3, 4]])
def test_the_values_of_categories_are_the_files(asked: list[Any], tmp_path: Path) -> None:
    """However many there were: who loads them does not know them."""
    net, given = fn.linear(Key(0), 2, 1), fn.categories(["red", "blue"])
    fn.save(tmp_path / "both", (net, given))
    assert fn.load(tmp_path / "both", like=(net, fn.categories(asked)))[1] == given
    with pytest.raises(CheckpointError, match=r"0.w is float32\[2, 1\] there, asked for float32\[3, 1\]"):
        fn.load(tmp_path / "both", like=(fn.linear(Key(0), 3, 1), given))
    with pytest.raises(CheckpointError, match=r"1 is fnnet.Categories there, asked for fnnet.Relu"):
        fn.load(tmp_path / "both", like=(net, fn.Relu()))


def test_columns_of_a_network_are_its_own(tmp_path: Path) -> None:
    net = fn.branches([(0, 1)], (fn.Relu(),))
    fn.save(tmp_path / "net", net)
    with pytest.raises(CheckpointError, match=r"columns.0 is a tuple of 2 there, asked for a tuple of 1"):
        fn.load(tmp_path / "net", like=replace(net, columns=((0,),)))


def test_a_class_that_is_not_fnnets_is_not_found_in_it(tmp_path: Path) -> None:
    fn.save(tmp_path / "net", OWN["Centred"](Key(0), 3, 3))
    code = "import sys, fnnet as fn; fn.load(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "net"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stderr.splitlines()[-1].endswith(
        "net is whole, but the root is of the class tests.support.own_layers.Centred, which this program has not "
        "defined; import the module that gives it to define_layer first, or load with like="
    )
