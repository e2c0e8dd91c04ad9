"""Attention as it is written on paper, with all weights in memory. Complete.

Letters: B sequences or heads (any leading axes), T queries, S keys, H width of one head.
"""

import math

import torch
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
    """Averages of the values: q (..., T, H), k and v (..., S, H) -> (..., T, H).

    The queries are the last T of the S positions: causal means that query i sees the keys j with
    j <= i + S - T.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if is_causal:
        scores = scores.masked_fill(hidden(q.shape[-2], k.shape[-2], q.device), float("-inf"))
    return scores.softmax(dim=-1) @ v


def hidden(n_queries: int, n_keys: int, device: torch.device | str = "cpu") -> Tensor:
    """(T, S): True where a query must not look."""
    positions = torch.arange(n_keys - n_queries, n_keys, device=device)
    return torch.arange(n_keys, device=device) > positions[:, None]
