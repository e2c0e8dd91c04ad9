"""Attention in blocks of queries and keys, which are merged afterwards: what a ring is made of.

Attention to some of the keys gives an average and the logarithm of the sum of all exp(score). From
these two, of two sets of keys, follow those of both together: `merge` is online softmax (see
`lib.tensors.online_softmax`) with whole blocks. On the way back the weights of a block are computed
again, from its scores and the final logarithm (as in FlashAttention, arXiv 2205.14135).

Letters: B sequences, T queries, S keys of a block, N query heads, K key/value heads, G = N / K,
H width of one head.
"""

import math

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from lib.model.attention import causal_mask
from lib.model.norm import at_least_float32


def attend_block(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    scale: float,
    diagonal: bool,
) -> tuple[Float[Tensor, "B T N H"], Float[Tensor, "B T N"]]:
    """The average of the values, and log of the sum of exp(score), for every query.

    On the diagonal keys and queries are at the same positions, and later keys are not seen.
    """
    scores = block_scores(q, k, scale, diagonal)
    log_sum = scores.logsumexp(dim=-1)
    weights = (scores - log_sum.unsqueeze(-1)).exp()
    out = einsum(weights, at_least_float32(v), "B K G T S, B S K H -> B T K G H")
    return (
        rearrange(out, "B T K G H -> B T (K G) H"),
        rearrange(log_sum, "B K G T -> B T (K G)"),
    )


def merge(
    out: Float[Tensor, "B T N H"],
    log_sum: Float[Tensor, "B T N"],
    more_out: Float[Tensor, "B T N H"],
    more_log_sum: Float[Tensor, "B T N"],
) -> tuple[Float[Tensor, "B T N H"], Float[Tensor, "B T N"]]:
    """What attention to both sets of keys gives. Nothing seen yet: zeros, and minus infinity."""
    total = torch.logaddexp(log_sum, more_log_sum)
    share = (log_sum - total).exp().unsqueeze(-1)
    more_share = (more_log_sum - total).exp().unsqueeze(-1)
    return out * share + more_out * more_share, total


def block_gradients(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    d_out: Float[Tensor, "B T N H"],
    log_sum: Float[Tensor, "B T N"],
    dot: Float[Tensor, "B T N"],
    scale: float,
    diagonal: bool,
) -> tuple[Float[Tensor, "B T N H"], Float[Tensor, "B S K H"], Float[Tensor, "B S K H"]]:
    """What a block adds to the gradients of q, k and v.

    `log_sum` is over all keys, so the weights are the final ones. `dot` is d_out times out, summed:
    what softmax subtracts, since weights that all grow alike change nothing.
    """
    heads, rows = "B T (K G) H -> B K G T H", "B T (K G) -> B K G T 1"
    K, scores = k.shape[2], block_scores(q, k, scale, diagonal)
    q, d_out = (rearrange(at_least_float32(x), heads, K=K) for x in (q, d_out))
    k, v = at_least_float32(k), at_least_float32(v)
    weights = (scores - rearrange(log_sum, rows, K=K)).exp()
    d_weights = einsum(d_out, v, "B K G T H, B S K H -> B K G T S")
    d_scores = weights * (d_weights - rearrange(dot, rows, K=K)) * scale
    d_q = einsum(d_scores, k, "B K G T S, B S K H -> B T K G H")
    d_k = einsum(d_scores, q, "B K G T S, B K G T H -> B S K H")
    d_v = einsum(weights, d_out, "B K G T S, B K G T H -> B S K H")
    return rearrange(d_q, "B T K G H -> B T (K G) H"), d_k, d_v


def block_scores(
    q: Float[Tensor, "B T N H"], k: Float[Tensor, "B S K H"], scale: float, diagonal: bool
) -> Float[Tensor, "B K G T S"]:
    """Queries times keys of one block, in float32 or better."""
    q = rearrange(at_least_float32(q), "B T (K G) H -> B K G T H", K=k.shape[2])
    scores = einsum(q, at_least_float32(k), "B K G T H, B S K H -> B K G T S") * scale
    if diagonal:
        scores.masked_fill_(~causal_mask(q.shape[-2], k.shape[1], q.device), -math.inf)
    return scores
