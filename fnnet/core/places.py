"""The paths of layers in a network, and of errors."""

from __future__ import annotations

from fnnet.errors import FnnetError
from fnnet.tree.nodes import Params, child_path, named_children


def locate(error: FnnetError, layer: Params, root: Params) -> None:
    """Prefixes an error with the path in ``root`` of the layer that raised it: ``layers.2: linear: x must be ...``.

    Nested networks do so one after another; the path in the outermost one remains.
    """
    culprit, said = getattr(error, "raised_by", (layer, str(error)))
    error.raised_by = culprit, said  # type: ignore[attr-defined]
    path = path_to(root, culprit)
    if path:
        error.args = (f"{path}: {said}", *error.args[1:])


def path_of(root: Params, layer: Params) -> str:
    """The first path of a layer in a network; "" where it is the network itself, or was built by a chain."""
    return path_to(root, layer) or ""


def path_to(node: object, layer: object, path: str = "") -> str | None:
    """The first path of a layer in a node, after the node's own ``path``; None where it is not there."""
    if node is layer:
        return path
    if isinstance(node, Params) or type(node) is tuple:
        for name, child in named_children(node):
            found = path_to(child, layer, child_path(path, name))
            if found is not None:
                return found
    return None
