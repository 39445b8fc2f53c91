"""Where in a network a layer stands, and where an error came up."""

from __future__ import annotations

from fnnet.errors import FnnetError
from fnnet.tree.nodes import Params, child_path, named_children


def locate(error: FnnetError, layer: Params, root: Params) -> None:
    """Puts the path, in a network, of the layer that raised an error before it: ``layers.2: linear: x must be ...``.

    Networks in networks locate it one after another; the outermost one's path is the one that stays.
    """
    culprit, said = getattr(error, "raised_by", (layer, str(error)))
    error.raised_by = culprit, said  # type: ignore[attr-defined]
    path = path_to(root, culprit)
    if path:
        error.args = (f"{path}: {said}", *error.args[1:])


def path_of(root: Params, layer: Params) -> str:
    """The path of a layer in a network that holds it, the first one; "" where it is the network, or made by a chain."""
    return path_to(root, layer) or ""


def path_to(node: object, layer: object, path: str = "") -> str | None:
    if node is layer:
        return path
    if isinstance(node, Params) or type(node) is tuple:
        for name, child in named_children(node):
            found = path_to(child, layer, child_path(path, name))
            if found is not None:
                return found
    return None
