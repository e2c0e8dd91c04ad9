"""Attention with shared key/value heads (grouped-query attention), in its readable form.

Letters: B sequences, T queries, S keys, N query heads, K key/value heads, G = N / K query heads per
key/value head, H width of one head. With K = N this is multi-head attention (Vaswani et al., arXiv
1706.03762), with K = 1 multi-query (1911.02150), between them grouped-query (2305.13245).

A mask is True where a query may look at a key, and every query needs a key to look at. Without a
mask attention is causal: a query sees the keys up to its own position. A mask of one's own
replaces that, so it has to keep the future out by itself.
"""

import math

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from lib.model.checks import check_sharing

Mask = Bool[Tensor, "T S"] | Bool[Tensor, "B T S"]  # the same for all sequences, or one for each


def attention(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
) -> Float[Tensor, "B T N H"]:
    """Average the values with the attention weights."""
    weights = rearrange(attention_weights(q, k, mask), "B (K G) T S -> B K G T S", K=k.shape[2])
    out = einsum(weights, v, "B K G T S, B S K H -> B T K G H")
    return rearrange(out, "B T K G H -> B T (K G) H")


def attention_weights(
    q: Float[Tensor, "B T N H"], k: Float[Tensor, "B S K H"], mask: Mask | None = None
) -> Float[Tensor, "B N T S"]:
    """How much each query looks at each key; every row sums to one."""
    (_, T, N, H), (_, S, K, _) = q.shape, k.shape
    check_sharing(N, K)
    if mask is None:
        mask = causal_mask(T, S, q.device)
    q = rearrange(q, "B T (K G) H -> B T K G H", K=K)
    scores = einsum(q, k, "B T K G H, B S K H -> B K G T S") / math.sqrt(H)
    scores = rearrange(scores, "B K G T S -> B (K G) T S")
    scores = scores.masked_fill(~over_heads(mask), -math.inf)  # exp(-inf) = 0: no weight at all
    return scores.softmax(dim=-1)


def causal_mask(
    T: int, S: int | None = None, device: torch.device | None = None
) -> Bool[Tensor, "T S"]:
    """True where query t may see key s. With more keys (S > T) the queries are the last T."""
    S = T if S is None else S
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(diagonal=S - T)


def over_heads(mask: Mask) -> Bool[Tensor, "T S"] | Bool[Tensor, "B 1 T S"]:
    """In the shape that applies to scores of all heads."""
    return mask if mask.dim() == 2 else rearrange(mask, "B T S -> B 1 T S")
