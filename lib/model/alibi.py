"""ALiBi: no positions in the vectors; instead, scores fall with distance (arXiv 2108.12409).

A query's score for a key `d` positions back is lowered by slope * d, with another slope in every
head. Letters: B sequences, T positions, N heads.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def alibi_slopes(n_heads: int) -> Float[Tensor, " N"]:
    """For a power of two, 2 ** (-8 / N), its square, its cube ...; ending with 2 ** -8.

    Other numbers of heads take the slopes of the next smaller power of two, and fill up with every
    other slope of the next larger one, as the paper's authors do.
    """
    whole = 1 << (n_heads.bit_length() - 1)  # the largest power of two that is not above N
    slopes = _powers(whole)
    if whole < n_heads:
        slopes = torch.cat([slopes, _powers(2 * whole)[::2][: n_heads - whole]])
    return slopes


def _powers(n: int) -> Float[Tensor, " n"]:
    return 2.0 ** (-8 * torch.arange(1, n + 1, dtype=torch.float32) / n)


def alibi_bias(
    positions: Int[Tensor, "T"] | Int[Tensor, "B T"], n_heads: int
) -> Float[Tensor, "N T T"] | Float[Tensor, "B N T T"]:
    """What is added to the scores. Keys ahead of the query get a bonus, but a mask hides those."""
    back = (positions[..., :, None] - positions[..., None, :]).float()  # (*B, T, T)
    slopes = alibi_slopes(n_heads).to(positions.device)
    return -slopes[:, None, None] * back[..., None, :, :]
