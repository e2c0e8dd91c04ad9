"""What messages cost: a latency for every step, and their bytes over the bandwidth.

    seconds = steps * latency + bytes on one link / bandwidth

In a ring of R ranks, an all-reduce of n bytes takes 2 (R - 1) steps, in each of which every rank
sends n / R bytes to the next one.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from lib.grading.feedback import todo
from lib.parallel.comm import Comm


class Point(NamedTuple):
    """One measured all-reduce. Complete."""

    n_bytes: int
    n_ranks: int
    seconds: float


def all_reduce_seconds(n_bytes: float, n_ranks: int, latency: float, bandwidth: float) -> float:
    """Seconds of a ring all-reduce. A single rank has nothing to do.

    1,000 bytes, 2 ranks, latency 1, 100 bytes per second: two steps of 500 bytes, 2 + 10 = 12
    """
    return todo("3.1", "steps, and the bytes of all steps together.")


def fit(points: list[Point]) -> tuple[float, float]:
    """(latency, bandwidth) of the line closest to the points, which have two sizes or more.

    Closest means: the sum over all points of (predicted / measured - 1)^2 is least, so that a
    message of 1 kB counts as much as one of 1 GB. Both results are taken to be positive.
    """
    return todo(
        "3.1", "unknown are latency and 1 / bandwidth: divide each row by its seconds, lstsq."
    )


def measure(
    comm: Comm,
    sizes: list[int],
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Point]:
    """One point for each size, which is a number of bytes and a multiple of 4. All ranks call it.

    The tensor has float32 numbers. One all-reduce that is not measured comes first; then `repeats`
    of them, each after a comm.barrier(), the clock read before and after. A rank may be late: of
    each repeat the seconds of the slowest rank count (one more all-reduce, with "max", of a
    float64). The point is the median over the repeats, so all ranks return the same points.
    """
    return todo("3.1", "comm.all_reduce(x), comm.all_reduce(seconds, 'max').item().")
