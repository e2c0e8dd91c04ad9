"""FlashAttention in plain PyTorch: attention tile by tile, the T x S weights never held at once.

Softmax needs a whole row of scores before it can divide. Here a row is met a tile of keys at a
time, with a running maximum m and a running sum (Milakov & Gimelshein, arXiv 1805.02867): when
a tile raises the maximum, what was summed before is scaled down. The backward pass computes each
tile's weights once more from the scores and one number per row, the log of the row's sum, instead
of reading them from memory (Dao et al., arXiv 2205.14135; the order of the loops is that of
2307.08691). The kernels in flash_attention and flash_attention_backward do the same.

Letters: T queries, which are the last of S positions, H width of the head; any axes before them
are repeated work, such as sequences and heads.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LOWEST = -1e30  # instead of minus infinity, whose difference with itself is no number


def flash_forward_tiles(
    q: Float[Tensor, "*N T H"],
    k: Float[Tensor, "*N S H"],
    v: Float[Tensor, "*N S H"],
    *,
    block_q: int,
    block_k: int,
    causal: bool = True,
    window: int | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "*N T H"], Float[Tensor, "*N T"]]:
    """The values averaged for every query, and the logarithm of each row's sum of exponentials.

    `window` counts the keys that a query sees, its own among them; scores are multiplied by `scale`
    (1 / sqrt(H) unless given). A query that sees no key gets zeros and minus infinity. `block_q`
    queries and `block_k` keys make a tile.
    """
    (T, H), S = q.shape[-2:], k.shape[-2]
    scale = 1 / math.sqrt(H) if scale is None else scale
    dtype, (q, k, v) = q.dtype, _wide(q, k, v)
    out, lse = torch.empty_like(q), q.new_empty(q.shape[:-1])
    for rows in tiles(T, block_q):
        m = torch.full_like(lse[..., rows], LOWEST)  # each row's largest score so far
        total = torch.zeros_like(m)  # its sum of exp(score - m) so far
        mixed = torch.zeros_like(out[..., rows, :])  # the same sum, each times its value
        for columns in tiles(S, block_k):
            seen = visible(rows, columns, T, S, causal, window, q.device)
            if not seen.any():
                continue  # nothing of this tile is read or multiplied
            scores = scale * q[..., rows, :] @ k[..., columns, :].mT
            scores = scores.masked_fill(~seen, -math.inf)
            m_new = torch.maximum(m, scores.amax(dim=-1))
            p = torch.exp(scores - m_new[..., None])
            shrink = torch.exp(m - m_new)
            total = shrink * total + p.sum(dim=-1)
            mixed = shrink[..., None] * mixed + p @ v[..., columns, :]
            m = m_new
        out[..., rows, :] = mixed / torch.where(total == 0, 1, total)[..., None]
        lse[..., rows] = m + torch.log(total)
    return out.to(dtype), lse


def flash_backward_tiles(
    q: Float[Tensor, "*N T H"],
    k: Float[Tensor, "*N S H"],
    v: Float[Tensor, "*N S H"],
    out: Float[Tensor, "*N T H"],
    lse: Float[Tensor, "*N T"],
    grad: Float[Tensor, "*N T H"],
    *,
    block_q: int,
    block_k: int,
    causal: bool = True,
    window: int | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "*N T H"], Float[Tensor, "*N S H"], Float[Tensor, "*N S H"]]:
    """Gradients of q, k and v from `grad`, that of `out`, and what the forward pass returned.

    Softmax's gradient is p (dp - sum of p dp over the row), and that sum is `out` times `grad`
    summed over the head, so no row of weights is needed for it.
    """
    (T, H), S = q.shape[-2:], k.shape[-2]
    scale = 1 / math.sqrt(H) if scale is None else scale
    dtype, (q, k, v, out, grad) = q.dtype, _wide(q, k, v, out, grad)
    dq, dk, dv = (torch.zeros_like(x) for x in (q, k, v))
    delta = (out * grad).sum(dim=-1)
    lse = torch.where(lse == -math.inf, 0, lse)  # exp(-inf - 0) = 0 for rows that see nothing
    for columns in tiles(S, block_k):
        for rows in tiles(T, block_q):
            seen = visible(rows, columns, T, S, causal, window, q.device)
            if not seen.any():
                continue
            scores = scale * q[..., rows, :] @ k[..., columns, :].mT
            p = torch.exp(scores - lse[..., rows, None]).masked_fill(~seen, 0)
            dp = grad[..., rows, :] @ v[..., columns, :].mT
            ds = scale * p * (dp - delta[..., rows, None])
            dv[..., columns, :] += p.mT @ grad[..., rows, :]
            dk[..., columns, :] += ds.mT @ q[..., rows, :]
            dq[..., rows, :] += ds @ k[..., columns, :]
    return dq.to(dtype), dk.to(dtype), dv.to(dtype)


def tiles(n: int, block: int) -> list[slice]:
    """0 to n in pieces of `block`; the last may be shorter."""
    return [slice(start, min(start + block, n)) for start in range(0, n, block)]


def visible(
    rows: slice,
    columns: slice,
    T: int,
    S: int,
    causal: bool = True,
    window: int | None = None,
    device: torch.device | None = None,
) -> Bool[Tensor, "rows columns"]:
    """Which keys of a tile its queries see: causal means none behind a query's own position."""
    query = torch.arange(rows.start, rows.stop, device=device)[:, None] + S - T
    key = torch.arange(columns.start, columns.stop, device=device)
    seen = (key <= query) if causal else torch.ones_like(key <= query)
    return seen if window is None else seen & (key > query - window)


def tile_kinds(
    T: int,
    S: int,
    block_q: int,
    block_k: int,
    causal: bool = True,
    window: int | None = None,
) -> list[list[str]]:
    """For every tile "skipped", "masked" (partly visible) or "whole", queries down, keys across."""
    kinds = []
    for rows in tiles(T, block_q):
        masks = [visible(rows, columns, T, S, causal, window) for columns in tiles(S, block_k)]
        kinds.append(["whole" if m.all() else "masked" if m.any() else "skipped" for m in masks])
    return kinds


def _wide(*tensors: Tensor) -> list[Tensor]:
    """Sums are kept in float32 at least."""
    return [x.to(torch.promote_types(x.dtype, torch.float32)) for x in tensors]
