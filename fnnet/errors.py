"""The errors of fnnet. A message says where, the rule, what was given and what to do; each class also derives from the
built-in error of its kind."""

from __future__ import annotations


class FnnetError(Exception):
    """Base of all error classes of fnnet. Settings outside their range raise a plain ``ValueError``."""


class ShapeError(FnnetError, ValueError):
    """An array does not have the required shape. Nothing is ever broadcast to make it fit."""


class DtypeError(FnnetError, TypeError):
    """A value is not an array, or not one of numbers that can be cast without losing their meaning."""


class TreeError(FnnetError, TypeError):
    """Two trees differ in structure, or a tree holds something that no tree can hold; the message names the path."""


class LayerError(FnnetError, TypeError):
    """A class was not defined as a layer, or a layer is used in a way that it does not support."""


class GradientError(FnnetError, AssertionError):
    """An analytic gradient disagrees with its numeric counterpart."""


class MetricError(FnnetError, KeyError):
    """A record or a history has no metric of this name; the message lists the names that it has."""

    __str__ = Exception.__str__  # a KeyError shows its message in quotes


class NonFiniteError(FnnetError, FloatingPointError):
    """A number in training became NaN or infinite.

    ``message`` is the text of the error. ``tensor`` says which number: "x", "target", "output", "loss", "gradients",
    "params" or "opt_state"; ``path`` says where in it, such as "layers.0.w". ``step`` is the number of steps done.
    ``loss`` is the last finite loss: the step's own, else the mean of the epoch so far, else the last epoch's, else
    None. ``state`` is the TrainState before the step, or None where its parameters were already not finite.
    ``learning_rate`` is that of the step, or None where the optimizer has none.
    """

    def __init__(
        self,
        message: str,
        tensor: str = "",
        path: str = "",
        step: int = 0,
        loss: float | None = None,
        state: object = None,
        learning_rate: float | None = None,
    ) -> None:
        super().__init__(message)
        self.tensor, self.path, self.step, self.loss, self.state = tensor, path, step, loss, state
        self.learning_rate = learning_rate


class CheckpointError(FnnetError, ValueError):
    """A file is not a complete checkpoint, or not the one expected; or it could not be written."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A checkpoint file is missing."""


class ReceiptError(FnnetError, ValueError):
    """A file is not a complete receipt, or was changed after it was written; or a receipt belongs to another run."""
