"""One contender in a process of its own: reads how many epochs to train, writes how long they took.

python -m tests.benchmarks.worker <contender> <workload> [batches]
"""

from __future__ import annotations

import resource
import sys
from dataclasses import replace
from time import perf_counter

from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.workloads import WORKLOADS


def main() -> None:
    """Warms up, then answers every line "n" by the seconds that n epochs took and the peak memory in MB so far."""
    contender, workload, *batches = sys.argv[1:]
    work = WORKLOADS[workload]
    train = CONTENDERS[contender](replace(work, batches=int(batches[0])) if batches else work)
    train(1)
    print("ready", flush=True)
    for line in sys.stdin:
        begin = perf_counter()
        train(int(line))
        seconds = perf_counter() - begin
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


if __name__ == "__main__":
    main()
