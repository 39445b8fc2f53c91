"""The same bytes after a crash and on another machine: train on handwritten digits, kill the process, resume, verify.

    python examples/reproduce.py

A separate process trains and is killed in the middle of its work. What it left on disk is enough to resume, and the
result is that of a run that never stopped, byte for byte. The receipt of the run shows later whether another run is the
same and, if not, from which epoch on it differs and what has changed.

Needs scikit-learn, for the images, and safetensors: pip install 'fnnet[examples,checkpoint]'.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

import fnnet as fn
from fnnet import Array, Epoch, Key, Labels, TrainState, tree

Net = fn.Portable[fn.Serial[fn.Linear, fn.Relu, fn.Dropout, fn.Linear]]

EPOCHS = 20
KILLED_IN = 8


class Run(NamedTuple):
    """What a run is made of: everything else follows from it."""

    step: fn.Step[Labels]
    data: fn.Data[Labels]
    first: TrainState[Net]
    check: fn.StreamFn

    def epochs(self, state: TrainState[Net]) -> Iterator[Epoch[Net]]:
        """The epochs from a state to the last one, with their accuracies in the history."""
        return fn.pipe(fn.train(self.step, self.data, state), self.check, fn.take(EPOCHS - state.epoch))

    def kept(self, folder: Path, state: TrainState[Net]) -> Iterator[Epoch[Net]]:
        """The same epochs, each with its link in the receipt and its state in the folder before it is handed on."""
        receipt = fn.receipt_to(folder / "run.json", self.step, self.data, state, self.check)
        return fn.pipe(self.epochs(state), receipt, fn.checkpoint_to(folder, keep=EPOCHS))


def images() -> tuple[Array, Labels]:
    """1,797 digits of 8 x 8 pixels in [0, 1]."""
    pixels, labels = load_digits(return_X_y=True)
    return pixels / 16, labels


def experiment(x: Array, y: Labels, lr: float = 2e-3) -> Run:
    """A portable network with dropout, Adam with a schedule, shuffled batches: all that is hard to resume exactly."""
    key = Key(0)
    first = fn.linear(key.child(0), 64, 100, dtype=np.float64)
    second = fn.linear(key.child(1), 100, 10, dtype=np.float64)
    net = fn.portable(fn.serial(first, fn.Relu(), fn.Dropout(0.2), second))
    optimizer = fn.adam(fn.cosine_decay(lr, steps=900))
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), optimizer)
    data = fn.minibatches(x[:1400], y[:1400], batch_size=32)
    check = fn.validate(x[1400:], y[1400:], {"accuracy": fn.metrics.accuracy})
    return Run(step, data, fn.start(net, optimizer, key), check)


def train_until_killed(folder: Path) -> int:
    """Trains in a separate process and kills it, as a power cut would, in its ninth epoch."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == KILLED_IN:
                child.kill()
                break
    return len(fn.checkpoints_in(folder))


def with_one_bit_changed(x: Array) -> Array:
    """The images, with the last bit of one pixel changed."""
    changed = x.copy()
    changed[700, 20] = np.nextafter(changed[700, 20], 2)
    return changed


def report(folder: Path) -> None:
    """Kills, resumes, compares and verifies a run, and prints the findings."""
    x, y = images()
    run = experiment(x, y)
    print(f"killed with {train_until_killed(folder)} checkpoints written")

    state = fn.resume(folder, run.first)
    final = fn.last(run.kept(folder, state)).state
    through = fn.last(run.epochs(run.first)).state
    print(f"gone on from epoch {state.epoch}: {tree.digest(final)[:16]}, loss {float(final.history[-1].loss):.5f}")
    print(f"never stopped:        {tree.digest(through)[:16]}, the same bytes: {tree.equal(final, through)}")

    receipt = fn.read_receipt(folder / "run.json")
    print(f"\n{receipt}")
    print("done again:", fn.verify(receipt, run.step, run.data, run.first, run.check))
    twelfth = fn.load(fn.checkpoints_in(folder)[11], like=run.first)
    print("one epoch: ", fn.verify(receipt, run.step, run.data, twelfth, run.check, epoch=13))
    for what, other in (
        ("one bit of the data changed", experiment(with_one_bit_changed(x), y)),
        ("another learning rate", experiment(x, y, lr=1e-3)),
    ):
        print(f"\n{what}:\n{fn.verify(receipt, other.step, other.data, other.first, other.check)}")
    print(f"\nthe bits of this machine, to be compared with another's:\n{fn.fingerprint()}")


def main() -> None:
    """Runs everything in a folder that is deleted afterwards; with a folder as argument, the part that gets killed."""
    if len(sys.argv) > 1:
        run = experiment(*images())
        for epoch in run.kept(Path(sys.argv[1]), run.first):
            print(epoch.state.epoch, flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(Path(folder))


if __name__ == "__main__":
    main()
