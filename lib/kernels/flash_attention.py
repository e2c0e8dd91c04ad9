"""Attention in one kernel: the weights live in registers and never reach the GPU's memory.

One program owns BLOCK_Q queries of one head and walks over the keys that they see, BLOCK_K at a
time, as flash_tiles shows in plain PyTorch. Written after the papers: Dao et al., arXiv 2205.14135,
and Dao, 2307.08691. Three things make it fast. Queries times keys and weights times values are
products for the tensor cores. Tiles that nobody sees are skipped, and of the others only those at
an edge compare positions (flash_ranges). And exponentials are powers of two, which the hardware
has: exp(x) is 2^(x log2(e)), and the factor goes into the scale at no cost.

Query heads that share a key/value head read the same keys: nothing is repeated in memory. All
strides but the last are free, so the (B, T, N, H) that a projection gives is read as it lies.

Letters: B sequences, T queries, which are the last of S positions, N query heads, K key/value
heads, G = N / K query heads per key/value head, H width of one head.
"""

import math

import torch
from einops import rearrange
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_same_dtype, check_shape
from lib.kernels.flash_attention_backward import flash_attention_backward_op
from lib.kernels.flash_ranges import key_ranges, load_vectors, store_vectors, visible
from lib.kernels.flash_settings import WIDEST, forward_settings, head_block, with_whole_vectors
from lib.kernels.language import cdiv, jit, tl

LOG2_E = math.log2(math.e)


@jit
def flash_attention_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr,
    q_b, q_t, q_n, k_b, k_s, k_k, v_b, v_s, v_k, out_b, out_t, out_n,
    T, S, N, window, scale, G: tl.constexpr,
    H: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr,
    CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
):  # fmt: skip
    """`scale` includes log2(e). Names like q_t are strides: of q, from one t to the next."""
    # Neighbours share a head, whose keys stay in the L2 cache; the rows that see most come first.
    n_tiles = tl.cdiv(T, BLOCK_Q)
    head = tl.program_id(0) // n_tiles
    start = (n_tiles - 1 - tl.program_id(0) % n_tiles) * BLOCK_Q
    b, n = (head // N).to(tl.int64), (head % N).to(tl.int64)
    k_ptr += b * k_b + n // G * k_k
    v_ptr += b * v_b + n // G * v_k
    q = load_vectors(q_ptr + b * q_b + n * q_n, start, q_t, T, H, BLOCK_Q, BLOCK_H, True)
    rows = start + tl.arange(0, BLOCK_Q)
    m = tl.full((BLOCK_Q,), -1e30, tl.float32)  # -inf minus -inf would be no number
    total = tl.zeros((BLOCK_Q,), tl.float32)
    mixed = tl.zeros((BLOCK_Q, BLOCK_H), tl.float32)
    lo, whole, edge, hi = key_ranges(start, T, S, window, BLOCK_Q, BLOCK_K, CAUSAL, WINDOWED)
    if WINDOWED:
        m, total, mixed = attend(
            q, m, total, mixed, k_ptr, v_ptr, k_s, v_s, rows, lo, whole, T, S, window, scale,
            H, BLOCK_H, BLOCK_K, CAUSAL, WINDOWED, True,
        )  # fmt: skip
    m, total, mixed = attend(
        q, m, total, mixed, k_ptr, v_ptr, k_s, v_s, rows, whole, edge, T, S, window, scale,
        H, BLOCK_H, BLOCK_K, CAUSAL, WINDOWED, False,
    )  # fmt: skip
    m, total, mixed = attend(
        q, m, total, mixed, k_ptr, v_ptr, k_s, v_s, rows, edge, hi, T, S, window, scale,
        H, BLOCK_H, BLOCK_K, CAUSAL, WINDOWED, True,
    )  # fmt: skip
    blind = total == 0  # rows without keys
    total = tl.where(blind, 1.0, total)
    mixed = mixed / total[:, None]
    out_ptr += b * out_b + n * out_n
    store_vectors(out_ptr, mixed, start, out_t, T, H, BLOCK_Q, BLOCK_H)
    lse = (m + tl.log2(total)) / 1.4426950408889634  # log2(e)
    lse = tl.where(blind, float("-inf"), lse)
    tl.store(lse_ptr + head.to(tl.int64) * T + rows, lse, mask=rows < T)


@jit
def attend(
    q, m, total, mixed, k_ptr, v_ptr, k_s, v_s, rows, lo, hi, T, S, window, scale,
    H: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_K: tl.constexpr,
    CAUSAL: tl.constexpr, WINDOWED: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    """Keys lo to hi, a tile at a time: m each row's maximum, total its sum, mixed its values."""
    if lo < hi:  # the loop runs, then; unsure of it, ptxas lets each product wait for the last
        for start in range(lo, hi, BLOCK_K):
            k = load_vectors(k_ptr, start, k_s, S, H, BLOCK_K, BLOCK_H, MASKED)
            scores = tl.dot(q, k.T, input_precision="ieee")
            if MASKED:
                keys = start + tl.arange(0, BLOCK_K)
                seen = visible(rows[:, None], keys[None, :], T, S, window, CAUSAL, WINDOWED)
                scores = tl.where(seen, scores, float("-inf"))
            m_new = tl.maximum(m, tl.max(scores, axis=1) * scale)
            p = tl.exp2(scores * scale - m_new[:, None])
            shrink = tl.exp2(m - m_new)
            total = total * shrink + tl.sum(p, axis=1)
            v = load_vectors(v_ptr, start, v_s, S, H, BLOCK_K, BLOCK_H, MASKED)
            mixed = tl.dot(p.to(v.dtype), v, mixed * shrink[:, None], input_precision="ieee")
            m = m_new
    return m, total, mixed


def flash_attention_plain(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    causal: bool = True,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """The twin, with all weights in memory; rows without keys get zeros."""
    (_, T, _, H), (S, K) = q.shape, k.shape[1:3]
    wide = torch.promote_types(q.dtype, torch.float32)
    heads = rearrange(q.to(wide), "B T (K G) H -> B K G T H", K=K)
    keys, values = (rearrange(x.to(wide), "B S K H -> B K 1 S H") for x in (k, v))
    scores = heads @ keys.mT * (1 / math.sqrt(H) if scale is None else scale)
    distance = torch.arange(S - T, S, device=q.device)[:, None] - torch.arange(S, device=q.device)
    hidden = torch.zeros_like(distance, dtype=torch.bool)
    if causal:
        hidden |= distance < 0
    if window is not None:
        hidden |= distance >= window
    weights = scores.masked_fill(hidden, torch.finfo(wide).min).softmax(dim=-1)
    out = weights.masked_fill(hidden, 0) @ values
    return rearrange(out, "B K G T H -> B T (K G) H").to(q.dtype)


@torch.library.custom_op("kernels::flash_attention", mutates_args=())
def flash_attention_op(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, scale: float
) -> tuple[Tensor, Tensor]:
    """out like q, and the log-sum of each row in float32 as (B, N, T)."""
    q, k, v = (with_whole_vectors(x) for x in (q, k, v))
    (B, T, N, H), (S, K) = q.shape, k.shape[1:3]
    out, lse = torch.empty(q.shape, dtype=q.dtype, device=q.device), _log_sums(q)
    settings = forward_settings(H, q.dtype, q.device)
    grid = (cdiv(T, settings["BLOCK_Q"]) * B * N,)
    if out.numel():
        flash_attention_kernel[grid](
            *(q, k, v, out, lse),
            *(*q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *out.stride()[:3]),
            *(T, S, N, 0 if window is None else window, scale * LOG2_E),
            G=N // K,
            H=H,
            BLOCK_H=head_block(H),
            CAUSAL=causal,
            WINDOWED=window is not None,
            **settings,
        )
    return out, lse


@flash_attention_op.register_fake
def _(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, scale: float
) -> tuple[Tensor, Tensor]:
    return torch.empty(q.shape, dtype=q.dtype, device=q.device), _log_sums(q)


def _log_sums(q: Tensor) -> Tensor:
    B, T, N, _ = q.shape
    return torch.empty(B, N, T, dtype=torch.float32, device=q.device)


class FlashAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, scale: float
    ) -> Tensor:
        out, lse = flash_attention_op(q, k, v, causal, window, scale)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.rule = (causal, window, scale)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        gradients = flash_attention_backward_op(grad, *ctx.saved_tensors, *ctx.rule)
        return *gradients, None, None, None


def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = True,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """Average the values (B S K H) with weights from queries (B T N H) and keys; out is like q.

    `window` is how many keys a query sees, its own among them; `scale` multiplies scores, and is
    1 / sqrt(H) unless given. A query that sees no key (there are more queries than keys) gets 0.
    """
    check_attention(q, k, v, causal, window, scale)
    if window is not None and window >= k.shape[1]:
        window = None
    if not runs_kernel(q):
        return flash_attention_plain(q, k, v, causal, window, scale)
    check_float("flash_attention", q=q, k=k, v=v)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    return FlashAttention.apply(q, k, v, causal, window, scale)


def check_attention(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, scale: float | None
) -> None:
    """What must hold of the tensors, and of the rule for who sees whom."""
    (B, _, N, H), (S, K) = q.shape, k.shape[1:3]
    check_shape("flash_attention", "k", k, (B, S, K, H))
    check_shape("flash_attention", "v", v, (B, S, K, H))
    check_same_dtype("flash_attention", q=q, k=k, v=v)
    check_same_device("flash_attention", q=q, k=k, v=v)
    if not K or N % K:
        raise ValueError(
            f"{N} query heads cannot share {K} key/value heads equally. Choose a number of "
            f"key/value heads that divides {N}."
        )
    if H > WIDEST:
        raise ValueError(
            f"flash_attention keeps a tile of each head in registers, and heads of width {H} do "
            f"not fit: {WIDEST} is the widest. Use narrower heads, or torch's own attention."
        )
    if window is not None and not (causal and window >= 1):
        raise ValueError(
            f"A window is the number of keys up to the query's own position, so it is at least 1 "
            f"and goes with causal=True; here window={window} and causal={causal}."
        )
    if scale is not None and not scale > 0:
        raise ValueError(
            f"Scores are multiplied by scale after their maximum is taken, so it must be above "
            f"zero, not {scale}. Change the sign of the queries instead."
        )
