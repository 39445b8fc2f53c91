"""Law 6: what type checkers accept and reject. Neither can be skipped, and every rejected line is marked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parents[1] / "typing"
ACCEPTED = sorted((HERE / "accept").glob("*.py"))
REJECTED = sorted((HERE / "reject").glob("*.py"))
MARK = re.compile(r"# E: ([a-z-]+)")
ERROR = re.compile(r"^[^:]+:(\d+): error: .*\[([a-z-]+)\]$")


def errors_of(path: Path) -> list[tuple[int, str]]:
    """The lines and codes of mypy's errors under --strict."""
    config = ["--strict", "--config-file", str(ROOT / "mypy.ini"), "--no-pretty", "--hide-error-context"]
    shown, problem, _ = api.run([*config, str(path)])
    assert not problem, problem
    found = [ERROR.match(line) for line in shown.splitlines() if ": error: " in line]
    assert all(found), shown
    return [(int(match[1]), match[2]) for match in found if match]


def marked(path: Path) -> list[tuple[int, str]]:
    """The lines and codes that a file says mypy must report."""
    lines = enumerate(path.read_text().splitlines(), start=1)
    return [(number, code) for number, line in lines for code in MARK.findall(line)]


def test_there_are_files() -> None:
    assert ACCEPTED
    assert REJECTED


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_accepted(path: Path) -> None:
    assert errors_of(path) == []


@pytest.mark.parametrize("path", REJECTED, ids=lambda path: path.stem)
def test_rejected(path: Path) -> None:
    assert marked(path)
    assert errors_of(path) == marked(path)
