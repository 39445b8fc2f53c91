"""Fingerprints: what has to be equal everywhere is what stands here; what differs between machines is seen."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, cast

import pytest

import fnnet as fn
from tests.support.machine import environment, features_to_disable

EVERYWHERE = {
    "draws": "d3fbdd827b9ac899",
    "functions": "26a3cc7eb1544185",
    "products": "03964e62b7e22c32",
    "portable": "e4a23c78e9734a41",
}
PROGRAM = "import fnnet as fn; print(fn.fingerprint())"


def printed(**settings: str) -> dict[str, str]:
    """A fingerprint as another process prints it."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    shown = subprocess.run(command, env=environment(**settings), capture_output=True, text=True, check=True).stdout
    return {name: text for name, _, text in (line.partition(" ") for line in shown.splitlines())}


def test_what_is_equal_everywhere_is_what_was_written_down() -> None:
    found = fn.fingerprint()
    assert {name: getattr(found, name) for name in EVERYWHERE} == EVERYWHERE


def test_other_threads_kernels_and_loops_change_the_plain_bits_alone() -> None:
    found = [
        printed(OPENBLAS_CORETYPE=kernel, OPENBLAS_NUM_THREADS=threads, NPY_DISABLE_CPU_FEATURES=disabled)
        for kernel, threads, disabled in (
            ("Haswell", "1", ""),
            ("Haswell", "2", features_to_disable()["all"]),
            ("Zen", "2", ""),
        )
    ]
    for one in found:
        assert {name: one[name].strip() for name in EVERYWHERE} == EVERYWHERE
    assert len({one["float64"] for one in found}) > 1


def test_the_same_machine_has_the_same_fingerprint() -> None:
    assert fn.fingerprint() == fn.fingerprint()
    assert fn.fingerprint().differences(fn.fingerprint()) == ()


@pytest.mark.parametrize("name", fn.fingerprint().names())
def test_differences_are_named(name: str) -> None:
    mine, change = fn.fingerprint(), cast(Any, {name: "0" * 16})
    assert mine.differences(replace(mine, **change)) == (name,)


def test_the_conditions_are_told_and_do_not_count() -> None:
    mine = fn.fingerprint()
    assert mine == replace(mine, conditions=replace(mine.conditions, threads="99"))
    assert f"threads    {mine.conditions.threads}" in str(mine).splitlines()
    assert printed(OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE="Haswell")["kernel"].strip() == "Haswell"
    assert printed(OPENBLAS_NUM_THREADS="1")["threads"].strip() == "1"
