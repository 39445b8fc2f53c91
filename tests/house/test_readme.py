"""The README's code runs and prints what it shows; its tables name what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fnnet as fn
from fnnet import jit

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FENCES = re.findall(r"```(\w+)\n(.*?)```", README, re.S)


def test_code_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    shown = ""
    ran = 0
    for language, text in FENCES:
        if language == "python":
            exec(compile(text, "README.md", "exec"), namespace)
            shown, ran = capsys.readouterr().out, ran + 1
        elif language == "text":
            assert shown == text
    assert ran >= 2


def test_ci_runs_the_very_test_command() -> None:
    commands = [text.strip() for language, text in FENCES if language == "sh"]
    assert len(commands) == 2
    assert commands[0].endswith("examples/digits.py")
    assert commands[1].endswith("-m pytest")
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_the_table_names_every_public_function_and_class_of_its_kinds() -> None:
    table = README.split("## What is in it")[1].split("## Examples")[0]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", table)))) - {
        "fn",
        "fnnet",
        "loss",
        "examples",
        "py",
        "custom_layer",
    }
    public = set(vars(fn)) | {"jit"} | set(vars(jit)) | set(vars(fn.metrics)) | set(vars(fn.testing))
    assert named <= public
    kinds = ("fnnet.layers", "fnnet.losses", "fnnet.optimizers", "fnnet.optimizers", "fnnet.initializers")
    bases = {"RowLoss", "SumLoss", "EntryLoss", "Elementwise"}
    expected = {
        name for name, value in vars(fn).items() if (getattr(value, "__module__", None) or "").startswith(kinds)
    } - bases
    assert expected - {"linear", "serial"} <= named


def test_examples_and_commands_exist() -> None:
    for path in re.findall(r"\]\(([\w/.]+)\)", README):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m ([\w.]+)", README):
        path = ROOT / module.replace(".", "/")
        assert module == "pytest" or path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
