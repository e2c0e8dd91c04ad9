"""Which tiles of a row or column of scores hold anything, and which of them need no mask.

Half the tiles of causal attention are never visible and a few lie across the edge. Only these few
pay for comparing positions; the rest run without. Along a row of tiles the order is: partly hidden
by the window, whole, partly hidden by causality or by the end of the keys. Along a column it is
the same with the two reasons exchanged.

Query t stands at position t + S - T: queries are the last T of S positions.
"""

from lib.kernels.language import jit, tl


@jit
def key_ranges(
    start, T, S, window,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
):  # fmt: skip
    """For the queries from `start` on: keys lo..whole masked, whole..edge not, edge..hi masked."""
    first = start + S - T
    last = tl.minimum(start + BLOCK_Q, T) - 1 + S - T
    lo, whole, edge, hi = 0, 0, S // BLOCK_K * BLOCK_K, S
    if CAUSAL:
        edge = tl.minimum(edge, tl.maximum(first + 1, 0) // BLOCK_K * BLOCK_K)
        hi = tl.maximum(last + 1, 0)
    if WINDOWED:
        lo = tl.maximum(first - window + 1, 0) // BLOCK_K * BLOCK_K
        whole = tl.cdiv(tl.maximum(last - window + 1, 0), BLOCK_K) * BLOCK_K
        edge = tl.maximum(edge, whole)
    return lo, tl.minimum(whole, hi), tl.minimum(edge, hi), hi


@jit
def query_ranges(
    start, T, S, window,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
):  # fmt: skip
    """For the keys from `start` on: queries lo..whole masked, whole..edge not, edge..hi masked."""
    first = start - (S - T)
    last = tl.minimum(start + BLOCK_K, S) - 1 - (S - T)
    lo, whole, edge, hi = 0, 0, T, T
    if CAUSAL:
        lo = tl.maximum(first, 0) // BLOCK_Q * BLOCK_Q
        whole = tl.cdiv(tl.maximum(last, 0), BLOCK_Q) * BLOCK_Q
    if WINDOWED:
        edge = tl.minimum(edge, tl.maximum(first + window, 0) // BLOCK_Q * BLOCK_Q)
        hi = tl.minimum(hi, tl.maximum(last + window, 0))
    edge = tl.maximum(edge, whole)
    return lo, tl.minimum(whole, hi), tl.minimum(edge, hi), hi


@jit
def visible(queries, keys, T, S, window, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr):
    """Whether a query sees a key, for two tensors of indices that broadcast to a tile."""
    seen = (queries < T) & (keys < S)
    if CAUSAL:
        seen &= keys <= queries + (S - T)
    if WINDOWED:
        seen &= keys > queries + (S - T) - window
    return seen


@jit
def load_vectors(
    ptr, start, stride, n,
    H: tl.constexpr, BLOCK: tl.constexpr, BLOCK_H: tl.constexpr, TAIL: tl.constexpr,
):  # fmt: skip
    """A tile of one head: vectors from `start` on, with zeros beyond n (if TAIL) and beyond H."""
    i, h = tl.arange(0, BLOCK), tl.arange(0, BLOCK_H)
    pointers = ptr + tl.cast(start, tl.int64) * stride + (i[:, None] * stride + h[None, :])
    if TAIL:
        return tl.load(pointers, mask=(start + i < n)[:, None] & (h < H)[None, :], other=0.0)
    if BLOCK_H != H:
        return tl.load(pointers, mask=(h < H)[None, :], other=0.0)
    return tl.load(pointers)


@jit
def store_vectors(
    ptr, tile, start, stride, n, H: tl.constexpr, BLOCK: tl.constexpr, BLOCK_H: tl.constexpr
):
    """Write such a tile back, rounded to what lies there."""
    i, h = tl.arange(0, BLOCK), tl.arange(0, BLOCK_H)
    pointers = ptr + tl.cast(start, tl.int64) * stride + (i[:, None] * stride + h[None, :])
    inside = (start + i < n)[:, None] & (h < H)[None, :]
    tl.store(pointers, tile.to(ptr.dtype.element_ty), mask=inside)
