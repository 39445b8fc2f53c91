"""A layer and a loss of one's own: typed, checked against numeric derivatives, composed, trained.

The layer is y = x ∘ a + c, a scale and a shift for each feature. The loss is the log-cosh, smooth near 0 and linear far
from it. Neither needs to know about optimizers, dropout or how it is trained. They compute with ``fn.numerics``, so
that ``fn.portable`` works for them too, and check their arguments with ``fn.checks``.

    python examples/custom_layer.py
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

import fnnet as fn
from fnnet import Array, checks, numerics


# --- a layer: a frozen dataclass, a forward, a backward -------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class Scale(fn.Params):
    """y_nj = x_nj a_j + c_j. Shapes: a and c (..., features), x and y (..., batch, features)."""

    a: Array
    c: Array


def scale_forward(p: Scale, x: Array) -> tuple[Array, Array]:
    """y, and what backward needs: x. Axes before batch and features are those of stacked networks."""
    checks.features("scale", x, {"a": p.a, "c": p.c})
    return x * p.a[..., None, :] + p.c[..., None, :], x


def scale_backward(p: Scale, x: Array, dy: Array) -> tuple[Scale, Array]:
    """da_j = Σ_n dy_nj x_nj, dc_j = Σ_n dy_nj, dx = dy ∘ a: the gradients are a Scale again."""
    dx = numerics.sum_to(dy * p.a[..., None, :], x.shape)  # if K stacked networks share one x, the sum over them
    return Scale(numerics.batch_sum(dy * x), numerics.batch_sum(dy)), dx


fn.define_layer(Scale, forward=scale_forward, backward=scale_backward, replicas=lambda p: p.a.shape[:-1])


def scale(features: int) -> Scale:
    """The layer before training: it changes nothing yet."""
    return Scale(np.ones(features, np.float32), np.zeros(features, np.float32))


# --- a loss: its rows ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LogCosh(fn.RowLoss[Array]):
    """The mean over rows of Σ_j log cosh(d_j), d = prediction - target; the gradient of an entry is tanh(d)."""

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """One value per row, and the gradient of their sum."""
        d = prediction - checks.target("log_cosh", prediction, target)  # equal shapes, nothing broadcast
        values: Array = (np.abs(d) + numerics.log1p(numerics.exp(-2 * np.abs(d))) - math.log(2)).sum(axis=-1)
        return values, numerics.tanh(d)


log_cosh = LogCosh()


def main() -> None:
    """Checks the derivatives, then learns a curve from noisy points."""
    key = fn.Key(0)
    net = fn.serial(scale(1), fn.linear(key.child(0), 1, 32), fn.Tanh(), scale(32), fn.linear(key.child(1), 32, 1))

    x = fn.keys.uniform(key.child(2), (200, 1)) * 6 - 3
    y = np.sin(x) + 0.05 * fn.keys.normal(key.child(3), (200, 1))

    alone = fn.testing.check_gradients(scale(3), fn.keys.normal(key.child(4), (5, 3)))
    whole = fn.testing.check_gradients(net, x[:5], loss=log_cosh, target=y[:5])
    print(f"Scale alone:      {alone.coordinates:3d} derivatives checked, largest error {alone.error:.0e}")
    print(f"network and loss: {whole.coordinates:3d} derivatives checked, largest error {whole.error:.0e}")

    fitted = fn.fit(net, x, y, loss=log_cosh, optimizer=fn.adam(0.01), key=key, epochs=300)
    losses = fitted.history["loss"]
    print(f"log-cosh loss:    {losses[0]:.4f} after one epoch, {losses[-1]:.4f} after {len(losses)}")

    learned: Array = fitted.params.layers[3].a  # the type of each layer is known
    grid = np.linspace(-3, 3, 61)[:, None]
    worst = float(np.abs(fitted.predict(grid) - np.sin(grid)).max())
    print(f"the scales learned lie in [{learned.min():.2f}, {learned.max():.2f}]")
    print(f"largest distance from the sine without noise: {worst:.3f}")


if __name__ == "__main__":
    main()
