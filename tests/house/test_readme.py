"""The README is short, and its commands are the ones that CI runs. That its code runs is a test of all pages."""

from __future__ import annotations

import subprocess

from tests.support.pages import ROOT, fences

README = ROOT / "README.md"


def test_it_is_read_in_ten_minutes() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_ci_runs_the_very_test_command() -> None:
    commands = [text for language, text in fences(README) if language == "sh"]
    assert commands[-2].endswith("examples/digits.py\n")
    grep = next(line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("command=$(grep"))
    script = grep.removeprefix("command=$(").removesuffix(")")
    shown = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == commands[-1]
