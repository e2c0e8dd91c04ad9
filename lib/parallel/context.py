"""Context parallelism: attention over a sequence of which each rank has a part of the positions.

Everything else in a Transformer sees one position at a time. Two ways for attention itself:

- `ring_attention`: queries stay, keys and values travel around a ring. Each rank attends to what
  has come and merges it with what it has; so no rank ever has all keys, nor scores of more than
  its part times a part (Ring Attention, Liu et al., arXiv 2310.01889);
- `heads_attention`: an all-to-all gives each rank all positions of some of the heads, and another
  one takes the results back (DeepSpeed-Ulysses, Jacobs et al., arXiv 2309.14509).

Letters: B sequences, P positions on one rank, T = n P, N query heads, K key/value heads, H width of
one head.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from lib.model.attention import attention
from lib.model.checks import check_sharing
from lib.model.norm import at_least_float32
from lib.parallel.attention_blocks import attend_block, block_gradients, merge
from lib.parallel.comm import Comm, Pending
from lib.parallel.conjugates import swap_parts
from lib.parallel.positions import Split, blocks_at, by_rank, check_split, in_order, pieces
from lib.parallel.tensor import share_of


def ring_attention(
    comm: Comm,
    q: Float[Tensor, "B P N H"],
    k: Float[Tensor, "B P K H"],
    v: Float[Tensor, "B P K H"],
    causal: bool = True,
    split: Split = "contiguous",
    scale: float | None = None,
) -> Float[Tensor, "B P N H"]:
    """Attention of this rank's queries to the keys of all. `split`: which positions ranks have."""
    check_sharing(q.shape[2], k.shape[2])
    check_split(q.shape[1] * comm.n_ranks, comm.n_ranks, split)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    return _Ring.apply(q, k, v, comm, causal, split, scale)


class _Ring(torch.autograd.Function):
    """Both ways are a trip around the ring; on the way back, gradients of keys and values travel
    with them and come home."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Float[Tensor, "B P N H"],
        k: Float[Tensor, "B P K H"],
        v: Float[Tensor, "B P K H"],
        comm: Comm,
        causal: bool,
        split: Split,
        scale: float,
    ) -> Float[Tensor, "B P N H"]:
        out = torch.zeros_like(at_least_float32(q))
        log_sum = torch.full_like(out[..., 0], -math.inf)
        for step, (keys, values) in enumerate(passed_around(comm, torch.stack([k, v]))):
            for rows, cols, diagonal in _blocks(comm, step, q.shape[1], causal, split):
                found = attend_block(q[:, rows], keys[:, cols], values[:, cols], scale, diagonal)
                out[:, rows], log_sum[:, rows] = merge(out[:, rows], log_sum[:, rows], *found)
        ctx.save_for_backward(q, k, v, out, log_sum)
        ctx.how = comm, causal, split, scale
        return out.to(q.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Float[Tensor, "B P N H"]) -> tuple[Tensor | None, ...]:
        (q, k, v, out, log_sum), (comm, causal, split, scale) = ctx.saved_tensors, ctx.how
        dot = (at_least_float32(d_out) * out).sum(dim=-1)
        d_q, coming = torch.zeros_like(out), None
        for step, (keys, values) in enumerate(passed_around(comm, torch.stack([k, v]))):
            d_keys, d_values = d_both = out.new_zeros((2, *k.shape))
            for rows, cols, diagonal in _blocks(comm, step, q.shape[1], causal, split):
                of_rows = (x[:, rows] for x in (d_out, log_sum, dot))
                added = block_gradients(
                    q[:, rows], keys[:, cols], values[:, cols], *of_rows, scale, diagonal
                )
                for total, part, where in zip((d_q, d_keys, d_values), added, (rows, cols, cols)):
                    total[:, where] += part
            if coming is not None:
                d_both += coming.wait()  # what the ranks before have added
            coming = to_next(comm, d_both)
        d_k, d_v = coming.wait()
        return d_q.to(q.dtype), d_k.to(k.dtype), d_v.to(v.dtype), *[None] * 4


def passed_around(comm: Comm, x: Tensor) -> Iterator[Tensor]:
    """x of every rank in turn: one's own, then that of the rank before, and so on.

    While one is in use, the next is on its way.
    """
    for left in reversed(range(comm.n_ranks)):
        coming = to_next(comm, x) if left else None
        yield x
        x = coming.wait() if left else x


def to_next(comm: Comm, x: Tensor) -> Pending:
    """Send to the next rank what it gets, and receive from the one before."""
    if comm.n_ranks == 1:
        return Pending(lambda: x)
    following, before = (comm.rank + 1) % comm.n_ranks, (comm.rank - 1) % comm.n_ranks
    return comm.start_exchange(x, following, torch.empty_like(x), before)


def _blocks(
    comm: Comm, step: int, P: int, causal: bool, split: Split
) -> Iterator[tuple[slice, slice, bool]]:
    """Where queries and keys of each block are in what this rank has; whether it is diagonal."""
    n, rank = comm.n_ranks, comm.rank
    mine, theirs = pieces(rank, n, split), pieces((rank - step) % n, n, split)
    size = P // len(mine)
    for query, key in blocks_at(rank, step, n, split, causal):
        row, col = mine.index(query) * size, theirs.index(key) * size
        yield slice(row, row + size), slice(col, col + size), causal and query == key


def heads_attention(
    comm: Comm,
    q: Float[Tensor, "B P N H"],
    k: Float[Tensor, "B P K H"],
    v: Float[Tensor, "B P K H"],
    causal: bool = True,
    split: Split = "contiguous",
    attend: Callable = attention,
    **scoring: Any,
) -> Float[Tensor, "B P N H"]:
    """The same, where each rank does it for all positions and some of the heads.

    There `attend` is free to be what it likes, with a mask, a window, or in a kernel; `scoring` is
    for it. The plain one has scores of T x T for each of the rank's heads.
    """
    n = comm.n_ranks
    share_of(q.shape[2], comm, "query heads")
    share_of(k.shape[2], comm, "key/value heads")
    q, k, v = (in_order(swap_parts(comm, x, cut=2, join=1), n, split) for x in (q, k, v))
    if not causal and "mask" not in scoring:
        scoring["mask"] = torch.ones(q.shape[1], q.shape[1], dtype=torch.bool, device=q.device)
    out = attend(q, k, v, **scoring)
    out = out.index_select(1, by_rank(n, out.shape[1], split).to(out.device))
    return swap_parts(comm, out, cut=1, join=2)
