"""The eight collectives as plain functions of lists: entry r is what rank r gives, or gets.

This is all they mean. How the values travel is the affair of ring and tree, or of a library.
None stands for ranks that give or get nothing.

Letters: n ranks.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Given = list[Tensor | None]

REDUCTIONS = ("sum", "mean", "max", "min")


def broadcast(xs: Given, root: int = 0) -> list[Tensor]:
    """All get what the root has."""
    return [xs[root].clone() for _ in xs]


def scatter(xs: Given, root: int = 0) -> list[Tensor]:
    """Rank r gets the r-th part of the root's rows."""
    return [part.clone() for part in parts(xs[root], len(xs))]


def gather(xs: Given, root: int = 0) -> Given:
    """The root gets the rows of all, one rank after the other."""
    return [torch.cat(xs) if rank == root else None for rank in range(len(xs))]


def reduce(xs: Given, root: int = 0, reduction: str = "sum") -> Given:
    """The root gets the sum (or mean, max, min) of all."""
    return [reduced(xs, reduction) if rank == root else None for rank in range(len(xs))]


def all_gather(xs: Given) -> list[Tensor]:
    """All get the rows of all."""
    return [torch.cat(xs) for _ in xs]


def reduce_scatter(xs: Given, reduction: str = "sum") -> list[Tensor]:
    """Rank r gets the r-th part of the sum."""
    return scatter([reduced(xs, reduction)] * len(xs))


def all_reduce(xs: Given, reduction: str = "sum") -> list[Tensor]:
    """All get the sum: a reduce-scatter, then an all-gather."""
    return broadcast([reduced(xs, reduction)] * len(xs))


def all_to_all(xs: Given, rows: list[list[int]] | None = None) -> list[Tensor]:
    """Rank r gets the r-th part of each rank's rows. With equal parts this is a transpose.

    `rows[s][r]` is the number of rows that s has for r, where parts are not equal.
    """
    n = len(xs)
    cut = [parts(x, n) if rows is None else x.split(rows[s]) for s, x in enumerate(xs)]
    return [torch.cat([cut[sender][receiver] for sender in range(n)]) for receiver in range(n)]


def barrier(xs: Given) -> Given:
    """Nobody gets anything, after all have come."""
    return xs


def parts(x: Tensor, n: int) -> tuple[Tensor, ...]:
    """The rows of x in n equal parts."""
    check_parts(x, n)
    return x.split(x.shape[0] // n) if x.shape[0] else (x,) * n


def reduced(xs: Given, reduction: str) -> Tensor:
    """Added up in the order of the ranks, so that the result is the same at every run."""
    check_reduction(reduction)
    total = xs[0].clone()
    for x in xs[1:]:
        if reduction in ("sum", "mean"):
            total += x
        else:
            total = torch.maximum(total, x) if reduction == "max" else torch.minimum(total, x)
    return total / len(xs) if reduction == "mean" else total


def check_parts(x: Tensor, n: int) -> None:
    if x.dim() == 0 or x.shape[0] % n:
        raise ValueError(
            f"{n} ranks each take an equal part of the rows, but the shape is {tuple(x.shape)}. "
            f"Pad the first dimension to a multiple of {n}, or cut another one with dim=."
        )


def check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"{reduction!r} is no reduction here. Choose from {', '.join(REDUCTIONS)}."
        )


ON_LISTS: dict[str, Callable] = {
    "broadcast": broadcast,
    "scatter": scatter,
    "gather": gather,
    "reduce": reduce,
    "all_gather": all_gather,
    "reduce_scatter": reduce_scatter,
    "all_reduce": all_reduce,
    "all_to_all": all_to_all,
    "barrier": barrier,
}
