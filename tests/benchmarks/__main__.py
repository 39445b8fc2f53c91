"""fnnet beside its peers: python -m tests.benchmarks [--quick] [--only WORKLOAD ...] [--out FILE] [--show FILE]

Each contender trains in a process of its own. The contenders take turns over many short rounds, so that whatever else
the machine does hits all alike; what counts is the median over the rounds of a contender's time over fnnet's.
Writes a JSON and prints the tables that the README shows, and the ratios with their quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median, quantiles

from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.workloads import WORKLOADS, Workload

QUICK = [name for name in CONTENDERS if name not in ("PyTorch compiled", "JAX step")]
"""Whom a short run leaves out: those that take longest to be compiled."""


class Runner:
    """A contender in a process of its own."""

    def __init__(self, contender: str, work: Workload) -> None:
        worker = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.worker"]
        command = [*worker, contender, work.name, str(work.batches)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.memory = 0.0
        self.name = f"{contender} on {work.name}"

    def wait(self) -> None:
        """Until it is warm."""
        first = self._read()
        if first != "ready":
            raise RuntimeError(f"{self.name} did not start: {first!r}")

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def seconds(self, epochs: int) -> float:
        """How long so many epochs take."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{epochs}\n")
        self.process.stdin.flush()
        seconds, memory = map(float, self._read().split())
        self.memory = memory
        return seconds

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Figure:
    """What was measured of one contender on one workload."""

    workload: str
    contender: str
    microseconds: float
    """A step's time, the median over the rounds."""
    rounds: list[float]
    memory: float
    """The process's peak, in MB."""


def measure(work: Workload, names: list[str], rounds: int, budget: float, pause: float) -> list[Figure]:
    """All contenders on one workload, by turns; a turn takes about ``budget`` seconds.

    Before each is a pause, for the threads of a BLAS spin for a while after their work.
    """
    runners = {name: Runner(name, work) for name in names}
    for runner in runners.values():
        runner.wait()
    epochs = {name: max(1, round(budget / max(runner.seconds(1), 1e-6))) for name, runner in runners.items()}
    times: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        order = names if i % 2 else names[::-1]
        for name in order:
            time.sleep(pause)
            times[name].append(runners[name].seconds(epochs[name]) / epochs[name] / work.batches * 1e6)
    for runner in runners.values():
        runner.close()
    return [Figure(work.name, name, median(times[name]), times[name], runners[name].memory) for name in names]


def ratio(ours: Figure, theirs: Figure) -> tuple[float, float, float]:
    """The quartiles over the rounds of our time over theirs."""
    low, middle, high = quantiles([a / b for a, b in zip(ours.rounds, theirs.rounds, strict=True)], n=4)
    return low, middle, high


def tables(figures: list[Figure]) -> str:
    """The README's two tables, times and memory, and one of fnnet's time over everybody's, with its quartiles."""
    by = {(f.workload, f.contender): f for f in figures}
    names = [name for name in CONTENDERS if any(f.contender == name for f in figures)]
    works = [name for name in WORKLOADS if any(f.workload == name for f in figures)]
    times = [[work, *[_number(by[work, name].microseconds) for name in names]] for work in works]
    memory = [[work, *[f"{by[work, name].memory:,.0f}" for name in names]] for work in works]
    shown = [
        _table(["microseconds a step", *names], times),
        _table(["peak memory, MB", *names], memory),
    ]
    for mine in [name for name in names if name.startswith("fnnet")]:
        others = [name for name in names if name != mine]
        ratios = [[work, *[_told(ratio(by[work, mine], by[work, name])) for name in others]] for work in works]
        shown.append(_table([f"{mine}'s time over", *others], ratios))
    return "\n\n".join(shown)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(["| " + " | ".join(cells) + " |" for cells in lines])


def _number(microseconds: float) -> str:
    return f"{microseconds:,.0f}" if microseconds >= 100 else f"{microseconds:.1f}"


def _told(quartiles: tuple[float, float, float]) -> str:
    low, middle, high = quartiles
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="short epochs, few rounds, fewer contenders: a look in less than a minute"
    )
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks.json"))
    parser.add_argument("--show", type=Path, help="print the tables of a JSON that is there, and measure nothing")
    options = parser.parse_args()
    if options.show:
        print(tables([Figure(**figure) for figure in json.loads(options.show.read_text())["figures"]]))
        return
    figures: list[Figure] = []
    for name in options.only:
        work = WORKLOADS[name]
        if options.quick:
            work = replace(work, batches=work.batches // 2)
        names = options.contenders or (QUICK if options.quick else list(CONTENDERS))
        figures += measure(work, names, *((3, 0.02, 0.05) if options.quick else (25, 0.2, 0.15)))
        print(f"{name} measured", file=sys.stderr, flush=True)
    print(tables(figures))
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    options.out.write_text(json.dumps({"machine": machine, "figures": [asdict(f) for f in figures]}, indent=1))


if __name__ == "__main__":
    main()
