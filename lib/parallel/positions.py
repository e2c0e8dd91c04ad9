"""Which positions of a long sequence a rank has, and so what it multiplies in causal attention.

Cut into n pieces in a row, the last rank's queries see everything and the first one's almost
nothing: the first waits. So cut into 2 n, and give rank r the pieces r and 2 n - 1 - r, one from
the front and one from the back ("zigzag"): then all have the same to do, in every step of a ring.

Letters: n ranks, T positions, P = T / n of them on one rank.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from lib.parallel.comm import Comm

Split = Literal["contiguous", "zigzag"]


def pieces(rank: int, n: int, split: Split) -> list[int]:
    """The pieces of a rank, by their number in the sequence."""
    return [rank] if split == "contiguous" else [rank, 2 * n - 1 - rank]


def positions_of(rank: int, n: int, T: int, split: Split) -> Int[Tensor, " P"]:
    """The positions of a rank, in rising order."""
    check_split(T, n, split)
    mine = pieces(rank, n, split)
    size = T // (n * len(mine))
    return torch.cat([torch.arange(piece * size, (piece + 1) * size) for piece in mine])


def take_positions(
    comm: Comm, x: Shaped[Tensor, "*T"], split: Split, dim: int = 1
) -> Shaped[Tensor, "*P"]:
    """This rank's part of something that there is for every position: ids, targets, a mask."""
    mine = positions_of(comm.rank, comm.n_ranks, x.shape[dim], split)
    return x.index_select(dim, mine.to(x.device))


def join_positions(
    comm: Comm, x: Shaped[Tensor, "*P"], split: Split, dim: int = 1
) -> Shaped[Tensor, "*T"]:
    """The parts of all, in the order of the sequence."""
    return in_order(comm.all_gather(x, dim), comm.n_ranks, split, dim)


def in_order(x: Shaped[Tensor, "*T"], n: int, split: Split, dim: int = 1) -> Shaped[Tensor, "*T"]:
    """The positions of rank 0, then those of rank 1 and so on, put in the order of the sequence."""
    return x.index_select(dim, by_rank(n, x.shape[dim], split).argsort().to(x.device))


def by_rank(n: int, T: int, split: Split) -> Int[Tensor, " T"]:
    """All positions, those of rank 0 first."""
    return torch.cat([positions_of(rank, n, T, split) for rank in range(n)])


def blocks_at(
    rank: int, step: int, n: int, split: Split, causal: bool = True
) -> list[tuple[int, int]]:
    """What a rank multiplies in a step of the ring, with the keys of the rank `step` before it.

    Pairs (piece of queries, piece of keys). Keys that are all in the future are left out.
    """
    keys = pieces((rank - step) % n, n, split)
    return [(q, k) for q in pieces(rank, n, split) for k in keys if k <= q or not causal]


def work_at(rank: int, step: int, n: int, split: Split, causal: bool = True) -> float:
    """The products of queries and keys in a step, in parts of the whole sequence's T x T.

    In a block of a piece with itself, half of them are in the future and count as not done.
    """
    n_pieces = n * len(pieces(0, n, split))
    blocks = blocks_at(rank, step, n, split, causal)
    return sum(0.5 if q == k and causal else 1.0 for q, k in blocks) / n_pieces**2


def check_split(T: int, n: int, split: Split) -> None:
    """A sequence is cut into equal pieces."""
    if split not in get_args(Split):
        raise ValueError(f"split is {split!r}. Choose from {', '.join(get_args(Split))}.")
    n_pieces = n * len(pieces(0, n, split))
    if T % n_pieces:
        raise ValueError(
            f"A {split} split cuts the sequence into {n_pieces} equal pieces, but {T} positions / "
            f"{n_pieces} leaves {T % n_pieces} over. Pad it to {T + -T % n_pieces} positions."
        )
