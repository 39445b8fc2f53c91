"""The notebook of the examples runs from its first cell to its last, and is kept without what it gave."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOUR = Path(__file__).parents[2] / "examples" / "tour.ipynb"

RUN = """
import json, sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300).execute()
json.dump([cell.get("outputs", []) for cell in notebook.cells], sys.stdout)
"""


def test_the_tour_is_kept_without_outputs() -> None:
    cells = json.loads(TOUR.read_text())["cells"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if "outputs" in cell)


@pytest.mark.slow
def test_the_tour_runs() -> None:
    for name in ("nbclient", "ipykernel", "matplotlib", "sklearn", "safetensors"):
        pytest.importorskip(name)
    run = subprocess.run([sys.executable, "-c", RUN, str(TOUR)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    outputs = json.loads(run.stdout)
    text = json.dumps(outputs)
    for words in ("the same bytes: True", "the same predictions: True", "the losses that fit saw: True"):
        assert words in text
    verdicts = [words for cell in outputs for words in map(json.dumps, cell) if "Verification(" in words]
    assert ["yes: epochs 1 to 10" in words for words in verdicts] == [True, False]
    assert "image/png" in text
