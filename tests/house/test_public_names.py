"""What ``help(fnnet)`` lists is what there is: every public name once, in one group."""

from __future__ import annotations

import pydoc
from types import ModuleType

import pytest

import fnnet as fn
from fnnet import jit, metrics, plot
from tests.support.public_names import groups

MODULES = {"fn": fn, "fn.metrics": metrics, "fnnet.jit": jit, "fnnet.plot": plot}


def public(module: ModuleType) -> set[str]:
    """The names of fnnet itself, and of another module what is fnnet's there."""
    if module is fn:
        return set(dir(fn)) - {"__version__"}
    homes = {name: getattr(value, "__module__", None) or "" for name, value in vars(module).items()}
    return {name for name, home in homes.items() if home.startswith("fnnet.") and not name.startswith("_")}


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_is_in_one_group_once(module: str) -> None:
    listed = [name for group in groups() if group.module == module for name in group.names]
    assert sorted(listed) == sorted(public(MODULES[module]))


def test_help_begins_with_the_groups() -> None:
    shown = pydoc.plain(pydoc.render_doc(fn))
    for group in groups():
        assert shown.index(group.title) < shown.index("PACKAGE CONTENTS")
    assert len(shown.splitlines()) < 200
