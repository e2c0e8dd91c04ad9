"""Attention with shared key/value heads (grouped-query attention), in its readable form.

Letters: B sequences, T queries, S keys, N query heads, K key/value heads, G = N / K query heads per
key/value head, H width of one head. With K = N this is multi-head attention (Vaswani et al., arXiv
1706.03762), with K = 1 multi-query (1911.02150), between them grouped-query (2305.13245).

A mask is True where a query may look at a key, and every query needs a key to look at. Without a
mask attention is causal: a query sees the keys up to its own position. A mask of one's own
replaces that, so it has to keep the future out by itself.
"""

import math
from typing import Any

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from lib.model.checks import check_sharing
from lib.model.softcap import soft_cap

Mask = Bool[Tensor, "T S"] | Bool[Tensor, "B T S"]  # the same for all sequences, or one for each
Bias = Float[Tensor, "N T S"] | Float[Tensor, "B N T S"]  # is added to scores


def attention(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
    **scoring: Any,
) -> Float[Tensor, "B T N H"]:
    """Average the values with the attention weights; `scoring` is for `attention_scores`."""
    weights = attention_weights(q, k, mask, **scoring)
    weights = rearrange(weights, "B (K G) T S -> B K G T S", K=k.shape[2])
    out = einsum(weights, v, "B K G T S, B S K H -> B T K G H")
    return rearrange(out, "B T K G H -> B T (K G) H")


def attention_weights(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
    **scoring: Any,
) -> Float[Tensor, "B N T S"]:
    """How much each query looks at each key; every row sums to one."""
    scores = attention_scores(q, k, **scoring)
    if mask is None:
        mask = causal_mask(q.shape[1], k.shape[1], q.device)
    scores = scores.masked_fill(~over_heads(mask), -math.inf)  # exp(-inf) = 0: no weight at all
    return scores.softmax(dim=-1)


def attention_scores(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    *,
    scale: float | None = None,
    softcap: float | None = None,
    bias: Bias | None = None,
) -> Float[Tensor, "B N T S"]:
    """Queries times keys, before the mask and softmax.

    With independent coordinates of size one, a sum of H products has size sqrt(H), which `scale`
    takes out again: 1 / sqrt(H) unless given. Then scores are capped, and ALiBi's bias is added.
    """
    check_sharing(q.shape[2], k.shape[2])
    H, q = q.shape[-1], rearrange(q, "B T (K G) H -> B T K G H", K=k.shape[2])
    scores = einsum(q, k, "B T K G H, B S K H -> B K G T S")
    scores = scores / math.sqrt(H) if scale is None else scores * scale
    scores = soft_cap(rearrange(scores, "B K G T S -> B (K G) T S"), softcap)
    return scores if bias is None else (scores + bias).to(scores.dtype)


def causal_mask(
    T: int, S: int | None = None, device: torch.device | None = None
) -> Bool[Tensor, "T S"]:
    """True where query t may see key s. With more keys (S > T) the queries are the last T."""
    S = T if S is None else S
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(diagonal=S - T)


def windowed(
    mask: Mask | None, T: int, S: int, window: int | None, device: torch.device | None = None
) -> Mask | None:
    """The mask, or causality, narrowed to the `window` keys that end with the query's own."""
    if window is None or window >= S:
        return mask
    near = torch.ones(T, S, dtype=torch.bool, device=device).triu(diagonal=S - T - window + 1)
    return near & (causal_mask(T, S, device) if mask is None else mask)


def over_heads(mask: Mask) -> Bool[Tensor, "T S"] | Bool[Tensor, "B 1 T S"]:
    """In the shape that applies to scores of all heads."""
    return mask if mask.dim() == 2 else rearrange(mask, "B T S -> B 1 T S")
