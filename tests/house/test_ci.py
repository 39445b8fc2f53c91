"""Nothing is dropped: every test is run by .ci/run, every law with as many examples as the README says."""

from __future__ import annotations

import re
import shlex
import tomllib
from itertools import pairwise, product
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).parents[2]
CI = (ROOT / ".ci" / "run").read_text().replace("\\\n", " ")
DEFAULT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
RUNS = [shlex.split(line.partition("-m pytest")[2]) for line in CI.splitlines() if "-m pytest" in line]
WHOLE = [run for run in RUNS if not any(word.startswith("tests/") for word in run)]
"""Those that are given no files."""


def takes(options: list[str], marks: dict[str, bool]) -> bool:
    """Whether a run takes a test with such marks: the expression after the last -m is one of Python's."""
    words = [*DEFAULT, *options]
    expressions = [b for a, b in pairwise(words) if a == "-m"]
    return bool(eval(expressions[-1] or "True", dict(marks)))


def has_a_hundred_examples(options: list[str]) -> bool:
    """Whether a run is one with the laws in full."""
    return "--hypothesis-profile=laws" in options


def test_every_test_is_run_and_every_law_in_full() -> None:
    """Hypothesis marks its tests by itself."""
    for slow, hypothesis in product((False, True), repeat=2):
        marks = {"slow": slow, "hypothesis": hypothesis}
        takers = [run for run in ([], *WHOLE) if takes(run, marks) and (has_a_hundred_examples(run) or not hypothesis)]
        assert takers, marks
    for run in RUNS:
        if run not in WHOLE:
            assert takes(run, {"slow": True, "hypothesis": False}), run
            assert takes(run, {"slow": False, "hypothesis": False}), run
            assert has_a_hundred_examples(run), run


def test_nothing_else_leaves_a_test_out() -> None:
    options = {word.partition("=")[0] for run in ([*DEFAULT], *RUNS) for word in run}
    assert not options & {"-k", "-x", "--deselect", "--ignore", "--ignore-glob", "--maxfail", "--exitfirst", "||"}


def test_laws_have_a_hundred_examples_and_some_by_default() -> None:
    laws, some = settings.get_profile("laws"), settings.get_profile("some")
    assert laws.max_examples == 100
    assert 0 < some.max_examples < 100
    assert laws.derandomize
    assert some.derandomize
    assert "with at least 100 random cases" in " ".join((ROOT / "README.md").read_text().split())


def test_the_profile_decides_how_many_examples_a_law_has() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert not re.search(r"^@settings\(", path.read_text(), re.M), (
            f"{path.name}: use tests.support.strategies.examples"
        )
