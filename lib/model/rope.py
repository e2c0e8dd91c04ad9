"""Rotary positions (RoPE): turn queries and keys by their position, so that products see distances.

Coordinates are taken in pairs, and pair i of a vector at position p is rotated by the angle
p * theta ** (-2i / H), in radians: the first pairs turn fast, the last ones hardly at all. The dot
product of a query and a key then depends on their positions only through the difference
(Su et al., arXiv 2104.09864). Letters: B sequences, T positions, N heads, H width of one head.
"""

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

# Cosines and sines of the angles; with or without a leading B, as the positions had it.
Rotation = tuple[Float[Tensor, "*B T pairs"], Float[Tensor, "*B T pairs"]]


def rotation(
    positions: Int[Tensor, "T"] | Int[Tensor, "B T"], head_width: int, theta: float
) -> Rotation:
    """By how much each pair of coordinates turns at each position, in float32.

    In bfloat16 positions above 256 would begin to coincide.
    """
    pair = torch.arange(head_width // 2, device=positions.device, dtype=torch.float32)
    speed = theta ** (-2 * pair / head_width)  # radians per position
    angles = positions[..., None].float() * speed
    return angles.cos(), angles.sin()


def rotate_adjacent(x: Float[Tensor, "B T N H"], by: Rotation) -> Float[Tensor, "B T N H"]:
    """Coordinates 2i and 2i + 1 are a pair: the convention of the paper and of Meta's Llama."""
    pairs = rearrange(x, "B T N (pairs two) -> B T N pairs two", two=2)
    first, second = _turn(pairs[..., 0], pairs[..., 1], by)
    turned = torch.stack([first, second], dim=-1)
    return rearrange(turned, "B T N pairs two -> B T N (pairs two)").to(x.dtype)


def rotate_halves(x: Float[Tensor, "B T N H"], by: Rotation) -> Float[Tensor, "B T N H"]:
    """Coordinates i and i + H/2 are a pair: the convention of GPT-NeoX and of Hugging Face's Llama.

    The same model, if the rows of the query and key weights are permuted accordingly.
    """
    first, second = _turn(*x.chunk(2, dim=-1), by)
    return torch.cat([first, second], dim=-1).to(x.dtype)


def _turn(
    first: Float[Tensor, "B T N pairs"], second: Float[Tensor, "B T N pairs"], by: Rotation
) -> tuple[Float[Tensor, "B T N pairs"], Float[Tensor, "B T N pairs"]]:
    """Rotate the points (first, second) in the plane, by the same angle in all heads."""
    cos, sin = (part[..., :, None, :] for part in by)
    return first * cos - second * sin, first * sin + second * cos
