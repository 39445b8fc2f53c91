"""The own elementary functions: digits, limits, and one set of bits under all of NumPy's loops."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp

from fnnet import Array, Key
from fnnet.keys import uniform
from fnnet.numerics import elementary
from tests.support.machine import environment, features_to_disable

N = 50_000
Function = Callable[[Array], Array]


def between(low: float, high: float) -> Array:
    """Numbers spread evenly."""
    return low + (high - low) * uniform(Key(0), (N,))


def spread(low: float, high: float) -> Array:
    """Positive numbers of all sizes, half of them with a minus in front."""
    sizes = np.exp2(between(math.log2(low), math.log2(high)))
    return np.where(np.arange(N) % 2 == 0, sizes, -sizes)


RANGES: dict[str, tuple[Function, Callable[[float], float], list[Array]]] = {
    "exp": (elementary.exp, math.exp, [between(-745, 709.7), between(-2, 2)]),
    "expm1": (elementary.expm1, math.expm1, [between(-60, 709.7), between(-1, 1), spread(1e-300, 1)]),
    "log": (elementary.log, math.log, [np.abs(spread(5e-324, 1e308)), between(0.5, 2)]),
    "log1p": (elementary.log1p, math.log1p, [np.abs(spread(1e-300, 1e300)), between(-1 + 1e-9, 1)]),
    "tanh": (elementary.tanh, math.tanh, [between(-25, 25), spread(1e-300, 1)]),
}
"""The function, the C library's, which errs by up to 1 unit in the last place itself, and where."""


@pytest.mark.parametrize("name", RANGES)
def test_digits(name: str) -> None:
    f, reference, ranges = RANGES[name]
    for x in ranges:
        expected = np.array([reference(value) for value in x.tolist()])
        error = np.abs(f(x) - expected) / np.spacing(np.abs(expected))
        assert error.max() <= 2, x[np.argmax(error)]
        assert np.mean(error <= 1) > 0.95


def errors(name: str, x: Array) -> Array:
    """How far results are from 50 digits, in units in the last place: 2^-1074 for subnormal ones."""
    found = []
    with mp.workdps(50):
        for value, result in zip(x.tolist(), RANGES[name][0](x).tolist(), strict=True):
            exact = getattr(mp, name)(mp.mpf(value))
            place = max(mp.frexp(abs(exact))[1] - 53, -1074)
            found.append(float(abs(mp.mpf(result) - exact) * mp.mpf(2) ** -place))
    return np.array(found)


def neighbours(x: Array) -> Array:
    """The numbers beside some, where a reduction takes another turn."""
    return np.concatenate([x * (1 + i * 2.0**-52) for i in range(-3, 4)])


HALF_LOG2, ROOTS = np.log(2) / 2 * np.arange(-29, 60), np.sqrt(2) * 2.0 ** np.arange(-20, 20)
HARD: dict[str, list[Array]] = {
    "exp": [neighbours(HALF_LOG2), between(-745, -700), np.array([-21.140989007078307, 80.07202714550806])],
    "expm1": [neighbours(HALF_LOG2), between(-45, -30), np.array([0.35707358866926464, 0.37094649662162915])],
    "log": [neighbours(ROOTS), 1 + spread(1e-16, 0.4), np.array([0.6991461201294247])],
    "log1p": [neighbours(ROOTS) - 1, neighbours(ROOTS - 1), -np.abs(spread(1e-16, 0.9999)), spread(1e-18, 0.5)],
    "tanh": [neighbours(HALF_LOG2 / 2), between(-2, 2), np.array([-0.22374329643918545, -0.5215889005611754])],
}
"""Where a function changes its way, where digits cancel, where results are subnormal, and the worst that was found."""


@pytest.mark.parametrize("name", RANGES)
def test_errors_are_below_one_unit_in_the_last_place(name: str) -> None:
    for x in (*RANGES[name][2], *HARD[name]):
        found = errors(name, x[:: max(1, len(x) // 2500)])
        assert found.max() < 1, x[np.argmax(found)]


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
    places = slice(0, None, 10)
    exact = np.array([[float(mp.cospi(2 * mp.mpf(v))), float(mp.sinpi(2 * mp.mpf(v)))] for v in u[places].tolist()])
    np.testing.assert_allclose(np.stack([cosine, sine], -1)[places], exact, rtol=0, atol=2e-16)
    assert np.stack(elementary.cos_sin(np.arange(4) / 4)).tolist() == [[1, 0, -1, 0], [0, 1, 0, -1]]


PROGRAM = """
import numpy as np
from fnnet import Key, tree
from fnnet.numerics import elementary
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
    assert set(hashes.values()) == {"8be6e03bbab8feb11263807e1bab388a3d8eb5060e61a2af254b85bcb08d4cef"}
