"""Sinusoidal positions: waves of falling frequency, added to the embeddings (arXiv 1706.03762).

Coordinates 2i and 2i + 1 of position p are sin and cos of p * theta ** (-2i / D): the angles of
RoPE, but added once to the vector instead of turning queries and keys. D is the width.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def sinusoids(
    positions: Int[Tensor, "*B T"], width: int, theta: float = 10_000.0
) -> Float[Tensor, "*B T D"]:
    """The vector of every position, of length sqrt(D / 2), in float32."""
    pair = torch.arange((width + 1) // 2, device=positions.device, dtype=torch.float32)
    angles = positions[..., None].float() * theta ** (-2 * pair / width)
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
    return waves[..., :width]
