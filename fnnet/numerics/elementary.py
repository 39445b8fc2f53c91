"""Elementary functions of float64 arrays whose bits are the same everywhere.

NumPy's own exp and log run a different loop on each generation of CPUs, and the loops differ in the last bit. These
functions are made of + - * /, comparisons, rounding to whole numbers and operations on the bits themselves: each has
one correct result (IEEE 754), which all of NumPy's loops give. The reductions and polynomials are fdlibm's
(K. C. Ng et al., Freely Distributable LIBM, Sun Microsystems, 1993, files e_exp.c, s_expm1.c, e_log.c, s_log1p.c,
k_sin.c, k_cos.c). Errors are below one unit in the last place, those of cos and sin below 2e-16; a test measures each
against 50 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np
from numpy.typing import NDArray

from fnnet.types import Array

Exponents = NDArray[np.int64]

BLOCK = 1 << 13
"""How many numbers to compute at a time, so that intermediate results stay in the cache."""

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""log 2 = high + low; k times the high part is exact for every exponent k."""
_INVERSE_LN2 = 1.44269504088896338700

_P = (4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05,
      -2.77777777770155933842e-03, 1.66666666666666019037e-01)  # fmt: skip
_Q = (-2.01099218183624371326e-07, 4.00821782732936239552e-06, -7.93650757867487942473e-05,
      1.58730158725481460165e-03, -3.33333333333331316428e-02)  # fmt: skip
_LG = (1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
       2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01)  # fmt: skip
_S = (1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
      -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01)  # fmt: skip
_C = (-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
      2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02)  # fmt: skip
"""Coefficients, the highest power first."""

_ONE = 0x3FF0000000000000
_ROOT_HALF = 0x3FE6A09E00000000
_FRACTION = 0x000FFFFFFFFFFFFF
_UPPER_HALF = -1 << 27
"""The bits of 1, of √½ (its upper half), of the whole fraction, and of all but the fraction's lower half."""


def polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Horner's scheme, highest power first."""
    out: Array = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        out *= x
        out += c
    return out


def _in_blocks(f: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """f for float64 arrays of any shape: block by block, without NumPy's warnings, into a fresh array."""

    @wraps(f)
    def whole(x: Array) -> Array:
        out = np.empty(x.shape)
        given, made = np.ascontiguousarray(x, np.float64).reshape(-1), out.reshape(-1)
        with np.errstate(all="ignore"):
            for start in range(0, given.size, BLOCK):
                made[start : start + BLOCK] = f(given[start : start + BLOCK])
        return out

    return whole


# --- exponentials --------------------------------------------------------------------------------------------------
@_in_blocks
def exp(x: Array) -> Array:
    """eˣ = 2ᵏ eʳ with k = round(x / log 2), and eʳ = 1 + 2r / (R(r²) - r) by a rational function."""
    k, high, low = _reduced(np.maximum(np.minimum(x, 710.0), -746.0))
    r = high - low
    square = r * r
    c = r - square * polynomial(_P, square)
    return _scaled(1 - ((low - r * c / (2 - c)) - high), k)


@_in_blocks
def expm1(x: Array) -> Array:
    """eˣ - 1, accurate near 0."""
    high, low, k = _expm1_parts(x)
    return np.where(x == 0, x, _scaled(high + low, k))


@_in_blocks
def tanh(x: Array) -> Array:
    """t / (t + 2) with t = e^2|x| - 1, and the sign of x. t, t + 2 and the quotient are each kept as a number plus what
    its rounding lost, since three more roundings would cost two units in the last place."""
    high, low, k = _expm1_parts(2 * np.minimum(np.abs(x), 22.0))
    t, t_lost = _scaled_sum(high, low, k)
    below = t + 2
    below_lost = (np.maximum(t, 2) - below) + np.minimum(t, 2) + t_lost
    y = t / below
    lost = _remainder(t, y, below) + (t_lost - y * below_lost)
    return np.copysign(y + lost / below, x)


def _expm1_parts(x: Array) -> tuple[Array, Array, Exponents]:
    """A large and a small number and k with 2ᵏ (large + small) = eˣ - 1 = 2ᵏ ((1 - 2⁻ᵏ) + (eʳ - 1)), where eʳ - 1 is
    r + r²/2 + ... by a rational function. The small number holds what 1 - 2⁻ᵏ and the sum with r lose by rounding."""
    k, high, low = _reduced(np.maximum(np.minimum(x, 710.0), -40.0))
    r = high - low
    lost = (high - r) - low
    half_square = r * (0.5 * r)
    r1 = 1 + half_square * polynomial(_Q, half_square)
    t = 3 - r1 * (0.5 * r)
    e = half_square * ((r1 - t) / (6 - r * t))
    beyond = (r * (e - lost) - lost) - half_square
    power = _power_of_two(-np.minimum(k, 60))
    whole = 1 - power
    large = whole + r
    return large, ((1 - whole) - power) + ((whole - large) + r) - beyond, k


def _reduced(x: Array) -> tuple[Exponents, Array, Array]:
    """k = round(x / log 2), and the remainder x - k log 2 as the difference of a high and a low part."""
    k = np.rint(x * _INVERSE_LN2)
    return k.astype(np.int64), x - k * LN2_HIGH, k * LN2_LOW


def _power_of_two(k: Exponents) -> Array:
    """2ᵏ for k in [-1022, 1023], written as bits; meaningless for other k."""
    power: Array = ((k + 1023) << 52).view(np.float64)
    return power


def _scaled(y: Array, k: Exponents) -> Array:
    """2ᵏ y, in two steps: the second rounds if the result is subnormal, otherwise neither does."""
    half = k >> 1
    return y * _power_of_two(half) * _power_of_two(k - half)


def _scaled_sum(large: Array, small: Array, k: Exponents) -> tuple[Array, Array]:
    """2ᵏ (large + small), rounded, and what rounding lost."""
    whole = large + small
    return _scaled(whole, k), _scaled((large - whole) + small, k)


def _remainder(whole: Array, quotient: Array, divisor: Array) -> Array:
    """whole - quotient · divisor, exact but for the last term: halves have 26 and 27 bits, their products 53 or 54."""
    q, d = _upper_half(quotient), _upper_half(divisor)
    q_rest, d_rest = quotient - q, divisor - d
    return (((whole - q * d) - q * d_rest) - q_rest * d) - q_rest * d_rest


def _upper_half(x: Array) -> Array:
    """The number made of the first 26 bits of a number."""
    half: Array = (x.view(np.int64) & _UPPER_HALF).view(np.float64)
    return half


# --- logarithms ----------------------------------------------------------------------------------------------------
@_in_blocks
def log(x: Array) -> Array:
    """log x = k log 2 + log(1 + f) with x = 2ᵏ (1 + f) and 1 + f in [√½, √2)."""
    k, f = _split(x)
    half_square, tail = _log_of_one_and(f)
    y = k * LN2_HIGH - ((half_square - (tail + k * LN2_LOW)) - f)
    return _with_limits(y, x, x)


@_in_blocks
def log1p(x: Array) -> Array:
    """log(1 + x), accurate near 0: the logarithm of u = 1 + x, plus what the rounding of u lost, divided by u."""
    u = 1 + x
    k, f = _split(u)
    f = np.where(k == 0, x, f)
    lost = np.where(k == 0, 0.0, np.where(k > 1, 1 - (u - x), x - (u - 1)) / u)
    half_square, tail = _log_of_one_and(f)
    y = k * LN2_HIGH - ((half_square - (tail + (k * LN2_LOW + lost))) - f)
    return _with_limits(np.where(np.abs(x) < 2.0**-54, x, y), u, x)


def _split(x: Array) -> tuple[Array, Array]:
    """k and f with x = 2ᵏ (1 + f) for x > 0, the exponent as a float64 number."""
    is_small = x < 2.0**-1022
    bits = np.where(is_small, x * 2.0**54, x).view(np.int64) + (_ONE - _ROOT_HALF)
    k = (bits >> 52) - 1023 - 54 * is_small
    f = ((bits & _FRACTION) + _ROOT_HALF).view(np.float64) - 1
    return k.astype(np.float64), f


def _log_of_one_and(f: Array) -> tuple[Array, Array]:
    """f²/2 and s (f²/2 + R(s²)) with s = f / (2 + f): log(1 + f) is f, less the first, plus the second."""
    s = f / (2 + f)
    square = s * s
    half_square = 0.5 * f * f
    return half_square, s * (half_square + square * polynomial(_LG, square))


def _with_limits(y: Array, u: Array, x: Array) -> Array:
    """y, corrected where u is not a positive number: -inf for 0, inf for inf, nan for what is negative."""
    if not u.size or (u.min() > 0 and u.max() < np.inf):
        return y
    return np.where(u > 0, np.where(u == np.inf, x, y), np.where(u == 0, -np.inf, np.nan))


# --- circles -------------------------------------------------------------------------------------------------------
def cos_sin(turns: Array) -> tuple[Array, Array]:
    """cos 2πu and sin 2πu for u in [0, 1) turns: those of the offset from the nearest quarter, rotated by quarters."""
    quarter = np.rint(4 * turns)
    angle = (turns - quarter / 4) * (2 * np.pi)
    square = angle * angle
    c = 1 - (0.5 * square - square * square * polynomial(_C, square))
    s = angle + angle * square * polynomial(_S, square)
    is_odd, is_left, is_below = quarter % 2 == 1, (quarter == 1) | (quarter == 2), (quarter == 2) | (quarter == 3)
    cosine, sine = np.where(is_odd, s, c), np.where(is_odd, c, s)
    return np.where(is_left, -cosine, cosine), np.where(is_below, -sine, sine)
