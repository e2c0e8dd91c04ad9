"""How fast this machine does each kind of work, found by doing a little of it.

A probe prepares some input and gives back how much work one run is, and the run itself. `measure`
repeats the run for a moment and takes the fastest: other programs can only slow a run down, and
threads that wait for each other slow it down a hundredfold.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lib.tensors.timing import benchmark

Run = Callable[[], object]
BUDGET = 0.12  # seconds of runs per kind


@dataclass(frozen=True)
class Probe:
    """One kind of work: `unit` is what is counted, `plausible` bounds the speed in units/s."""

    unit: str
    prepare: Callable[[], tuple[int, Run]]
    plausible: tuple[float, float]


def measure(probe: Probe) -> float:
    """Units of work per second: the fastest of 3 to 100 runs, as many as fit into a moment."""
    work, run = probe.prepare()
    return work / min(benchmark(run, repeats=100, budget=BUDGET).seconds)


def python_steps() -> tuple[int, Run]:
    """Small steps of a plain Python loop, as one counts them by reading it: four per turn.

    One thread. A step is taking the next item, comparing, adding, or storing in a dict.
    """
    items = list(range(1000)) * 5

    def run() -> None:
        total, seen = 0, {}
        for item in items:  # 1: take the next
            if item >= 0:  # 2: compare
                total += item  # 3: add
            seen[item] = total  # 4: store

    return 4 * len(items), run


def matrix_product() -> tuple[int, Run]:
    """A square product of 32-bit numbers: 2 n^3 FLOP, with all of torch's threads and with one."""
    from lib.tensors import peaks  # here, because importing torch takes a second

    work, product = peaks.matrix_product("fp32")
    return work, peaks.with_one_thread_too(product)


def memory_copy() -> tuple[int, Run]:
    """Copying an array too big for the caches, one thread. Bytes read and written both count."""
    import numpy as np

    source, target = np.ones(50_000_000, np.uint8), np.zeros(50_000_000, np.uint8)
    return 2 * source.nbytes, lambda: np.copyto(target, source)


def word_cutting() -> tuple[int, Run]:
    """Cutting English into words, numbers, signs and spaces by `regex`, one thread; in bytes."""
    import regex

    pattern = regex.compile(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+")
    text = "In 1948 a paper asked: how much surprise is in the next letter of English?\n" * 800
    return len(text.encode()), lambda: pattern.findall(text)


# The bounds are a factor of a hundred or more from usual machines: outside them the clock is wrong.
PROBES = {
    "python": Probe("operations", python_steps, (1e5, 1e10)),
    "flops": Probe("FLOP", matrix_product, (1e7, 1e15)),
    "copy": Probe("bytes", memory_copy, (1e7, 1e13)),
    "regex": Probe("bytes", word_cutting, (1e4, 1e11)),
}
