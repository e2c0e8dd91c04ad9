"""Faster ways to the values of `attention`: PyTorch's, blocks that skip the future, our kernel.

Letters as there: B sequences, T queries, S keys, N query heads, K key/value heads, G = N / K query
heads per key/value head, H width of one head.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from lib.kernels.flash_attention import flash_attention
from lib.model.attention import Bias, Mask, attention, causal_mask, over_heads
from lib.model.checks import check_sharing, check_uncapped


def attention_sdpa(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
    *,
    scale: float | None = None,
    softcap: float | None = None,
    bias: Bias | None = None,
) -> Float[Tensor, "B T N H"]:
    """`F.scaled_dot_product_attention`, which on GPUs never writes the T x S weights to memory.

    It knows no soft cap. With a bias the mask becomes one, too: minus infinity where it is False.
    """
    check_uncapped(softcap)
    T, S = q.shape[1], k.shape[1]
    if mask is None and (1 < T < S or bias is not None):
        mask = causal_mask(T, S, q.device)  # is_causal would take the queries for the first T
    seen = None if mask is None else over_heads(mask)
    out = F.scaled_dot_product_attention(
        *(rearrange(x, "B T N H -> B N T H") for x in (q, k, v)),
        attn_mask=seen if bias is None else bias.to(q.dtype).masked_fill(~seen, -math.inf),
        is_causal=mask is None and T == S,
        scale=scale,
        enable_gqa=True,
    )
    return rearrange(out, "B N T H -> B T N H")


def attention_blocked(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
    *,
    scale: float | None = None,
    softcap: float | None = None,
    bias: Bias | None = None,
) -> Float[Tensor, "B T N H"]:
    """Causal attention in two blocks of queries: the first never multiplies the later keys.

    Made for training in bfloat16 on a CPU, where PyTorch's SDPA is slow. With a mask of one's own
    nothing can be skipped, so it is plain `attention`, as it is with a cap or a bias.
    """
    T, S = q.shape[1], k.shape[1]
    if mask is not None or T == 1 or softcap is not None or bias is not None:
        return attention(q, k, v, mask, scale=scale, softcap=softcap, bias=bias)
    check_sharing(q.shape[2], k.shape[2])
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    out, half = [], (T + 1) // 2
    for start, end in ((0, half), (half, T)):
        visible = S - T + end  # keys up to the last query of the block
        out.append(_causal_block(q[:, start:end], k[:, :visible], v[:, :visible], scale))
    return torch.cat(out, dim=1)


def attention_flash(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    mask: Mask | None = None,
    *,
    scale: float | None = None,
    softcap: float | None = None,
    bias: Bias | None = None,
    window: int | None = None,
) -> Float[Tensor, "B T N H"]:
    """The kernel of `lib.kernels.flash_attention`, on a CPU its twin.

    It works out who sees whom from positions, so the window comes as a number, and a mask of one's
    own or a bias cannot come at all.
    """
    check_uncapped(softcap, "The flash kernel")
    if mask is not None or bias is not None:
        given = "bias" if mask is None else "mask"
        raise ValueError(
            f"The flash kernel knows causality and windows, and takes no {given}. Choose "
            "attention='sdpa'."
        )
    check_sharing(q.shape[2], k.shape[2])
    return flash_attention(q, k, v, window=window, scale=scale)


def _causal_block(
    q: Float[Tensor, "B T N H"],
    k: Float[Tensor, "B S K H"],
    v: Float[Tensor, "B S K H"],
    scale: float,
) -> Float[Tensor, "B T N H"]:
    """The queries are the last T positions. The mask is added, which is cheaper than filling in."""
    (B, T, N, _), (_, S, K, _) = q.shape, k.shape
    bias = torch.zeros(T, S, dtype=q.dtype, device=q.device)
    bias.masked_fill_(~causal_mask(T, S, q.device), -math.inf)
    rows = rearrange(q, "B T (K G) H -> (B K) (G T) H", K=K)
    keys = rearrange(k, "B S K H -> (B K) H S")
    values = rearrange(v, "B S K H -> (B K) S H")
    scores = torch.baddbmm(bias.repeat(N // K, 1), rows, keys, alpha=scale)
    out = torch.bmm(scores.softmax(dim=-1), values)
    return rearrange(out, "(B K) (G T) H -> B T (K G) H", B=B, T=T)
