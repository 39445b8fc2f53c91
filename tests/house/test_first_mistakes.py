"""What a beginner writes by mistake, and what fnnet says: where, the rule, what came, and what to do.

Each line is one that was written in a first hour. The message stands alone: before it comes no other library's error,
its last frame is fnnet's, and however long the value is that was given, it is a few lines.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fnnet import CheckpointError, DtypeError, Key, LayerError, NonFiniteError, ShapeError, TreeError
from fnnet.keys import normal

fn: Any = import_module("fnnet")
"""Untyped, as a beginner's program is."""
m: Any = fn.metrics
sparse: Any = import_module("scipy.sparse")

X, Y = normal(Key(0), (100, 4)), normal(Key(1), (100, 1))
LABELS = np.arange(100) % 2
TEXTS = np.array(["no", "yes"])[LABELS]
ADAM, GRADIENT = fn.adam(1e-3), fn.value_and_grad(fn.mse)
NET, CLASSIFIER = fn.mlp(Key(0), (4, 8, 1)), fn.mlp(Key(0), (4, 8, 2))
SCORES = fn.predict(CLASSIFIER, X)


def fit(params: Any = NET, x: Any = X, y: Any = Y, **more: Any) -> Any:
    return fn.fit(params, x, y, **{"loss": fn.mse, "optimizer": ADAM, "key": Key(0), "epochs": 2, **more})


def classify(y: Any, **more: Any) -> Any:
    return fit(CLASSIFIER, X, y, **{"loss": fn.softmax_cross_entropy, **more})


def train(state: Any = None) -> Any:
    step, data = fn.train_step(GRADIENT, ADAM), fn.minibatches(X, Y, batch_size=32)
    return fn.train(step, data, fn.start(NET, ADAM, Key(0)) if state is None else state)


def one(stream: Any) -> Any:
    return fn.pipe(train(), stream, fn.take(1), fn.last)


class Frame:
    """A table of pandas or Polars, by what counts."""

    def to_numpy(self) -> Any:
        return X


class Tensor:
    """A tensor of PyTorch, by what counts."""

    shape, dtype = X.shape, "torch.float32"

    def detach(self) -> Any:
        return self


Case = tuple[Callable[[], object], type[Exception], str]

SHAPES: dict[str, Case] = {
    "E1 other features": (
        lambda: fit(x=X[:, :3]),
        ShapeError,
        "layers.0: linear: x must be (..., batch, 4), got (32, 3)",
    ),
    "E2 1-D y": (
        lambda: fit(y=Y[:, 0]),
        ShapeError,
        "mse: target must have the prediction's shape (32, 1), got (32,); a column is target[:, None]",
    ),
    "E10b images": (
        lambda: fit(x=np.zeros((100, 28, 28))),
        ShapeError,
        "minibatches: x must be (rows, features), got (100, 28, 28); of images make rows by x.reshape(len(x), -1)",
    ),
    "E10b predict images": (
        lambda: fn.predict(NET, np.zeros((9, 2, 2))),
        ShapeError,
        "layers.0: linear: x must be (..., batch, 4), got (9, 2, 2); of images make rows by x.reshape(len(x), -1)",
    ),
    "E21 layers that do not fit": (
        lambda: fit(fn.serial(fn.linear(Key(0), 4, 8), fn.Relu(), fn.linear(Key(1), 9, 1))),
        ShapeError,
        "layers.2: linear: x must be (..., batch, 9), got (32, 8)",
    ),
    "E25 one row": (
        lambda: fn.predict(NET, X[0]),
        ShapeError,
        "mlp: x must be (..., batch, features), got (4,); a single row is x[None, :], a column x[:, None]",
    ),
    "E26 other lengths": (
        lambda: fit(y=Y[:50]),
        ShapeError,
        "minibatches: all arrays must have the same number of rows, got: x has 100, y has 50",
    ),
    "E32 another cache": (
        lambda: fn.backward(CLASSIFIER, fn.forward(NET, X)[1], np.ones((100, 1))),
        ShapeError,
        "Mlp: the cache must come from a pass through Linear layers of sizes (4, 8, 2)",
    ),
}

LABELLED: dict[str, Case] = {
    "E3 float labels": (
        lambda: classify(LABELS.astype(float)),
        DtypeError,
        "softmax_cross_entropy: target must hold class numbers of an integer dtype, got float64; use its astype(int)",
    ),
    "E4 texts": (
        lambda: classify(TEXTS),
        DtypeError,
        "minibatches: y must hold real numbers, got dtype <U3; fnnet.categories(column)(column) makes numbers of",
    ),
    "E4 texts as objects": (
        lambda: classify(TEXTS.astype(object)),
        DtypeError,
        "minibatches: y must hold real numbers, got dtype object; fnnet.categories(column)(column) makes numbers of",
    ),
    "E5 labels from 1": (
        lambda: classify(LABELS + 1),
        ValueError,
        "labels must be in [0, 2), the prediction's columns, got 1 to 2; classes count from 0",
    ),
    "E6 one-hot": (
        lambda: classify(np.eye(2)[LABELS]),
        ShapeError,
        "softmax_cross_entropy: target must hold class numbers, one per row, (32,), got (32, 2); of one-hot rows take "
        "target.argmax(axis=-1), and for probabilities soft_cross_entropy",
    ),
    "E6 one-hot of ints": (
        lambda: classify(np.eye(2, dtype=int)[LABELS]),
        ShapeError,
        "of one-hot rows take target.argmax(axis=-1), and for probabilities soft_cross_entropy",
    ),
    "E6 a column of labels": (
        lambda: classify(LABELS[:, None]),
        ShapeError,
        "softmax_cross_entropy: target must have one entry per row, (32,), got (32, 1); of a column take [:, 0]",
    ),
    "E45 None in a column": (
        lambda: fn.categories(["a", None]),
        DtypeError,
        "categories: column must hold text or numbers alone, got NoneType and str; give None a text of its own, such ",
    ),
    "E45 NaN in a column": (
        lambda: fn.categories(np.array(["a", np.nan], object)),
        DtypeError,
        "categories: column must hold text or numbers alone, got float and str; give nan a text of its own, such as",
    ),
    "E45 numbers and texts": (
        lambda: fn.categories(["a", 1]),
        DtypeError,
        "categories: column must hold text or numbers alone, got int and str; make all of them text",
    ),
    "E45c an unseen value": (
        lambda: fn.categories(["a", "b"])(["c"]),
        ValueError,
        "column has the value 'c', never seen when it was fitted; fit on all values, or with unknown=True",
    ),
    "E43 class weights in a dict": (
        lambda: fn.class_weighted(fn.softmax_cross_entropy, {0: 1, 1: 2}),
        ValueError,
        "class_weighted: weights must be a sequence of numbers, one per class, got {0: 1, 1: 2}",
    ),
}

ARRAYS: dict[str, Case] = {
    "E7 a table": (
        lambda: fit(x=Frame()),
        DtypeError,
        "minibatches: x must be a numpy.ndarray, or what gives arrays of rows (fnnet.core.Rows), got Frame; use its "
        "to_numpy()",
    ),
    "E7 predict a table": (
        lambda: fn.predict(NET, Frame()),
        DtypeError,
        "mlp: x must be a numpy.ndarray, got Frame; use its to_numpy()",
    ),
    "E8 a column": (
        lambda: fit(y=Frame()),
        DtypeError,
        "minibatches: y must be a numpy.ndarray, got Frame; use its to_numpy()",
    ),
    "E9 lists": (lambda: fit(x=X.tolist()), DtypeError, "(fnnet.core.Rows), got list; use numpy.asarray"),
    "E27 a tensor": (lambda: fit(x=Tensor()), DtypeError, "got Tensor; use its detach().cpu().numpy()"),
    "E27 predict a tensor": (
        lambda: fn.predict(NET, Tensor()),
        DtypeError,
        "mlp: x must be a numpy.ndarray, got Tensor; use its detach().cpu().numpy()",
    ),
    "E35 a sparse matrix": (
        lambda: fit(x=sparse.csr_matrix(X)),
        DtypeError,
        "minibatches: x must be a numpy.ndarray, got csr_matrix; use its toarray()",
    ),
    "E35 predict a sparse array": (
        lambda: fn.predict(NET, sparse.csr_array(X)),
        DtypeError,
        "mlp: x must be a numpy.ndarray, got csr_array; use its toarray()",
    ),
    "E11 NaN in x": (
        lambda: fit(x=np.where(X[7, 2] == X, np.nan, X)),
        NonFiniteError,
        "fit: x must be finite, got nan in row 7, column 2",
    ),
    "E11 NaN in y": (
        lambda: fit(y=np.full((100, 1), np.nan)),
        NonFiniteError,
        "fit: y must be finite, got nan in row 0",
    ),
    "E14b a field": (
        lambda: setattr(NET.layers[0], "w", X),
        AttributeError,
        "cannot assign to field 'w'",
    ),
}

CALLS: dict[str, Case] = {
    "E18 a loss by name": (
        lambda: fit(loss="mse"),
        TypeError,
        "value_and_grad: loss must be a loss such as fnnet.mse, got 'mse'",
    ),
    "E19 an optimizer by name": (
        lambda: fit(optimizer="adam"),
        ValueError,
        "train_step: optimizer must be an object with a method update such as adam(1e-3), got 'adam'",
    ),
    "E19 an optimizer uncalled": (
        lambda: fit(optimizer=fn.adam),
        ValueError,
        "such as adam(1e-3), got the class Adam; call it first, as in adam(...)",
    ),
    "E19 an optimizer's function": (
        lambda: fit(optimizer=fn.adamw),
        ValueError,
        "got the function adamw; call it first, as in adamw(...)",
    ),
    "E19 start": (
        lambda: fn.start(NET, fn.adam, Key(0)),
        ValueError,
        "start: optimizer must be an object with a method init such as adam(1e-3), got the class Adam; call it first",
    ),
    "E19 a wrapper": (
        lambda: fn.pipe(fn.adam, fn.clip_by_global_norm(1.0)),
        ValueError,
        "clip_by_global_norm: optimizer must be an object with a method init such as adam(1e-3), got the class Adam",
    ),
    "E20 an activation by name": (
        lambda: fn.mlp(Key(0), (4, 8, 1), activation="relu"),
        LayerError,
        "mlp: activation must be a layer such as Relu(), got 'relu'",
    ),
    "E20 an activation uncalled": (
        lambda: fn.mlp(Key(0), (4, 8, 1), activation=fn.Relu),
        LayerError,
        "mlp: activation must be a layer such as Relu(), got the class Relu; call it first, as in Relu(...)",
    ),
    "E20c a class in serial": (
        lambda: fn.serial(fn.linear(Key(0), 4, 8), fn.Relu),
        LayerError,
        "serial: argument 1 must be a layer, an instance of a Params class, got the class Relu; call it first",
    ),
    "E20 first values by name": (
        lambda: fn.mlp(Key(0), (4, 8, 1), init="he"),
        ValueError,
        "linear: init must be a function or an object that can be called, got 'he'",
    ),
    "E21b serial of a list": (
        lambda: fn.serial([fn.linear(Key(0), 4, 8), fn.Relu()]),
        LayerError,
        "serial: argument 0 must be a layer, an instance of a Params class, got [Linear(w=float32[4, 8], "
        "b=float32[8]), Relu()]; write serial(*layers)",
    ),
    "E28 another optimizer in start": (
        lambda: fn.pipe(train(fn.start(NET, fn.sgd(0.1), Key(0))), fn.take(1), fn.last),
        TreeError,
        "adam: state must have 2 slots, as its own init makes them, got 0; give start the optimizer that the step has",
    ),
    "E29 a loss in place of its gradient": (
        lambda: fn.train_step(fn.mse, ADAM),
        ValueError,
        "train_step: gradient must be a function (params, batch, key), got the loss MeanSquaredError(); write "
        "value_and_grad(loss)",
    ),
    "E29 a gradient uncalled": (
        lambda: fn.train_step(fn.value_and_grad, ADAM),
        ValueError,
        "train_step: gradient is called with (params, batch, key), got value_and_grad, which is called with (loss, pen",
    ),
    "E36 a rate of 50": (lambda: fn.Dropout(50), ValueError, "Dropout: rate must be in [0, 1), got 50"),
    "E49 a loss uncalled": (
        lambda: classify(LABELS, loss=fn.focal),
        ValueError,
        "value_and_grad: loss must be a function or an object that can be called, got the class Focal; call it first, "
        "as in focal(...)",
    ),
    "E13b a number for a key": (lambda: fit(key=0), ValueError, "start: key must be a fnnet.Key such as Key(0), got 0"),
    "E13c no key": (
        lambda: fn.mlp((4, 8, 1)),
        ValueError,
        "mlp: key must be a fnnet.Key such as Key(0), got (4, 8, 1)",
    ),
    "E13 no key in fit": (
        lambda: fn.fit(NET, X, Y, loss=fn.mse, optimizer=ADAM, epochs=1),
        TypeError,
        "missing 1 required keyword-only argument: 'key'",
    ),
    "E15b no rows in a batch": (
        lambda: fit(batch_size=0),
        ValueError,
        "minibatches: batch_size must be a whole number from 1 up, got 0",
    ),
    "E16 no epochs": (lambda: fit(epochs=0), ValueError, "fit: epochs must be a whole number from 1 up, got 0"),
    "E37 an unknown argument": (
        lambda: fn.adam(lr_rate=0.1),
        TypeError,
        "Adam.__init__() got an unexpected keyword argument 'lr_rate'",
    ),
    "E38 an unknown name": (lambda: fn.Adam, AttributeError, "module 'fnnet' has no attribute 'Adam'"),
    "E39 parts of 0.9": (lambda: fn.split(Key(0), (X, Y), parts=(0.5, 0.4)), ValueError, "which add up to 0.9"),
}

NETWORKS: dict[str, Case] = {
    "E47 predict of a fit": (
        lambda: fn.predict(fit(), X),
        LayerError,
        "forward: params must be a network, an instance of a Params class, got an instance of Fit; give its params",
    ),
    "E47 predict of a state": (
        lambda: fn.predict(fn.start(NET, ADAM, Key(0)), X),
        LayerError,
        "forward: params must be a network, an instance of a Params class, got an instance of TrainState; give its pa",
    ),
    "E47 predict the other way round": (
        lambda: fn.predict(X, NET),
        LayerError,
        "params must be a network, an instance of a Params class, got an array (100, 4) of float64; the network comes",
    ),
    "E48 fit of a fit": (
        lambda: fit(fit(epochs=20)),
        LayerError,
        "fit: params must be a network, an instance of a Params class, got an instance of Fit; give its params",
    ),
    "E48 train of a fit": (
        lambda: train(fit()),
        TreeError,
        "train: state must be a TrainState, as start(params, optimizer, key) makes it, got an instance of Fit; give i",
    ),
    "E48 train on arrays": (
        lambda: fn.train(fn.train_step(GRADIENT, ADAM), X, fn.start(NET, ADAM, Key(0))),
        ValueError,
        "train: data must be a function or an object that can be called, got an array (100, 4) of float64",
    ),
    "E48 fit of a function": (
        lambda: fit(fn.mlp),
        LayerError,
        "fit: params must be a network, an instance of a Params class, got the function mlp; call it first, as in m",
    ),
    "E52 a network as a function": (
        lambda: NET(X),
        TypeError,
        "Mlp: a network is a value and is not called, got net(...); predict(net, x) gives its output, forward(net, x)",
    ),
}

STREAMS: dict[str, Case] = {
    "E22 a metric that nobody adds": (
        lambda: one(fn.early_stopping(3, metric="r2")),
        ValueError,
        "early_stopping: metric must be one of 'loss', which this epoch has, got 'r2'; what adds it, such as validate,",
    ),
    "E22c last without take": (
        lambda: fn.last(train()),
        ValueError,
        "last: the stream must have an end, got that of train or steps, which has none; end it by take(100), as in pi",
    ),
    "E22c list without take": (lambda: list(train()), ValueError, "list: the stream must have an end"),
    "E22c best without take": (lambda: fn.best("loss")(train()), ValueError, "best: the stream must have an end"),
    "E22c a pipe without take": (
        lambda: fn.pipe(train(), fn.validate(X, Y, {"r2": m.r2}), fn.progress(), fn.last),
        ValueError,
        "last: the stream must have an end",
    ),
    "E30 a stream that was used up": (lambda: fn.last(iter(())), ValueError, "last: the stream is empty, so it has no"),
    "E50 early_stopping uncalled": (
        lambda: fit(streams=(fn.early_stopping,)),
        ValueError,
        "fit: streams[0] must be a function or an object that can be called, got the class EarlyStopping; call it "
        "first, as in early_stopping(...)",
    ),
    "E50 early_stopping uncalled in a pipe": (
        lambda: one(fn.early_stopping),
        ValueError,
        "early_stopping: patience must be a whole number from 1 up, got a stream; call this with its settings first",
    ),
    "E50 take uncalled": (
        lambda: fn.pipe(train(), fn.take, fn.last),
        ValueError,
        "take: n must be a whole number from 0 up, got a stream; in a pipe write take(100)",
    ),
    "E50 best uncalled": (
        lambda: fn.pipe(train(), fn.take(1), fn.best),
        ValueError,
        "best: metric must be a name such as 'loss' or 'valid_loss', got a stream; call this with its settings first",
    ),
    "E50 record uncalled": (
        lambda: one(fn.record),
        ValueError,
        "record: paths must end in .json or .csv, got a stream;",
    ),
    "E50 checkpoint_to uncalled": (
        lambda: one(fn.checkpoint_to),
        ValueError,
        "checkpoint_to: folder must be a path, got a stream; call this with its settings first",
    ),
    "E51 not in a tuple": (
        lambda: fit(streams=fn.early_stopping(3)),
        ValueError,
        "fit: streams must be a list or tuple of stream functions, got EarlyStopping(",
    ),
}

METRICS: dict[str, Case] = {
    "E23 one column": (
        lambda: m.accuracy(fn.predict(NET, X), LABELS),
        ValueError,
        "accuracy: labels must be in [0, 1), the prediction's columns, got 0 to 1; for one output the loss is "
        "binary_cross_entropy, and a metric is metrics.binary(metric)",
    ),
    "E23 one column and a column": (
        lambda: m.accuracy(fn.predict(NET, X), LABELS[:, None]),
        ShapeError,
        "for one output the loss is binary_cross_entropy, and a metric is metrics.binary(metric)",
    ),
    "E23 argmax": (
        lambda: m.accuracy(SCORES.argmax(axis=1), LABELS),
        DtypeError,
        "accuracy: prediction must be the network's output in float32 or float64, got int64 of the shape (100,); class "
        "numbers are the target, the second argument, and guesses go through metrics.of_labels(accuracy)",
    ),
    "E23 the other way round": (
        lambda: m.f1(LABELS, SCORES),
        DtypeError,
        "f1: prediction must be the network's output in float32 or float64, got int64 of the shape (100,); class "
        "numbers are the target, the second argument",
    ),
    "E23 one-hot": (
        lambda: m.accuracy(SCORES, np.eye(2)[LABELS]),
        ShapeError,
        "accuracy: target must hold class numbers, one per row, (100,), got (100, 2); of one-hot rows take target.arg",
    ),
    "E23 a regression's vector": (
        lambda: m.r2(Y[:, 0], Y[:, 0]),
        ShapeError,
        "r2: prediction must be (..., batch, features), not empty, got (100,); a column is prediction[:, None]",
    ),
    "E23 the area of one column": (
        lambda: m.roc_auc(fn.predict(NET, X), LABELS),
        ShapeError,
        "roc_auc: prediction must have at least two columns, got (100, 1); for a network of one logit use metrics.bin",
    ),
    "E46 the loss as a metric": (
        lambda: one(fn.validate(X, Y, {"mse": fn.mse})),
        ValueError,
        "validate: metric 'mse' must be a metric, got the loss MeanSquaredError(); of a loss, which gives (value, gra",
    ),
    "E46 a metric by name": (
        lambda: fn.validate(X, Y, {"accuracy": "accuracy"}),
        ValueError,
        "validate: metric 'accuracy' must be a function or an object that can be called, got 'accuracy'",
    ),
    "E46 a metric uncalled": (
        lambda: fn.validate(X, LABELS, {"top": m.top_k}),
        ValueError,
        "validate: metric 'top' is called with (prediction, target), got top_k, which is called with (k)",
    ),
    "E46 a metric's class": (
        lambda: fn.validate(X, LABELS, {"f1": m.F1}),
        ValueError,
        "validate: metric 'f1' must be a function or an object that can be called, got the class F1; call it first",
    ),
    "E46 metrics without names": (
        lambda: fn.validate(X, Y, m.r2),
        ValueError,
        'validate: metrics must name at least one metric, such as {"accuracy": metrics.accuracy}, got r2',
    ),
}

CASES: dict[str, Case] = SHAPES | LABELLED | ARRAYS | CALLS | NETWORKS | STREAMS | METRICS

PYTHONS = {"E13 no key in fit", "E37 an unknown argument", "E14b a field", "E38 an unknown name"}
"""Those that Python itself answers, before fnnet is asked."""


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_explained(name: str) -> None:
    write, kind, said = CASES[name]
    with pytest.raises(kind, match=re.escape(said)) as caught:
        write()
    error = caught.value
    assert type(error) is kind or (name in PYTHONS and isinstance(error, kind))
    assert len(str(error)) < 400
    assert error.__context__ is None
    last = traceback.extract_tb(error.__traceback__)[-1]
    assert name in PYTHONS or "fnnet" in Path(last.filename).parts


# --- what is right ---------------------------------------------------------------------------------------------------
def test_what_is_taken_for_right() -> None:
    """E10: whole numbers, bytes and truth values as x; E13d: NumPy's numbers as seeds; E15: a batch beyond the data;
    E25b: no row at all."""
    for x in (np.ones((9, 4), int), np.ones((9, 4), bool), np.ones((9, 4), np.uint8)):
        assert fn.predict(NET, x).shape == (9, 1)
    assert [fn.Key(seed) for seed in np.arange(3)] == [Key(0), Key(1), Key(2)]
    assert fit(batch_size=256).state.epoch == 2
    assert fn.predict(NET, X[:0]).shape == (0, 1)
    assert fn.predict(NET, X[:0], batch_size=5).dtype == np.float32
    assert len(list(fn.take(2)(train()))) == 2


def test_a_rate_that_is_too_large_names_a_remedy() -> None:
    """E12."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(NonFiniteError, match="at learning rate 1e\\+30"):
            fit(optimizer=fn.sgd(1e30))


def test_files_that_are_not_there_or_others(tmp_path: Path) -> None:
    """E17."""
    with pytest.raises(FileNotFoundError, match=r"load: .*nowhere.st could not be read, .*No such file") as caught:
        fn.load(tmp_path / "nowhere.st")
    assert isinstance(caught.value, CheckpointError)
    assert caught.value.__suppress_context__
    (tmp_path / "junk.st").write_bytes(b"junk" * 99)
    with pytest.raises(
        CheckpointError, match=r"junk.st is no checkpoint of fnnet; weights of PyTorch are read by load_t"
    ):
        fn.load(tmp_path / "junk.st")
    fn.save(tmp_path / "net.st", NET)
    with pytest.raises(CheckpointError, match=r"layers.1.w is float32\[8, 1\] there, asked for float32\[8, 2\]"):
        fn.load(tmp_path / "net.st", like=CLASSIFIER)


EXTRAS = {"checkpoint": ("safetensors.numpy", "fn.save('net.st', fn.Relu())"), "jit": ("numba", "import fnnet.jit")}


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_for_an_extra_names_its_packages(extra: str) -> None:
    """E53: those, and not fnnet, which may be a checkout. The command works wherever fnnet came from."""
    project = tomllib.loads((Path(fn.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    packages = [words.split()[0] for words in project["optional-dependencies"][extra]]
    module, code = EXTRAS[extra]
    hide = f"import sys; sys.modules['{module}'] = None; import fnnet as fn; {code}"
    if extra == "jit":
        hide = f"import importlib.util as u; u.find_spec = lambda name: None; {code}"
    shown = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False).stderr
    assert shown.rstrip().endswith(f": pip install {' '.join(packages)}")
    assert "During handling" not in shown
