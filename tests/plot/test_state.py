"""Pictures leave no trace: no pyplot, no display, no global setting; nothing of a user's changes; files are whole."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fnnet as fn
from fnnet import Key, plot
from fnnet.keys import normal
from fnnet.plot.pictures import Picture

P, T = normal(Key(0), (40, 2)), normal(Key(1), (40, 2))
LABELS = (T[:, 0] > 0).astype(int)
NET = fn.mlp(Key(0), (2, 4, 2))
HISTORY = fn.History.of([fn.Record(np.asarray(1.0)), fn.Record(np.asarray(0.5))])

PICTURES: dict[str, Callable[[Axes | None], Axes]] = {
    "learning_curves": lambda ax: plot.learning_curves(HISTORY, ax=ax),
    "rate_curve": lambda ax: plot.rate_curve(fn.RateCurve(np.geomspace(0.1, 1, 9), np.arange(9.0), 0.5), ax=ax),
    "weight_histograms": lambda ax: plot.weight_histograms([NET, NET], ax=ax),
    "gradient_histograms": lambda ax: plot.gradient_histograms(
        [NET], fn.value_and_grad(fn.mse), (P, T), key=Key(0), ax=ax
    ),
    "decision_regions": lambda ax: plot.decision_regions(NET, P, LABELS, resolution=20, ax=ax),
    "confusion_matrix": lambda ax: plot.confusion_matrix(np.eye(2, dtype=int), ax=ax),
    "calibration": lambda ax: plot.calibration(P, LABELS, ax=ax),
    "residuals": lambda ax: plot.residuals(P, T, ax=ax),
    "intervals": lambda ax: plot.intervals(P[:, 0], P[:, 0] - 1, P[:, 0] + 1, T[:, 0], ax=ax),
}
"""Every picture, once."""


def test_here_is_every_picture() -> None:
    public = {name for name, value in vars(plot).items() if inspect.isfunction(value)} - {"find_spec"}
    assert public == {*PICTURES, "save"}
    assert all(inspect.getdoc(getattr(plot, name)) for name in public)


@pytest.mark.parametrize("name", PICTURES)
def test_no_setting_changes_and_each_call_has_a_figure_of_its_own(name: str) -> None:
    before = dict(matplotlib.rcParams)
    first, second = PICTURES[name](None), PICTURES[name](None)
    assert dict(matplotlib.rcParams) == before
    assert first.figure is not second.figure
    assert isinstance(first, Picture)


@pytest.mark.parametrize("name", PICTURES)
def test_it_draws_into_an_axes_of_yours_and_leaves_the_others_alone(name: str) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert PICTURES[name](right) is right
    assert not left.has_data()
    assert right.has_data()
    assert left.spines["top"].get_visible()
    assert figure.get_size_inches().tolist() == [6.4, 4.8]
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", PICTURES)
def test_the_arguments_are_only_read(name: str) -> None:
    given = (P, T, LABELS, NET, HISTORY)
    before = fn.tree.digest(given)
    PICTURES[name](None)
    assert fn.tree.digest(given) == before


@pytest.mark.parametrize("name", PICTURES)
def test_no_label_is_missing_or_cut_off(name: str) -> None:
    """Everything lies in the figure, so that a file has all of it."""
    ax = PICTURES[name](None)
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    inside, room = figure.get_tightbbox(), figure.get_size_inches()
    assert min(inside.x0, inside.y0, room[0] - inside.x1, room[1] - inside.y1) > -0.02
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name.endswith("histograms")  # whose rows have names


def test_nothing_needs_pyplot_or_a_display() -> None:
    code = (
        "import sys, numpy as np; from fnnet import plot; import fnnet as fn; "
        "ax = plot.learning_curves(fn.History.of([fn.Record(np.asarray(1.0))])); ax._repr_png_(); "
        "print('matplotlib.pyplot' in sys.modules, [m for m in sys.modules if 'tkinter' in m])"
    )
    environment = {"MPLBACKEND": "tkagg", "PYTHONPATH": str(Path(fn.__file__).parents[1])}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert shown.stdout == "False []\n"


def test_without_matplotlib_the_error_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; import fnnet; from fnnet import plot"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert shown.stderr.endswith("ImportError: fnnet.plot needs Matplotlib: pip install matplotlib\n")


def test_a_notebook_shows_the_figure() -> None:
    ax = PICTURES["residuals"](None)
    assert isinstance(ax, Picture)
    png, size = ax._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size == {"width": 480, "height": 330}
    assert int.from_bytes(png[16:20]) == 960  # twice as fine


@pytest.mark.parametrize("ending", ["pdf", "png", "svg"])
def test_files_are_whole_and_the_same_each_time(ending: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.{ending}" for i in range(2)]
    for path in paths:
        plot.save(PICTURES["learning_curves"](None), path)
    first, second = [path.read_bytes() for path in paths]
    assert first.startswith({"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml"}[ending])
    assert b"Date" not in first
    if ending != "svg":  # which has random names
        assert first == second
