"""Two faster ways to the values of `attention`: PyTorch's own, and blocks that skip the future.

Letters as there: B sequences, T queries, S keys, N query heads, K key/value heads, G = N / K query
heads per key/value head, H width of one head.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from lib.model.attention import Mask, attention, causal_mask, over_heads


def attention_sdpa(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
) -> Float[Tensor, "B T N H"]:
    """`F.scaled_dot_product_attention`, which on GPUs never writes the T x S weights to memory."""
    T, S = q.shape[1], k.shape[1]
    if mask is None and 1 < T < S:
        mask = causal_mask(T, S, q.device)  # is_causal would take the queries for the first T
    out = F.scaled_dot_product_attention(
        *(rearrange(x, "B T N H -> B N T H") for x in (q, k, v)),
        attn_mask=None if mask is None else over_heads(mask),
        is_causal=mask is None and T == S,
        enable_gqa=True,
    )
    return rearrange(out, "B N T H -> B T N H")


def attention_blocked(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
) -> Float[Tensor, "B T N H"]:
    """Causal attention in two blocks of queries: the first never multiplies the later keys.

    Made for training in bfloat16 on a CPU, where PyTorch's SDPA is slow. With a mask of one's own
    nothing can be skipped, and it is plain `attention`.
    """
    T, S = q.shape[1], k.shape[1]
    if mask is not None or T == 1:
        return attention(q, k, v, mask)
    out, half = [], (T + 1) // 2
    for start, end in ((0, half), (half, T)):
        visible = S - T + end  # keys up to the last query of the block
        out.append(_causal_block(q[:, start:end], k[:, :visible], v[:, :visible]))
    return torch.cat(out, dim=1)


def _causal_block(
    q: Float[Tensor, "B T N H"], k: Float[Tensor, "B S K H"], v: Float[Tensor, "B S K H"]
) -> Float[Tensor, "B T N H"]:
    """The queries are the last T positions. The mask is added, which is cheaper than filling in."""
    (B, T, N, H), (_, S, K, _) = q.shape, k.shape
    bias = torch.zeros(T, S, dtype=q.dtype, device=q.device)
    bias.masked_fill_(~causal_mask(T, S, q.device), -math.inf)
    rows = rearrange(q, "B T (K G) H -> (B K) (G T) H", K=K)
    keys = rearrange(k, "B S K H -> (B K) H S")
    values = rearrange(v, "B S K H -> (B K) S H")
    scores = torch.baddbmm(bias.repeat(N // K, 1), rows, keys, alpha=1 / math.sqrt(H))
    out = torch.bmm(scores.softmax(dim=-1), values)
    return rearrange(out, "(B K) (G T) H -> B T (K G) H", B=B, T=T)
