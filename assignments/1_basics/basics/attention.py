"""Softmax, attention, and the layer that lets every position look at itself and at its past.

Letters: T queries, S keys, D width of the model's vectors, N heads, H = D / N width of one head.
"..." are any leading axes: sequences, heads, both, or none.
"""

import torch
from torch import Tensor, nn

from basics.rope import RoPE
from lib.grading.feedback import todo


def softmax(x: Tensor, dim: int) -> Tensor:
    """exp(x), divided by its sum along one axis, so that the numbers along it add up to one.

    The largest number along the axis is subtracted first. That changes nothing in the result, and
    keeps exp from becoming infinite.

    softmax([0, log 3], dim=0)  ->  [0.25, 0.75], and the same for [1000, 1000 + log 3]
    """
    return todo("2.6", "subtract the maximum along dim, keeping the axis, then exp and divide.")


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Averages of the values: q (..., T, H), k (..., S, H), v (..., S, W) -> (..., T, W).

    How well query t fits key s is their dot product divided by sqrt(H). The softmax of that over
    all keys gives the weights of the average. `mask` has booleans of shape (T, S), or (..., T, S)
    with leading axes that broadcast: True means that query t may look at key s. What it may not
    look at gets a weight of exactly zero. Every query may look at something.

    One query [2], keys [0] and [log 3 / 2], values [0] and [4]  ->  [0.25 * 0 + 0.75 * 4] = [3]
    """
    return todo("2.7", "compute the scores (..., T, S), and fill those with mask False with -inf.")


class SelfAttention(nn.Module):
    """Causal attention with N heads, in which queries, keys and values come from the same x.

    `query`, `key`, `value` and `out` are Linear from width to width. The first H rows of the query
    matrix make the queries of head 0, the next H those of head 1, and so on; the same holds for
    keys and values. The results of the heads, in the same order, go side by side into `out`.

    Position t looks at positions 0 to t, itself included, and at nothing later. With a `rope`,
    queries and keys of every head are turned by it, values never.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        rope: RoPE | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        todo("2.8", "make self.query, self.key, self.value and self.out, and keep rope.")

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """(..., T, D) -> (..., T, D); positions (T,) are 0 to T - 1 unless given.

        Positions only say how far to turn. Who may look at whom goes by the order along T.
        """
        todo("2.8", "project x three times, and make heads a leading axis: (..., N, T, H).")
