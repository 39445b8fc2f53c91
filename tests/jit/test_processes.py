"""Compiled code in other processes: kept on the disk, where there is no place for it, and after a fork."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fnnet.jit import threads
from fnnet.jit.sources import digest_of

FOLDER = Path(threads.__file__).parent

RUN = """
import numpy as np, fnnet as fn
from fnnet import jit
x, y = fn.keys.normal(fn.Key(0), (300, 20)).astype(np.float32), fn.keys.permutation(fn.Key(1), 300) % 4
net = fn.mlp(fn.Key(2), (20, 64, 4), activation=fn.serial(fn.Gelu(), fn.Dropout(0.2)))
done = jit.fit(
    net, x, y, loss=fn.softmax_cross_entropy, optimizer=fn.adam(0.01), key=fn.Key(3), epochs=3, batch_size=64
)
print(fn.tree.digest(done.state))
"""


def test_processes_of_their_own_give_the_same_bytes() -> None:
    command = [sys.executable, "-c", RUN]
    shown = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert shown[0] == shown[1]
    assert len(shown[0].strip()) == 64


# --- kept on the disk --------------------------------------------------------------------------------------------
def test_what_is_kept_on_disk_has_the_digest_of_its_text_for_a_name(tmp_path: Path) -> None:
    """So that what Numba keeps for a file is never out of date; and whoever writes into one changes nothing."""
    command, places = [sys.executable, "-c", RUN], os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    shown = [subprocess.run(command, env=places, capture_output=True, text=True, check=True).stdout]
    files = {path: path.read_text() for path in tmp_path.joinpath("fnnet").glob("*.py")}
    assert {path.stem for path in files} == {f"fnnet_{digest_of(text)}" for text in files.values()}
    epoch = next(path for path, text in files.items() if "def epoch(" in text)
    epoch.write_text("raise SystemError\n")
    shown.append(subprocess.run(command, env=places, capture_output=True, text=True, check=True).stdout)
    assert shown[0] == shown[1]
    assert {path: path.read_text() for path in tmp_path.joinpath("fnnet").glob("*.py")} == files


def test_without_a_place_on_disk_everything_is_compiled_anew_and_a_warning_says_what_helps(tmp_path: Path) -> None:
    package, nowhere = tmp_path / "fnnet", tmp_path / "a file"
    shutil.copytree(FOLDER.parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    nowhere.write_text("")  # where a file stands no folder can be made, by root neither
    unset = ("NUMBA_CACHE_DIR", "LOCALAPPDATA", "PYTHONPYCACHEPREFIX")
    usual = {name: value for name, value in os.environ.items() if name not in unset}
    places = {name: str(nowhere) for name in ("HOME", "XDG_CACHE_HOME")} | {"PYTHONPATH": str(tmp_path)}
    code = (
        "import numpy as np, fnnet as fn; from fnnet import jit; net = fn.linear(fn.Key(0), 3, 2)\n"
        "print(fn.__file__, fn.tree.equal(jit.sgd_update(net, net, 0.1), fn.sgd_update(net, net, 0.1)))"
    )
    command = [sys.executable, "-B", "-c", code]
    run = subprocess.run(command, env=usual | places, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(package / "__init__.py"), "True"]
    assert run.stderr.count("set NUMBA_CACHE_DIR to a folder that can be written to") == 1


# --- forked ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_updates_are_shared_out_to_threads_in_a_process_and_in_those_that_it_starts(method: str) -> None:
    command, root = [sys.executable, "-m", "tests.support.forking", method], Path(__file__).parents[2]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
