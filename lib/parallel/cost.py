"""How long a collective takes: every step costs a latency, every byte its share of the bandwidth.

    seconds = steps * latency + bytes on the busiest link / bandwidth

(the alpha-beta model, Hockney 1994). `n_bytes` is always the whole tensor: what one rank holds
before a reduce-scatter, all-reduce or all-to-all, and after an all-gather.

Letters: n ranks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# steps, and the bytes on the busiest link as a multiple of the tensor's
Share = tuple[float | int, float | int]
Shares = Callable[[int], Share]


def _depth(n: int) -> int:
    return math.ceil(math.log2(n))


def _around(n: int) -> Share:
    return n - 1, (n - 1) / n


def _twice_around(n: int) -> Share:
    return 2 * (n - 1), 2 * (n - 1) / n


def _down(n: int) -> Share:
    return _depth(n), _depth(n)


def _up_and_down(n: int) -> Share:
    return 2 * _depth(n), 2 * _depth(n)


def _to_each(n: int) -> Share:
    return n - 1, n - 1


def _once(n: int) -> Share:
    return 1, 1


ALGORITHMS: dict[str, dict[str, Shares]] = {
    "send": {"direct": _once},
    "broadcast": {"direct": _to_each, "tree": _down, "ring": _twice_around},  # scatter + all-gather
    "reduce": {"direct": _to_each, "tree": _down, "ring": _twice_around},
    "scatter": {"direct": _around},
    "gather": {"direct": _around},
    "all_gather": {"ring": _around},
    "reduce_scatter": {"ring": _around},
    "all_reduce": {"tree": _up_and_down, "ring": _twice_around},
    "all_to_all": {"direct": _around},
}


@dataclass(frozen=True)
class Link:
    """What fit finds: bytes per second, seconds per step, and how far the worst point is off."""

    bandwidth: float
    latency: float
    worst_ratio: float  # the largest of predicted / measured and its inverse


@dataclass(frozen=True)
class Point:
    """One measured collective."""

    op: str
    n_bytes: int
    n_ranks: int
    seconds: float


def comm_time(
    op: str,
    n_bytes: float | int,
    n_ranks: int,
    bandwidth: float | int,
    latency: float | int = 0.0,
    algorithm: str = "best",
) -> float:
    """Seconds of a collective: bandwidth in bytes per second and direction, latency in seconds."""
    if algorithm == "best":
        algorithm = best_algorithm(op, n_bytes, n_ranks, bandwidth, latency)
    steps, share = _shares(op, algorithm, n_ranks)
    return steps * latency + share * n_bytes / bandwidth


def best_algorithm(
    op: str,
    n_bytes: float | int,
    n_ranks: int,
    bandwidth: float | int,
    latency: float | int,
) -> str:
    """The fastest of the algorithms: trees for small tensors, rings for large ones."""
    times = {name: comm_time(op, n_bytes, n_ranks, bandwidth, latency, name) for name in _known(op)}
    return min(times, key=times.get)


def crossover_bytes(n_ranks: int, bandwidth: float | int, latency: float | int) -> float:
    """The size from which on a ring all-reduce is faster than a tree; 0 where it always is."""
    (tree_steps, tree), (ring_steps, ring) = _up_and_down(n_ranks), _twice_around(n_ranks)
    if tree == ring:
        return 0.0
    return max(0.0, (ring_steps - tree_steps) * latency * bandwidth / (tree - ring))


def bus_bandwidth(op: str, n_bytes: float | int, n_ranks: int, seconds: float) -> float:
    """Bytes per second that went over each link of a ring: to compare with what a link can do."""
    return _shares(op, "ring", n_ranks)[1] * n_bytes / seconds


def fit(points: list[Point], algorithm: str = "ring") -> Link:
    """The latency and bandwidth that come closest to the points, in relative terms.

    Points need at least two sizes. Measured times have other causes too: look at the worst ratio.
    """
    if len({(point.op, point.n_bytes) for point in points}) < 2:
        raise ValueError(
            "Two unknowns, latency and bandwidth, need points of at least two sizes, say 1 kB and "
            f"10 MB, but there {'is one' if points else 'is none'}."
        )
    shares = [_shares(p.op, _one_of(p.op, algorithm), p.n_ranks) for p in points]
    rows = np.array([[steps, share * p.n_bytes] for (steps, share), p in zip(shares, points)])
    seconds = np.array([p.seconds for p in points])
    latency, slowness = _not_negative(rows / seconds[:, None])
    ratios = rows @ [latency, slowness] / seconds
    worst = max(ratios.max(), 1 / ratios.min()) if ratios.min() > 0 else math.inf
    bandwidth = 1 / slowness if slowness else math.inf
    return Link(float(bandwidth), float(latency), float(worst))


def _not_negative(rows: np.ndarray) -> tuple[float, float]:
    """Least squares of rows @ solution = 1 without negative entries, for two unknowns."""
    ones = np.ones(len(rows))
    both = np.linalg.lstsq(rows, ones, rcond=None)[0]
    if (both >= 0).all():
        return both[0], both[1]
    alone = [ones @ column / (column @ column) for column in rows.T]
    errors = [np.sum((1 - column * x) ** 2) for column, x in zip(rows.T, alone)]
    return (alone[0], 0.0) if errors[0] < errors[1] else (0.0, alone[1])


def _known(op: str) -> dict[str, Shares]:
    if op not in ALGORITHMS:
        raise ValueError(f"There is no collective {op!r}. Choose from {', '.join(ALGORITHMS)}.")
    return ALGORITHMS[op]


def _one_of(op: str, algorithm: str) -> str:
    return algorithm if algorithm in _known(op) else next(iter(_known(op)))


def _shares(op: str, algorithm: str, n_ranks: int) -> Share:
    known = _known(op)
    if algorithm not in known:
        raise ValueError(f"{op} has no algorithm {algorithm!r}. Choose from {', '.join(known)}.")
    return known[algorithm](n_ranks)
