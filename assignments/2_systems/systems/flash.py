"""Attention without a matrix of all weights: tile by tile, with sums that are corrected on the way.

Letters: B sequences or heads, T queries, S keys, H width of a head. The queries are the last T of
the S positions: causal means that query i sees the keys j with j <= i + S - T. T <= S.
"""

from typing import Any

import torch
from torch import Tensor

from lib.grading.feedback import todo

TILE = 16  # queries, and keys, of a tile; the last one may be smaller


class FlashAttention(torch.autograd.Function):
    """FlashAttention.apply(q, k, v, is_causal): the function `attention` of systems/attention.py.

    For a tile of queries, walk over the keys tile by tile and keep three things: m, the largest
    score of each row so far; l, the sum of exp(score - m); o, the sum of exp(score - m) * value.
    When a larger m comes, what was summed before is multiplied by exp(old m - new m). At the end
    the result is o / l, and the logarithm of the whole sum is L = m + log l.

    One query, scores 1 and then 3 in two tiles: m = 1, l = 1; then m = 3, l = exp(1 - 3) + 1.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
        """q (B, T, H), k and v (B, S, H) -> (B, T, H), in the type of q.

        Scores, m, l, o and L are float32, or float64 if q is. Nothing with a quarter of all
        B x T x S scores may come into being. Saved for the backward pass are exactly q, k, v, the
        result and L, which has shape (B, T).
        """
        return todo("2.2", "first without causal: two loops over tiles, m starts at -inf, l at 0.")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of q, k, v, and None for is_causal; from what forward saved.

            P = exp(scores - L)            the weights, once more
            dV = P^T grad
            dP = grad V^T
            D = row sums of (result * grad)                  (B, T)
            dS = P * (dP - D)                                gradients of the scores
            dQ = dS K / sqrt(H),   dK = dS^T Q / sqrt(H)

        Here you may hold matrices of T x S numbers. Hidden keys have P = 0. Gradients have the
        types of q, k and v.
        """
        return todo("2.3", "ctx.saved_tensors, then the lines of this text one after the other.")
