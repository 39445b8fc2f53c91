"""What is published: the same bytes from the same files, all of fnnet and nothing else, and the tests beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEEL_LIMIT = 500_000
"""Bytes of the wheel. Two fifths of them are docstrings."""
BUILD = """
import sys
from flit_core import buildapi
print(buildapi.build_wheel(sys.argv[1]), buildapi.build_sdist(sys.argv[1]))
"""


def built(folder: Path, touched: int) -> tuple[Path, Path]:
    """The wheel and the sdist of a copy of the project whose files have another date."""
    copy, made = folder / "project", folder / "dist"
    caches = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
    for name in (*PROJECT["tool"]["flit"]["sdist"]["include"], "fnnet", "pyproject.toml", "README.md", "LICENSE"):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, copy / name, ignore=caches)
        else:
            shutil.copy(path, copy)
    for path in copy.rglob("*"):
        os.utime(path, (touched, touched))
    made.mkdir()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    command = [sys.executable, "-c", BUILD, str(made)]
    wheel, sdist = subprocess.run(
        command, cwd=copy, env=environment, check=True, capture_output=True, text=True
    ).stdout.split()
    return made / wheel, made / sdist


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return built(tmp_path_factory.mktemp("first"), 1_600_000_000)


def test_the_same_files_give_the_same_bytes(published: tuple[Path, Path], tmp_path: Path) -> None:
    again = built(tmp_path, 1_650_000_000)
    for one, other in zip(published, again, strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes()


def test_the_wheel_has_all_of_fnnet_and_nothing_else(published: tuple[Path, Path]) -> None:
    wheel, _ = published
    names = [name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name]
    ours = [path.relative_to(ROOT).as_posix() for path in (ROOT / "fnnet").rglob("*") if path.is_file()]
    assert sorted(names) == sorted(name for name in ours if "__pycache__" not in name)
    assert "fnnet/py.typed" in names
    assert wheel.stat().st_size <= WHEEL_LIMIT


def test_the_sdist_has_the_tests_and_what_they_read(published: tuple[Path, Path]) -> None:
    with tarfile.open(published[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*") if path.is_file()}
    assert {name for name in ours if "/." not in name and "__pycache__" not in name} <= names
    assert {"README.md", "CHANGELOG.md", "LICENSE", "mypy.ini", ".ci/run", ".github/CONTRIBUTING.md"} <= names


def test_every_python_that_is_named_is_one_that_is_allowed() -> None:
    allowed = PROJECT["project"]["requires-python"]
    named = [c.split(" :: ")[-1] for c in PROJECT["project"]["classifiers"] if "Python :: 3." in c]
    assert allowed == f">={named[0]}"
    assert PROJECT["tool"]["pyright"]["pythonVersion"] == named[0]
