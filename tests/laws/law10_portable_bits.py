"""Portable networks and losses: the same bits whatever the threads, the kernel, the loops and the rows beside a row."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from itertools import product as every

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, DtypeError, Key, LayerError, tree
from fnnet.keys import normal
from fnnet.numerics import products
from fnnet.numerics.bits import SCOPE, portably
from tests.catalogue import LAYERS, LOSSES
from tests.support.machine import KERNELS, THREADS, environment, features_to_disable, kernel_in_use
from tests.support.strategies import KEYS, SIZES, Problem, problems, target

DIMENSIONS = st.one_of(SIZES, st.integers(1, 300))


# --- the matrix of machines -------------------------------------------------------------------------------------------
def runs(**settings: str) -> dict[str, str]:
    """What trainings give in a process of their own."""
    command = [sys.executable, "-W", "error", "-m", "tests.support.portable_runs"]
    shown = subprocess.run(command, env=environment(**settings), capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(shown.stdout)
    return found


@cache
def here() -> dict[str, str]:
    """What the trainings give on this machine as it is."""
    return runs()


LOOPS = {label: disabled for label, disabled in features_to_disable().items() if label != "all"}
MACHINES = list(every(KERNELS, THREADS, LOOPS))
FEW = {("Haswell", "1", "none"), ("SkylakeX", "2", "none"), ("Zen", "2", list(LOOPS)[-1])}


@pytest.mark.parametrize(
    ("kernel", "threads", "loops"),
    [pytest.param(*machine, marks=[] if machine in FEW else pytest.mark.slow) for machine in MACHINES],
)
def test_trainings_have_one_hash_on_all_machines(kernel: str, threads: str, loops: str) -> None:
    """Kernels {Haswell, SkylakeX, Zen} x threads {1, 2, 4} x NumPy's loops {all, without AVX-512}: a classifier with
    dropout, layer norm, GELU, smoothed labels, Adam and clipping, and a regression, on real data."""
    if kernel_in_use(kernel) not in KERNELS[kernel]:
        assert kernel == "SkylakeX", f"{kernel} is on every machine that these tests know"
        pytest.skip("this CPU has no AVX-512")
    settings = {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": threads, "NPY_DISABLE_CPU_FEATURES": LOOPS[loops]}
    assert runs(**settings) == here()


def test_every_part_has_one_digest_on_unlike_machines() -> None:
    """Each layer, loss, optimizer and metric."""
    command = [sys.executable, "-W", "error", "-m", "tests.support.portable_parts"]
    loops = features_to_disable()
    found: dict[str, set[str]] = {}
    for kernel, threads, disabled in (("Haswell", "1", ""), ("Zen", "2", loops["all"]), ("SkylakeX", "2", "")):
        if kernel_in_use(kernel) in KERNELS[kernel]:
            env = environment(OPENBLAS_CORETYPE=kernel, OPENBLAS_NUM_THREADS=threads, NPY_DISABLE_CPU_FEATURES=disabled)
            shown = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            for name, digest in json.loads(shown.stdout):
                found.setdefault(name, set()).add(digest)
    assert len(found) > 100
    assert {name for name, digests in found.items() if len(digests) > 1} == set()


def test_the_setting_matters_where_nothing_is_portable() -> None:
    """Or the test above could not fail: plain products differ between the kernels or the numbers of threads."""
    program = (
        "from fnnet import Key, tree; from fnnet.keys import normal;"
        "print(tree.digest(normal(Key(0), (300, 784)).dot(normal(Key(1), (784, 200)))))"
    )
    found = set()
    for kernel, threads in every(("Haswell", "SkylakeX"), ("1", "2")):
        env = environment(OPENBLAS_CORETYPE=kernel, OPENBLAS_NUM_THREADS=threads)
        found.add(subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True).stdout)
    assert len(found) > 1


# --- products -----------------------------------------------------------------------------------------------------
@given(KEYS, DIMENSIONS, st.integers(1, 1500), DIMENSIONS, st.data())
def test_a_row_of_a_product_is_the_same_beside_all_others(
    key: Key, m: int, k: int, n: int, data: st.DataObject
) -> None:
    a, b = normal(key, (m, k)), normal(key.child(1), (k, n))
    start = data.draw(st.integers(0, m - 1))
    stop = data.draw(st.integers(start + 1, m))
    whole = products.product(a, b)
    np.testing.assert_allclose(whole, a @ b, rtol=0, atol=1e-12 * (1 + k))
    assert np.array_equal(products.product(a[start:stop], b), whole[start:stop])


@given(KEYS, DIMENSIONS, DIMENSIONS, DIMENSIONS)
def test_the_layout_of_a_factor_changes_no_bit(key: Key, m: int, k: int, n: int) -> None:
    a, b = normal(key, (m, k)), normal(key.child(1), (k, n))
    whole = products.product(a, b)
    assert np.array_equal(products.product(np.asfortranarray(a), b), whole)
    assert np.array_equal(products.product(a, np.asfortranarray(b)), whole)
    assert np.array_equal(products.product(np.repeat(a, 2, 0)[::2], b), whole)
    stacked = products.product(a, np.stack([b, 2 * b]))
    assert np.array_equal(stacked, np.stack([whole, 2 * whole]))
    assert whole.flags.c_contiguous


# --- networks ---------------------------------------------------------------------------------------------------------
def close(a: object, b: object) -> bool:
    """Whether two trees agree to rounding."""
    return all(np.allclose(p, q, rtol=1e-10, atol=1e-10) for p, q in zip(tree.leaves(a), tree.leaves(b), strict=True))


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "Portable"])
@given(st.data(), st.none() | KEYS)
def test_a_portable_layer_is_the_layer(name: str, data: st.DataObject, key: Key | None) -> None:
    """To rounding, with the same draws; and each row alone is the row among others, to the bit."""
    problem = data.draw(problems(name))
    net = fn.portable(problem.net)
    (y, cache), (plain, plain_cache) = fn.forward(net, problem.x, key), fn.forward(problem.net, problem.x, key)
    assert close(y, plain)
    grads, dx = fn.backward(net, cache, np.ones_like(y))
    plain_grads, plain_dx = fn.backward(problem.net, plain_cache, np.ones_like(y))
    assert close((grads.layer, dx), (plain_grads, plain_dx))
    alone = [fn.predict(net, problem.x[i : i + 1]) for i in range(len(problem.x))]
    assert np.array_equal(np.concatenate(alone), fn.predict(net, problem.x))


@given(problems("Mlp of Relu"), st.integers(1, 400))
def test_a_prediction_does_not_depend_on_the_batch(problem: Problem, rows: int) -> None:
    net = fn.portable(fn.mlp(problem.key, (20, 70, 33, 9), dtype=np.float64))
    x = normal(problem.key, (rows, 20))
    whole = fn.predict(net, x)
    for size in (1, 7, rows):
        assert np.array_equal(fn.predict(net, x, batch_size=size), whole)


@pytest.mark.parametrize("name", LOSSES)
@given(problems("Linear"))
def test_a_portable_loss_is_the_loss(name: str, problem: Problem) -> None:
    case = LOSSES[name]
    loss, wanted = case.of(problem.y.shape[-1]), target(case, problem)
    mine = fn.portable(loss)
    assert close(mine(problem.y, wanted), loss(problem.y, wanted))
    assert close(mine.rows(problem.y, wanted), loss.rows(problem.y, wanted))
    assert mine.is_sum == loss.is_sum


def seen_by(params: fn.Params) -> list[bool]:
    """Whether a loss, called by the gradient of such a network, runs portably; as a whole and by rows."""
    seen: list[bool] = []

    class Looking(fn.RowLoss[Array]):
        def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
            seen.append(SCOPE.is_portable)
            rows: tuple[Array, Array] = fn.mse.rows(prediction, target)
            return rows

    batch = normal(Key(0), (5, 3)), normal(Key(1), (5, 3))
    gradient = fn.value_and_grad(Looking())
    gradient(params, batch, Key(2))
    gradient.part(params, batch, Key(2))
    return seen


def test_the_loss_of_a_portable_network_is_portable() -> None:
    linear = fn.linear(Key(0), 3, 3, dtype=np.float64)
    assert seen_by(linear) == [False, False]
    assert seen_by(fn.portable(linear)) == [True, True]
    assert seen_by(fn.serial(fn.Tanh(), fn.portable(linear))) == [True, True]
    assert not SCOPE.is_portable


def test_the_metrics_of_a_portable_network_are_portable() -> None:
    seen: list[bool] = []

    def looking(prediction: Array, target: Array, /) -> fn.Value:
        seen.append(SCOPE.is_portable)
        return np.asarray(0.0)

    x, y = normal(Key(0), (6, 3)), normal(Key(1), (6, 1))
    for net in (fn.linear(Key(0), 3, 1, dtype=np.float64), fn.portable(fn.linear(Key(0), 3, 1, dtype=np.float64))):
        fn.fit(
            net,
            x,
            y,
            loss=fn.mse,
            optimizer=fn.sgd(0.1),
            key=Key(0),
            epochs=1,
            batch_size=3,
            streams=[fn.validate(x, y, {"m": looking})],
        )
    assert seen == [False, True]


def test_the_choice_holds_for_one_thread_and_one_call() -> None:
    assert portably(lambda: SCOPE.is_portable)
    assert not SCOPE.is_portable
    seen: list[bool] = []
    other = threading.Thread(target=lambda: seen.append(SCOPE.is_portable))

    def inside() -> None:
        other.start()
        other.join()

    portably(inside)
    assert seen == [False]
    with pytest.raises(ZeroDivisionError):
        portably(lambda: 1 / 0)
    assert not SCOPE.is_portable


def test_the_choice_is_saved_and_stacked_with_the_network() -> None:
    net = fn.portable(fn.mlp(Key(0), (3, 4, 1), dtype=np.float64))
    assert str(net).startswith("Portable(layer=Mlp(")
    assert tree.digest(net) != tree.digest(net.layer)
    assert tree.paths(net)[0] == "layer.layers.0.w"


# --- bad input --------------------------------------------------------------------------------------------------------
def test_float32_is_refused() -> None:
    net = fn.mlp(Key(0), (3, 4, 1))
    with pytest.raises(
        DtypeError, match=r"portable: layer.layers.0.w must be float64, .* got float32; fnnet.tree.astype"
    ):
        fn.portable(net)
    wide = fn.portable(tree.astype(net, np.float64))
    with pytest.raises(DtypeError, match=r"portable: layer.layers.0.w must be float64"):
        fn.forward(tree.astype(wide, np.float32), np.ones((2, 3)))
    with pytest.raises(DtypeError, match=r"portable: Narrow must give float64, .* got float32"):
        fn.forward(fn.portable(Narrow()), np.ones((2, 3)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Narrow(fn.Params):
    """A layer of a user's that computes in float32 whatever it is given."""


fn.define_layer(
    Narrow,
    forward=lambda p, x: (np.tanh(x.astype(np.float32)), None),
    backward=lambda p, saved, dy: (p, dy),
)


@pytest.mark.parametrize("thing", [3, None, fn.mse.rows, fn.Tanh, type(fn.mse), "mse"])
def test_what_is_no_network_and_no_loss_is_refused(thing: object) -> None:
    with pytest.raises(TypeError, match=r"portable: it takes a network, or a loss with rows such as fnnet.mse, got"):
        fn.portable(thing)  # type: ignore[call-overload]


def test_a_portable_of_no_layer_is_refused() -> None:
    with pytest.raises(LayerError, match="params must be a network, an instance of a Params class, got 3"):
        fn.forward(fn.Portable(3), np.ones((2, 3)))  # type: ignore[type-var]


def test_a_summary_looks_inside() -> None:
    inside = fn.serial(fn.linear(Key(0), 3, 2, dtype=np.float64), fn.Tanh())
    told = fn.summary(fn.portable(inside))
    assert [row.layer for row in told.lines] == ["Serial", "Linear", "Tanh"]
    assert (told.parameters, told.forward_flops) == (8, fn.summary(inside).forward_flops)
