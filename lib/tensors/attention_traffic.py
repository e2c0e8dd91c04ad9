"""How many numbers attention moves between memory and processor: stored scores against tiles.

One head, T queries and T keys of width H, no mask. Both ways of computing are run here on arrays
that count, and the formulas beside them say what the counts come to.

Letters: T positions, H head width, Q queries and S keys in one tile.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lib.tensors.counting import CountingArray, kernel

Matrix = Float[np.ndarray, "T H"]


@dataclass(frozen=True)
class Traffic:
    """Numbers moved from memory and back to it."""

    reads: int
    writes: int

    @property
    def total(self) -> int:
        return self.reads + self.writes


def naive_attention(q: Matrix, k: Matrix, v: Matrix) -> tuple[Matrix, Traffic]:
    """Three kernels: scores, softmax, weighted sum. The T x T matrix goes through memory."""
    q, k, v, scores, out = _arrays(q, k, v, (q.shape[0], k.shape[0]), q.shape)
    scores[...] = q[...] @ k[...].T / np.sqrt(q.shape[1])
    weights = kernel(_softmax, scores)
    out[...] = weights[...] @ v[...]
    return out.values, _traffic(q, k, v, scores, weights, out)


def flash_attention(
    q: Matrix, k: Matrix, v: Matrix, block_q: int, block_k: int
) -> tuple[Matrix, Traffic]:
    """One kernel: a tile of queries stays, keys and values pass by, the scores are never stored.

    FlashAttention (arXiv 2205.14135) in the loop order of its second version (arXiv 2307.08691).
    Also written is one number per query, the log of the softmax's sum, for the backward pass.
    """
    q, k, v, out, lse = _arrays(q, k, v, q.shape, q.shape[:1])
    for i in range(0, q.shape[0], block_q):
        queries = q[i : i + block_q]
        o, l, m = np.zeros_like(queries), np.zeros(len(queries)), np.full(len(queries), -np.inf)  # noqa: E741
        for j in range(0, k.shape[0], block_k):
            scores = queries @ k[j : j + block_k].T / np.sqrt(q.shape[1])
            before, m = m, np.maximum(m, scores.max(axis=1))
            scale, weights = np.exp(before - m), np.exp(scores - m[:, None])
            l = scale * l + weights.sum(axis=1)  # noqa: E741
            o = scale[:, None] * o + weights @ v[j : j + block_k]
        out[i : i + block_q] = o / l[:, None]
        lse[i : i + block_q] = m + np.log(l)
    return out.values, _traffic(q, k, v, out, lse)


def naive_numbers(T: int, H: int) -> int:
    """q, k, v and the result once; the scores and the weights written once and read once each."""
    return 4 * T * H + 4 * T * T


def flash_numbers(T: int, H: int, block_q: int) -> int:
    """q and the result once, and k and v once for every tile of queries."""
    return 2 * T * H + T + 2 * T * H * -(-T // block_q)


def _arrays(*values: np.ndarray | tuple[int, ...]) -> list[CountingArray]:
    return [CountingArray.zeros(*v) if isinstance(v, tuple) else CountingArray(v) for v in values]


def _traffic(*arrays: CountingArray) -> Traffic:
    return Traffic(sum(a.reads for a in arrays), sum(a.writes for a in arrays))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
