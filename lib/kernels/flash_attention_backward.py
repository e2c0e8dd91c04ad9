"""The gradients of flash attention, in two kernels that write every number once.

Both compute the weights of a tile again, from the scores and the saved log-sum of each row. The
first owns BLOCK_K keys of one key/value head, walks over the queries of all heads that share it,
and sums dk and dv in registers. The second owns BLOCK_Q queries, walks over the keys, and sums
dq. One kernel could do both with five matrix products a tile instead of four and three, but then
many programs would add to the same dq in memory, in an order that changes from run to run. Here
two runs give the same bits. Letters as in flash_attention.
"""

import torch
from torch import Tensor

from lib.kernels.flash_ranges import (
    key_ranges,
    load_vectors,
    query_ranges,
    store_vectors,
    visible,
)
from lib.kernels.flash_settings import head_block, kv_settings, q_settings, with_whole_vectors
from lib.kernels.language import cdiv, jit, tl

DELTA_ROWS = 32  # of one program of flash_delta_kernel


@jit
def flash_delta_kernel(
    out_ptr, grad_ptr, delta_ptr, out_b, out_t, out_n, grad_b, grad_t, grad_n, T, N,
    H: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_Q: tl.constexpr,
):  # fmt: skip
    """delta = sum over the head of out times its gradient: what softmax's gradient subtracts."""
    n_tiles = tl.cdiv(T, BLOCK_Q)
    head, start = tl.program_id(0) // n_tiles, tl.program_id(0) % n_tiles * BLOCK_Q
    b, n = (head // N).to(tl.int64), (head % N).to(tl.int64)
    out_ptr += b * out_b + n * out_n
    grad_ptr += b * grad_b + n * grad_n
    out = load_vectors(out_ptr, start, out_t, T, H, BLOCK_Q, BLOCK_H, True).to(tl.float32)
    grad = load_vectors(grad_ptr, start, grad_t, T, H, BLOCK_Q, BLOCK_H, True).to(tl.float32)
    rows = start + tl.arange(0, BLOCK_Q)
    delta = tl.sum(out * grad, axis=1)
    tl.store(delta_ptr + head.to(tl.int64) * T + rows, delta, mask=rows < T)


@jit
def flash_backward_kv_kernel(
    q_ptr, k_ptr, v_ptr, grad_ptr, lse_ptr, delta_ptr, dk_ptr, dv_ptr,
    q_b, q_t, q_n, k_b, k_s, k_k, v_b, v_s, v_k, grad_b, grad_t, grad_n, dk_b, dk_s, dk_k,
    T, S, N, window, scale, G: tl.constexpr,
    H: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr,
    CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
):  # fmt: skip
    """dk and dv of one tile of keys; all strides of dv are those of dk."""
    n_tiles = tl.cdiv(S, BLOCK_K)
    shared, start = tl.program_id(0) // n_tiles, tl.program_id(0) % n_tiles * BLOCK_K
    K = N // G
    b, kv = (shared // K).to(tl.int64), (shared % K).to(tl.int64)
    k = load_vectors(k_ptr + b * k_b + kv * k_k, start, k_s, S, H, BLOCK_K, BLOCK_H, True)
    v = load_vectors(v_ptr + b * v_b + kv * v_k, start, v_s, S, H, BLOCK_K, BLOCK_H, True)
    keys = start + tl.arange(0, BLOCK_K)
    dk = tl.zeros((BLOCK_K, BLOCK_H), tl.float32)
    dv = tl.zeros((BLOCK_K, BLOCK_H), tl.float32)
    lo, whole, edge, hi = query_ranges(start, T, S, window, BLOCK_Q, BLOCK_K, CAUSAL, WINDOWED)
    for g in range(G):
        n = kv * G + g
        head_q, head_grad = q_ptr + b * q_b + n * q_n, grad_ptr + b * grad_b + n * grad_n
        row = (b * N + n) * T
        if CAUSAL:
            dk, dv = gather_queries(
                k, v, dk, dv, head_q, head_grad, lse_ptr + row, delta_ptr + row, q_t, grad_t,
                keys, lo, whole, T, S, window, scale, H, BLOCK_H, BLOCK_Q, CAUSAL, WINDOWED, True,
            )  # fmt: skip
        dk, dv = gather_queries(
            k, v, dk, dv, head_q, head_grad, lse_ptr + row, delta_ptr + row, q_t, grad_t,
            keys, whole, edge, T, S, window, scale, H, BLOCK_H, BLOCK_Q, CAUSAL, WINDOWED, False,
        )  # fmt: skip
        if WINDOWED:
            dk, dv = gather_queries(
                k, v, dk, dv, head_q, head_grad, lse_ptr + row, delta_ptr + row, q_t, grad_t,
                keys, edge, hi, T, S, window, scale, H, BLOCK_H, BLOCK_Q, CAUSAL, WINDOWED, True,
            )  # fmt: skip
    place = b * dk_b + kv * dk_k
    store_vectors(dk_ptr + place, dk * scale, start, dk_s, S, H, BLOCK_K, BLOCK_H)
    store_vectors(dv_ptr + place, dv, start, dk_s, S, H, BLOCK_K, BLOCK_H)


@jit
def gather_queries(
    k, v, dk, dv, q_ptr, grad_ptr, lse_ptr, delta_ptr, q_t, grad_t,
    keys, lo, hi, T, S, window, scale,
    H: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_Q: tl.constexpr,
    CAUSAL: tl.constexpr, WINDOWED: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    """What queries lo to hi of one head add. Scores are transposed: a row for each key.

    Behind the last query are zeros for q and grad, which add nothing, so only edges need a mask.
    """
    if lo < hi:  # see `attend`
        for start in range(lo, hi, BLOCK_Q):
            queries = start + tl.arange(0, BLOCK_Q)
            q = load_vectors(q_ptr, start, q_t, T, H, BLOCK_Q, BLOCK_H, True)
            lse = load_rows(lse_ptr, queries, T)
            delta = load_rows(delta_ptr, queries, T)
            scores = tl.dot(k, q.T, input_precision="ieee")
            p = tl.exp2(scores * (scale * 1.4426950408889634) - (lse * 1.4426950408889634)[None, :])
            if MASKED:
                seen = visible(queries[None, :], keys[:, None], T, S, window, CAUSAL, WINDOWED)
                p = tl.where(seen, p, 0.0)
            grad = load_vectors(grad_ptr, start, grad_t, T, H, BLOCK_Q, BLOCK_H, True)
            dv = tl.dot(p.to(grad.dtype), grad, dv, input_precision="ieee")
            dp = tl.dot(v, grad.T, input_precision="ieee")
            ds = p * (dp - delta[None, :])
            dk = tl.dot(ds.to(q.dtype), q, dk, input_precision="ieee")
    return dk, dv


@jit
def flash_backward_q_kernel(
    q_ptr, k_ptr, v_ptr, grad_ptr, lse_ptr, delta_ptr, dq_ptr,
    q_b, q_t, q_n, k_b, k_s, k_k, v_b, v_s, v_k, grad_b, grad_t, grad_n, dq_b, dq_t, dq_n,
    T, S, N, window, scale, G: tl.constexpr,
    H: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr,
    CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
):  # fmt: skip
    """dq of one tile of queries: the walk of the forward kernel."""
    n_tiles = tl.cdiv(T, BLOCK_Q)
    head = tl.program_id(0) // n_tiles
    start = (n_tiles - 1 - tl.program_id(0) % n_tiles) * BLOCK_Q
    b, n = (head // N).to(tl.int64), (head % N).to(tl.int64)
    k_ptr += b * k_b + n // G * k_k
    v_ptr += b * v_b + n // G * v_k
    q = load_vectors(q_ptr + b * q_b + n * q_n, start, q_t, T, H, BLOCK_Q, BLOCK_H, True)
    grad_ptr += b * grad_b + n * grad_n
    grad = load_vectors(grad_ptr, start, grad_t, T, H, BLOCK_Q, BLOCK_H, True)
    rows = start + tl.arange(0, BLOCK_Q)
    lse = load_rows(lse_ptr + head.to(tl.int64) * T, rows, T)
    delta = load_rows(delta_ptr + head.to(tl.int64) * T, rows, T)
    dq = tl.zeros((BLOCK_Q, BLOCK_H), tl.float32)
    lo, whole, edge, hi = key_ranges(start, T, S, window, BLOCK_Q, BLOCK_K, CAUSAL, WINDOWED)
    if WINDOWED:
        dq = gather_keys(
            q, grad, lse, delta, dq, k_ptr, v_ptr, k_s, v_s, rows, lo, whole, T, S, window, scale,
            H, BLOCK_H, BLOCK_K, CAUSAL, WINDOWED, True,
        )  # fmt: skip
    dq = gather_keys(
        q, grad, lse, delta, dq, k_ptr, v_ptr, k_s, v_s, rows, whole, edge, T, S, window, scale,
        H, BLOCK_H, BLOCK_K, CAUSAL, WINDOWED, False,
    )  # fmt: skip
    dq = gather_keys(
        q, grad, lse, delta, dq, k_ptr, v_ptr, k_s, v_s, rows, edge, hi, T, S, window, scale,
        H, BLOCK_H, BLOCK_K, CAUSAL, WINDOWED, True,
    )  # fmt: skip
    dq_ptr += b * dq_b + n * dq_n
    store_vectors(dq_ptr, dq * scale, start, dq_t, T, H, BLOCK_Q, BLOCK_H)


@jit
def gather_keys(
    q, grad, lse, delta, dq, k_ptr, v_ptr, k_s, v_s, rows, lo, hi, T, S, window, scale,
    H: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_K: tl.constexpr,
    CAUSAL: tl.constexpr, WINDOWED: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    """What keys lo to hi add to dq."""
    if lo < hi:  # see `attend`
        for start in range(lo, hi, BLOCK_K):
            k = load_vectors(k_ptr, start, k_s, S, H, BLOCK_K, BLOCK_H, MASKED)
            v = load_vectors(v_ptr, start, v_s, S, H, BLOCK_K, BLOCK_H, MASKED)
            scores = tl.dot(q, k.T, input_precision="ieee")
            p = tl.exp2(scores * (scale * 1.4426950408889634) - (lse * 1.4426950408889634)[:, None])
            if MASKED:
                keys = start + tl.arange(0, BLOCK_K)
                seen = visible(rows[:, None], keys[None, :], T, S, window, CAUSAL, WINDOWED)
                p = tl.where(seen, p, 0.0)
            dp = tl.dot(grad, v.T, input_precision="ieee")
            ds = p * (dp - delta[:, None])
            dq = tl.dot(ds.to(k.dtype), k, dq, input_precision="ieee")
    return dq


@jit
def load_rows(ptr, rows, T):
    """One number for each query; zero behind the last."""
    return tl.load(ptr + rows, mask=rows < T, other=0.0)


@torch.library.custom_op("kernels::flash_attention_backward", mutates_args=())
def flash_attention_backward_op(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor,
    causal: bool, window: int | None, scale: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients of q, k and v, each like its tensor and contiguous."""
    grad, q, k, v, out = (with_whole_vectors(x) for x in (grad, q, k, v, out))
    dq, dk, dv = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (q, k, v))
    (B, T, N, H), (S, K) = q.shape, k.shape[1:3]
    delta = torch.empty_like(lse)
    read = (*q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *grad.stride()[:3])
    sizes = (T, S, N, 0 if window is None else window, scale)
    rule = {"G": N // K, "CAUSAL": causal, "WINDOWED": window is not None}
    widths = {"H": H, "BLOCK_H": head_block(H)}
    if q.numel():
        flash_delta_kernel[(cdiv(T, DELTA_ROWS) * B * N,)](
            *(out, grad, delta, *out.stride()[:3], *grad.stride()[:3], T, N),
            **widths,
            BLOCK_Q=DELTA_ROWS,
        )
        tiles = q_settings(H, q.dtype, q.device)
        flash_backward_q_kernel[(cdiv(T, tiles["BLOCK_Q"]) * B * N,)](
            *(q, k, v, grad, lse, delta, dq, *read, *dq.stride()[:3], *sizes),
            **rule,
            **widths,
            **tiles,
        )
    if k.numel():
        tiles = kv_settings(H, q.dtype, q.device)
        flash_backward_kv_kernel[(cdiv(S, tiles["BLOCK_K"]) * B * K,)](
            *(q, k, v, grad, lse, delta, dk, dv, *read, *dk.stride()[:3], *sizes),
            **rule,
            **widths,
            **tiles,
        )
    return dq, dk, dv


@flash_attention_backward_op.register_fake
def _(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor,
    causal: bool, window: int | None, scale: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return tuple(torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (q, k, v))
