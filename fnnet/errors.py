"""The errors of fnnet. Each says where, the rule, what came, and what to do; each is also the built-in kind it is."""

from __future__ import annotations


class FnnetError(Exception):
    """What every error class of fnnet derives from. Settings outside their range are plain ``ValueError``."""


class ShapeError(FnnetError, ValueError):
    """An array does not have the shape that the rule asks for. Nothing is ever broadcast to make it fit."""


class DtypeError(FnnetError, TypeError):
    """A value is not an array, or not one of numbers that can be cast without loss of meaning."""


class TreeError(FnnetError, TypeError):
    """Two trees differ in structure, or a tree holds what no tree can hold; the message names the path."""


class LayerError(FnnetError, TypeError):
    """A class was not defined as a layer, or cannot be used the way it is."""


class GradientError(FnnetError, AssertionError):
    """An analytic gradient disagrees with its numeric counterpart."""


class MetricError(FnnetError, KeyError):
    """A record or a history has no metric of this name; the message lists those that it has."""

    __str__ = Exception.__str__  # a KeyError shows its message in quotes


class NonFiniteError(FnnetError, FloatingPointError):
    """A number of training became NaN or infinite.

    ``tensor`` says which: "x", "target", "output", "loss", "gradients", "params" or "opt_state"; ``path`` where in it,
    such as "layers.0.w"; ``step`` how many steps were done; ``loss`` is the last finite loss: the step's own, else the
    mean of the epoch so far, else the last epoch's, else None; ``state`` is the TrainState before the step, or None
    where its parameters were not finite even then; ``learning_rate`` is that of the step, or None where the optimizer
    has none.
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
    """A file is not a whole checkpoint, or not the one asked for; or it could not be written."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A file is missing. It is a FileNotFoundError too."""


class ReceiptError(FnnetError, ValueError):
    """A file is not a whole receipt, or was changed after it was written; or a receipt belongs to another run."""
