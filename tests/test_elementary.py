"""The own elementary functions: digits, limits, and one set of bits under all of NumPy's loops."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from fnnet import Array, Key, elementary
from fnnet.keys import uniform
from tests.machine import environment, features_to_disable

N = 50_000
Function = Callable[[Array], Array]


def between(low: float, high: float) -> Array:
    """Numbers spread evenly."""
    return low + (high - low) * uniform(Key(0), (N,))


def spread(low: float, high: float) -> Array:
    """Positive numbers of all sizes, half of them with a minus in front."""
    sizes = np.exp2(between(math.log2(low), math.log2(high)))
    return np.where(np.arange(N) % 2 == 0, sizes, -sizes)


RANGES: dict[str, tuple[Function, Callable[[float], float], list[Array], float]] = {
    "exp": (elementary.exp, math.exp, [between(-745, 709.7), between(-2, 2)], 1.0),
    "expm1": (elementary.expm1, math.expm1, [between(-60, 709.7), between(-1, 1), spread(1e-300, 1)], 1.5),
    "log": (elementary.log, math.log, [np.abs(spread(5e-324, 1e308)), between(0.5, 2)], 1.0),
    "log1p": (elementary.log1p, math.log1p, [np.abs(spread(1e-300, 1e300)), between(-1 + 1e-9, 1)], 1.0),
    "tanh": (elementary.tanh, math.tanh, [between(-25, 25), spread(1e-300, 1)], 2.5),
}
"""The function, the C library's, which errs by up to 1 unit in the last place itself, where, and the error allowed."""


@pytest.mark.parametrize("name", RANGES)
def test_digits(name: str) -> None:
    f, reference, ranges, bound = RANGES[name]
    for x in ranges:
        expected = np.array([reference(value) for value in x.tolist()])
        error = np.abs(f(x) - expected) / np.spacing(np.abs(expected))
        assert error.max() <= bound + 1, x[np.argmax(error)]
        assert np.mean(error <= 1) > 0.95


def test_digits_are_lost_nowhere() -> None:
    """Against 64 bits of fraction, where the platform has them."""
    if np.finfo(np.longdouble).nmant < 63:
        pytest.skip("no extended precision on this machine")
    for name, (f, _, ranges, bound) in RANGES.items():
        for x in ranges:
            exact = getattr(np, name)(x.astype(np.longdouble))
            error = np.abs(f(x) - exact) / np.spacing(np.abs(exact.astype(np.float64)))
            assert error.max() <= bound, (name, x[np.argmax(error)])


LIMITS = {
    "exp": {math.inf: math.inf, -math.inf: 0.0, 0.0: 1.0, 709.79: math.inf, -745.2: 0.0, -745.1: 5e-324},
    "expm1": {math.inf: math.inf, -math.inf: -1.0, 0.0: 0.0, 709.79: math.inf, -50.0: -1.0, 5e-324: 5e-324},
    "log": {math.inf: math.inf, 0.0: -math.inf, -1.0: math.nan, -math.inf: math.nan, 1.0: 0.0},
    "log1p": {math.inf: math.inf, -1.0: -math.inf, -2.0: math.nan, 0.0: 0.0, 5e-324: 5e-324, -5e-324: -5e-324},
    "tanh": {math.inf: 1.0, -math.inf: -1.0, 0.0: 0.0, 1e308: 1.0, 5e-324: 5e-324},
}


@pytest.mark.parametrize("name", RANGES)
def test_limits(name: str) -> None:
    f = RANGES[name][0]
    limits = LIMITS[name] | {math.nan: math.nan}
    np.testing.assert_array_equal(f(np.array([*limits])), np.array([*limits.values()]))
    for x, wanted in limits.items():  # alone, where no other number of the block takes it along
        np.testing.assert_array_equal(f(np.array([x])), np.array([wanted]))


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh"])
def test_zero_keeps_its_sign(name: str) -> None:
    assert np.signbit(RANGES[name][0](np.array([0.0, -0.0]))).tolist() == [False, True]


LAYOUTS: list[Callable[[Array], Array]] = [
    lambda x: x,
    lambda x: x.mT,
    lambda x: x[:, ::3],
    lambda x: x[::-1],
    np.asfortranarray,
    lambda x: x[0, 0, 0],
    lambda x: x[:, :0],
]


@pytest.mark.parametrize("name", RANGES)
def test_shapes_and_layouts(name: str) -> None:
    f = RANGES[name][0]
    x = np.abs(spread(1e-3, 10))[:16_200].reshape(2, 90, 90)
    assert f(x).flags.c_contiguous
    alone = np.array([f(np.array([v]))[0] for v in x.reshape(-1)]).reshape(x.shape)
    for laid in LAYOUTS:
        place = f(np.asarray(laid(x)))
        assert place.shape == laid(x).shape
        assert np.array_equal(place, laid(alone))


def test_no_function_writes_into_its_input() -> None:
    x = np.abs(spread(1e-3, 10))
    x.setflags(write=False)
    for f, *_ in RANGES.values():
        assert np.array_equal(f(x), f(x))


@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "log", "log1p"])
def test_they_grow(name: str) -> None:
    x = np.sort(np.concatenate([np.abs(spread(1e-12, 700)), 1 + np.arange(2000) * 2.0**-52]))
    assert (np.diff(RANGES[name][0](x)) >= 0).all()


def test_circles() -> None:
    u = np.concatenate([uniform(Key(1), (N,)), np.arange(16) / 16, [1 - 2.0**-53]])
    cosine, sine = elementary.cos_sin(u)
    exact = [(math.cos(2 * math.pi * v), math.sin(2 * math.pi * v)) for v in u.tolist()]
    np.testing.assert_allclose(np.stack([cosine, sine], -1), np.array(exact), rtol=0, atol=1e-15)
    assert np.stack(elementary.cos_sin(np.arange(4) / 4)).tolist() == [[1, 0, -1, 0], [0, 1, 0, -1]]


PROGRAM = """
import numpy as np
from fnnet import Key, elementary, tree
from fnnet.keys import normal, uniform
x = normal(Key(0), (30_000,)) * 10
parts = [elementary.exp(x), elementary.expm1(x), elementary.tanh(x), elementary.log(abs(x)), elementary.log1p(abs(x))]
print(tree.digest((*parts, *elementary.cos_sin(uniform(Key(1), (30_000,))), normal(Key(2), (1001,)))))
"""


def test_the_bits_are_those_of_every_loop() -> None:
    """With NumPy's loops for this CPU, without those for AVX-512, and without any beyond the baseline."""
    hashes = {}
    for label, disabled in features_to_disable().items():
        env = environment(NPY_DISABLE_CPU_FEATURES=disabled)
        shown = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
        hashes[label] = shown.stdout.strip()
    assert len(hashes) >= 2
    assert set(hashes.values()) == {"690dfc6240a425457a7e5fa223a41529584637e292fe4cd2dd6e3100d9b224a9"}
