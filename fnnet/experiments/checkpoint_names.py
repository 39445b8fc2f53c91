"""The names of checkpoint files, and which of these files are in a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fnnet.experiments.sealed_files import File

NAME = re.compile(r"epoch-(\d{8,})-batch-(\d{8,})\.safetensors")


def name(epoch: int, batch: int = 0) -> str:
    """The file name of a state; a state at the end of an epoch has batch 0.

    >>> name(12)
    'epoch-00000012-batch-00000000.safetensors'
    """
    return f"epoch-{epoch:08}-batch-{batch:08}.safetensors"


def epoch_and_batch(path: Path) -> tuple[int, int]:
    """The epoch and the batch of a checkpoint, from its name."""
    match = NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def listed(folder: File) -> tuple[Path, ...]:
    """The checkpoints in a folder, the oldest first."""
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    found = [Path(folder) / name for name in names if NAME.fullmatch(name)]
    return tuple(sorted(found, key=epoch_and_batch))
