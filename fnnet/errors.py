"""The errors of fnnet. Each says where, the rule, what came, and what to do; each is also the built-in kind it is."""

from __future__ import annotations


class FnnetError(Exception):
    """What every error class of fnnet derives from. Settings outside their range are plain ``ValueError``."""


class ShapeError(FnnetError, ValueError):
    """An array has not the shape that the rule asks for. Nothing is ever broadcast to make it fit."""


class DtypeError(FnnetError, TypeError):
    """A value is not an array, or not one of numbers that can be cast without loss of meaning."""


class TreeError(FnnetError, TypeError):
    """Two trees differ in structure, or a tree holds what no tree can hold; the message names the path."""


class LayerError(FnnetError, TypeError):
    """A class was not defined as a layer, or cannot be used the way it is."""


class GradientError(FnnetError, AssertionError):
    """An analytic gradient disagrees with its numeric counterpart."""


class CheckpointError(FnnetError, ValueError):
    """A file is no whole checkpoint, or not the one that was asked for; or it could not be written."""
