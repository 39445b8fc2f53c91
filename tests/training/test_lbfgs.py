"""L-BFGS: it converges where SciPy's does, at no higher price, and is a Step like any other."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice, pairwise
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, Part, TrainState, Value, tree
from fnnet.keys import normal
from fnnet.training._line_search import C1, C2, Line, Point, search
from fnnet.training._quasi_newton import Pair, direction
from fnnet.tree.structures import LIMIT
from fnnet.tree.vectors import of_vector, vector_of
from tests.support.own_layers import Centred
from tests.support.strategies import KEYS, Problem, composites

optimize: Any = import_module("scipy.optimize")
datasets: Any = import_module("sklearn.datasets")

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Watched:
    """A gradient with a ridge penalty that keeps each loss and the largest entry of each gradient."""

    gradient: fn.GradFn[Any]
    ridge: float = 0.0
    seen: list[tuple[float, float]] = field(default_factory=list)

    def part(self, params: P, batch: tuple[Array, Any], key: Key, /) -> Part[P]:
        raise AssertionError("L-BFGS takes whole batches")

    def __call__(self, params: P, batch: tuple[Array, Any], key: Key, /) -> tuple[Value, P]:
        value, grads = self.gradient(params, batch, key)
        p = vector_of(params)
        grads = tree.map(lambda g, p: g + self.ridge * p, grads, params)
        value = np.asarray(value + self.ridge / 2 * p.dot(p))
        self.seen.append((float(value), float(np.abs(vector_of(grads)).max())))
        return value, grads

    def until(self, bound: float) -> int | None:
        """How many evaluations it took to a gradient this small."""
        return next((n for n, (_, g) in enumerate(self.seen, start=1) if g <= bound), None)


def whole(x: Array, y: Any) -> fn.Data[Any]:
    return fn.minibatches(x, y, batch_size=len(x), shuffle=False)


def go(step: Any, net: P, x: Array, y: Any, n: int) -> TrainState[P]:
    """The state n steps on."""
    return fn.last(fn.take(n)(fn.steps(step, whole(x, y), fn.start(net, step, Key(0)))))


# --- against SciPy -------------------------------------------------------------------------------------------------
def _standard(a: Array) -> Array:
    made: Array = (a - a.mean(axis=0)) / a.std(axis=0)
    return made


def _data(load: Callable[..., Any]) -> tuple[Array, Any]:
    x, y = load(return_X_y=True)
    return _standard(x), y


def _linear(n_in: int, n_out: int) -> fn.Linear:
    return fn.linear(Key(0), n_in, n_out, init=fn.zeros, dtype=np.float64)


def _cancer() -> tuple[Params, Any, Array, Any]:
    x, y = _data(datasets.load_breast_cancer)
    return _linear(30, 1), fn.binary_cross_entropy, x, y[:, None].astype(float)


def _cancer_of_two() -> tuple[Params, Any, Array, Any]:
    return _linear(30, 2), fn.softmax_cross_entropy, *_data(datasets.load_breast_cancer)


def _wine() -> tuple[Params, Any, Array, Any]:
    return _linear(13, 3), fn.softmax_cross_entropy, *_data(datasets.load_wine)


def _diabetes() -> tuple[Params, Any, Array, Any]:
    x, y = _data(datasets.load_diabetes)
    return _linear(10, 1), fn.mse, x, _standard(y)[:, None]


def _mlp() -> tuple[Params, Any, Array, Any]:
    x, y = _data(datasets.load_diabetes)
    return fn.mlp(Key(1), (10, 8, 1), activation=fn.Tanh(), dtype=np.float64), fn.mse, x, _standard(y)[:, None]


@pytest.mark.parametrize(
    ("problem", "ridge", "bound", "is_convex"),
    [
        (_cancer, 1e-3, 1e-8, True),
        (_cancer, 1e-4, 1e-8, True),
        (_cancer_of_two, 1e-3, 1e-8, True),
        (_wine, 1e-3, 1e-8, True),
        (_diabetes, 0.0, 1e-8, True),
        (_mlp, 1e-2, 1e-4, False),
    ],
)
def test_the_minimum_and_the_price_are_scipys(
    problem: Callable[[], tuple[Params, Any, Array, Any]], ridge: float, bound: float, is_convex: bool
) -> None:
    net, loss, x, y = problem()
    ours, theirs = [Watched(fn.value_and_grad(loss), ridge) for _ in range(2)]
    step = fn.lbfgs(ours, tolerance=bound / 10)
    for _ in islice(fn.steps(step, whole(x, y), fn.start(net, step, Key(0))), 100):
        if ours.until(bound):
            break

    def evaluate(p: Array) -> tuple[float, Array]:
        value, grads = theirs(of_vector(net, p.copy()), (x, y), Key(0))
        return float(value), vector_of(grads).copy()

    options = {"maxcor": 10, "ftol": 0.0, "gtol": bound, "maxiter": 3000, "maxfun": 5000}
    optimize.minimize(evaluate, vector_of(net).copy(), jac=True, method="L-BFGS-B", options=options)
    spent, scipys = ours.until(bound), theirs.until(bound)
    assert spent is not None
    assert scipys is not None
    assert spent <= 1.5 * scipys
    if is_convex:
        assert min(ours.seen)[0] == pytest.approx(min(theirs.seen)[0], rel=1e-6)


# --- Rosenbrock ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Valley(Params):
    """y = (a, b) and how far that is from Rosenbrock's valley: (1 - a, 10 (b - a²)) for every row."""

    point: Array


def valley_forward(p: Valley, x: Array) -> tuple[Array, int]:
    a, b = p.point
    return np.tile(np.array([1 - a, 10 * (b - a * a)]), (len(x), 1)), len(x)


def valley_backward(p: Valley, rows: int, dy: Array) -> tuple[Valley, Array]:
    first, second = dy.sum(axis=0)
    return Valley(np.array([-first - 20 * p.point[0] * second, 10 * second])), np.zeros((rows, 1))


fn.define_layer(Valley, forward=valley_forward, backward=valley_backward)


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 0.0), (3.0, -4.0), (-5.0, 5.0)])
def test_rosenbrocks_valley(start: tuple[float, float]) -> None:
    fn.testing.check_gradients(Valley(np.array(start)), np.zeros((2, 1)))
    watched = Watched(fn.value_and_grad(fn.mse))
    state = go(fn.lbfgs(watched, iterations=10), Valley(np.array(start)), np.zeros((1, 1)), np.zeros((1, 2)), 10)
    np.testing.assert_allclose(state.params.point, 1, atol=1e-8)
    assert watched.until(1e-8) is not None
    assert len(watched.seen) < 110


# --- its parts -----------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(0, 4), st.integers(2, 5))
def test_the_recursion_is_the_formula_with_matrices(key: Key, count: int, n: int) -> None:
    """H' = (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ (equation 7.16)."""
    curvature = normal(key, (n, n))
    curvature = curvature.T @ curvature + np.eye(n)
    pairs = tuple([Pair(s, curvature @ s) for s in normal(key.child(1), (count, n))])
    g = normal(key.child(2), (n,))
    h = np.eye(n)
    if pairs:
        s, y = pairs[-1]
        h = h * (s @ y) / (y @ y)
    for s, y in pairs:
        rho = 1 / (s @ y)
        left = np.eye(n) - rho * np.outer(s, y)
        h = left @ h @ left.T + rho * np.outer(s, s)
    np.testing.assert_allclose(direction(g, pairs), -h @ g, rtol=1e-8, atol=1e-8)


FUNCTIONS: dict[str, Callable[[float], tuple[float, float]]] = {
    "a parabola": lambda a: ((a - 3) ** 2, 2 * (a - 3)),
    "a steep one": lambda a: (1e6 * (a - 1e-3) ** 2, 2e6 * (a - 1e-3)),
    "a far one": lambda a: ((a - 1e4) ** 2, 2 * (a - 1e4)),
    "a quartic": lambda a: ((a - 2) ** 4, 4 * (a - 2) ** 3),
    "waves": lambda a: (np.sin(5 * a) - 0.5 * a + 0.02 * a * a, 5 * np.cos(5 * a) - 0.5 + 0.04 * a),
    "a wall": lambda a: (-a, -1.0) if a < 0.3 else (np.inf, np.nan),
    "a rounded wall": lambda a: (-np.log(1 - a) - 4 * a, 1 / (1 - a) - 4) if a < 1 else (np.nan, np.nan),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 30.0])
def test_the_line_search_finds_both_conditions(name: str, first: float) -> None:
    f, sign = FUNCTIONS[name], -1 if name == "waves" else 1
    tried: list[float] = []

    def point(at: float) -> Point:
        tried.append(at)
        value, slope = f(sign * at)
        return Point(at, float(value), float(sign * slope), np.zeros(0), np.zeros(0))

    start = point(0.0)
    found = search(Line(point, start, 0.0), first, 40)
    assert found is not None
    assert found.value <= start.value + C1 * found.at * start.slope
    assert len(tried) <= 42
    if name != "a wall":  # which has no flat place
        assert abs(found.slope) <= C2 * abs(start.slope)


def test_the_line_search_knows_when_there_is_nothing_lower() -> None:
    def rising(at: float) -> Point:
        return Point(at, at, 1.0, np.zeros(0), np.zeros(0))

    start = Point(0.0, 0.0, -1.0, np.zeros(0), np.zeros(0))
    assert search(Line(rising, start, 0.0), 1.0, 20) is None


# --- as a step -----------------------------------------------------------------------------------------------------
def _problem(key: Key, dtype: fn.Dtype = np.float64) -> tuple[fn.Mlp, Array, Array]:
    net = fn.mlp(key, (3, 5, 2), activation=fn.Tanh(), dtype=dtype)
    return net, normal(key.child(1), (20, 3)), normal(key.child(2), (20, 2))


@given(KEYS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_steps_add_up(key: Key, a: int, b: int, memory: int, iterations: int) -> None:
    net, x, y = _problem(key)
    step = fn.lbfgs(fn.value_and_grad(fn.mse), memory, iterations=iterations)
    whole_run = go(step, net, x, y, a + b)
    half = pickle.loads(pickle.dumps(go(step, net, x, y, a)))
    assert tree.equal(fn.last(fn.take(b)(fn.steps(step, whole(x, y), half))), whole_run)
    assert whole_run.opt_state.step == (a + b) * iterations
    assert len(whole_run.opt_state.slots) == len(step.init(net).slots) == 2 * memory
    assert all(type(slot) is fn.Mlp for slot in whole_run.opt_state.slots)
    assert sum(any(leaf.any() for leaf in tree.leaves(slot)) for slot in whole_run.opt_state.slots) == 2 * min(
        memory, (a + b) * iterations
    )
    assert len(whole_run.history) == a + b


@given(composites(depth=2), st.integers(1, 3))
def test_it_is_pure(problem: Problem, iterations: int) -> None:
    step = fn.lbfgs(fn.value_and_grad(fn.mse), iterations=iterations)
    state = fn.start(problem.net, step, problem.key)
    batch = problem.x, np.zeros_like(problem.y)
    before = pickle.dumps((state, batch))
    first, value = step(state, batch, Key(1))
    second, again = step(state, batch, Key(1))
    assert tree.equal((first, value), (second, again))
    assert pickle.dumps((state, batch)) == before
    assert not any(leaf.flags.writeable for leaf in tree.leaves((first.params, first.opt_state)))
    assert value == fn.value_and_grad(fn.mse)(state.params, batch, Key(1))[0]


@given(KEYS)
def test_the_loss_falls_at_every_step(key: Key) -> None:
    net, x, y = _problem(key)
    state = go(fn.lbfgs(fn.value_and_grad(fn.mse), iterations=3), net, x, y, 8)
    losses = [float(record.loss) for record in state.history]
    assert all(b < a for a, b in pairwise(losses))


def test_the_memory_is_bounded_and_goes_with_the_state() -> None:
    net, x, y = _problem(Key(0))
    gradient = fn.value_and_grad(fn.mse)
    long, short = [go(fn.lbfgs(gradient, memory, iterations=7), net, x, y, 1) for memory in (5, 2)]
    assert len(long.opt_state.slots) == 10
    assert len(short.opt_state.slots) == 4
    less, _ = fn.lbfgs(gradient, 2, iterations=1)(long, (x, y), Key(0))
    assert tree.equal(less.opt_state.slots[0], long.opt_state.slots[-2])


def test_float32_stops_where_its_digits_end() -> None:
    net, x, y = _problem(Key(0), np.float32)
    watched = Watched(fn.value_and_grad(fn.mse), 1e-2)
    step = fn.lbfgs(watched, tolerance=0.0)
    state = go(step, net, x, y, 30)
    assert {leaf.dtype for leaf in tree.leaves((state.params, state.opt_state))} == {np.dtype(np.float32)}
    assert min(g for _, g in watched.seen) < 1e-5
    assert float(state.history[-1].loss) == pytest.approx(min(watched.seen)[0], rel=1e-5)
    assert len(watched.seen) < 30 * 60


def _steep(prediction: Array, target: Array) -> tuple[Value, Array]:
    """exp(4000 y) - 5 y, a slope that ends at a wall; its minimum is at log(5 / 4000) / 4000."""
    grown = np.exp(4000 * prediction)
    return np.asarray((grown - 5 * prediction).mean()), (4000 * grown - 5) / prediction.size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trials_that_overflow_are_taken_back(dtype: fn.Dtype) -> None:
    watched = Watched(fn.value_and_grad(_steep))
    net = fn.Linear(np.full((1, 1), -0.5, dtype), np.full(1, -0.5, dtype))
    x = np.ones((1, 1), dtype)
    state = go(fn.lbfgs(watched), net, x, x, 5)
    assert not all(np.isfinite(value) for value, _ in watched.seen)
    np.testing.assert_allclose(fn.predict(state.params, x), np.log(5 / 4000) / 4000, rtol=1e-4)


def test_constants_and_large_networks() -> None:
    gradient = fn.value_and_grad(fn.mse)
    x, y = normal(Key(0), (10, 2)), normal(Key(1), (10, 2))
    after = go(fn.lbfgs(gradient), Centred(np.ones(2), np.array([3.0, 4.0])), x, y, 2)
    assert after.params.mean.tolist() == [3, 4]
    best = (y * (x - [3, 4])).sum(axis=0) / ((x - [3, 4]) ** 2).sum(axis=0)
    np.testing.assert_allclose(after.params.scale, best, rtol=1e-7)
    large = fn.linear(Key(2), 2, LIMIT, dtype=np.float64)
    wide = normal(Key(3), (3, LIMIT))
    state = go(fn.lbfgs(gradient, 2, iterations=5), large, normal(Key(4), (3, 2)), wide, 2)
    assert float(state.history[1].loss) < float(state.history[0].loss)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(state.params))


def test_at_the_minimum_nothing_moves() -> None:
    x = np.eye(3)
    step = fn.lbfgs(fn.value_and_grad(fn.mse))
    state = fn.start(_linear(3, 1), step, Key(0))
    after, value = step(state, (x, np.zeros((3, 1))), Key(0))
    assert value == 0
    assert after.params is state.params
    assert after.opt_state.step == 0


# --- bad input -----------------------------------------------------------------------------------------------------
def test_a_loss_that_is_not_finite_is_refused_and_the_state_unharmed() -> None:
    net, x, y = _problem(Key(0))
    step = fn.lbfgs(fn.value_and_grad(fn.mse))
    state = go(step, net, x, y, 1)
    before = pickle.dumps(state)
    with pytest.raises(
        fn.NonFiniteError,
        match=r"lbfgs: the loss and the square of its gradient must be finite .* loss of nan in epoch 1",
    ):
        step(state, (x, y * np.nan), Key(0))
    assert pickle.dumps(state) == before


def test_a_gradient_whose_norm_is_not_finite_is_refused() -> None:
    net = fn.Linear(np.full((1, 1), 1e15, np.float32), np.zeros(1, np.float32))
    step = fn.lbfgs(fn.value_and_grad(fn.mae))
    with pytest.raises(
        fn.NonFiniteError, match="the square of its gradient must be finite where a step begins, got a loss"
    ):
        step(fn.start(net, step, Key(0)), (np.full((1, 1), 1e22, np.float32), np.zeros((1, 1))), Key(0))


def test_stacked_networks_are_refused() -> None:
    net = tree.map(lambda p: np.stack([p, p]), _linear(3, 1))
    step = fn.lbfgs(fn.value_and_grad(fn.mse))
    with pytest.raises(fn.ShapeError, match=r"lbfgs: params must be one network, .* got replica axes \(2,\)"):
        fn.start(net, step, Key(0))
    with pytest.raises(fn.ShapeError, match="lbfgs: params must be one network"):
        step(fn.start(net, fn.sgd(0.1), Key(0)), (np.ones((2, 3)), np.ones((2, 1))), Key(0))


def test_the_state_of_another_optimizer_is_refused() -> None:
    step = fn.lbfgs(fn.value_and_grad(fn.mse))
    state = fn.start(_linear(3, 1), fn.sgd(0.1, momentum=0.9), Key(0))
    with pytest.raises(fn.TreeError, match="lbfgs: state must be one that started with init, pairs in its slots"):
        step(state, (np.ones((2, 3)), np.ones((2, 1))), Key(0))


def test_gradients_unlike_the_parameters_are_refused() -> None:
    @dataclass(frozen=True)
    class Other:
        def part(self, params: Any, batch: Any, key: Key) -> Any: ...
        def __call__(self, params: Any, batch: Any, key: Key) -> Any:
            return np.ones(()), fn.Relu()

    step = fn.lbfgs(Other())
    with pytest.raises(fn.TreeError, match="lbfgs: the structures differ at the root: Linear against Relu"):
        step(fn.start(_linear(3, 1), step, Key(0)), (np.ones((2, 3)), np.ones((2, 1))), Key(0))
