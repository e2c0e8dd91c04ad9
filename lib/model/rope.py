"""Rotary positions (RoPE): turn queries and keys by their position, so that products see distances.

Coordinates are taken in pairs, and pair i of a vector at position p is rotated by the angle
p * theta ** (-2i / H), in radians: the first pairs turn fast, the last ones hardly at all. The dot
product of a query and a key then depends on their positions only through the difference
(Su et al., arXiv 2104.09864). Where fewer angles are given than a head has pairs, its last
coordinates stay as they are (partial RoPE, as in GPT-NeoX). Letters: B sequences, T positions, N
heads, H width of one head.
"""

import math

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

# Cosines and sines of the angles; with or without a leading B, as the positions had it.
Rotation = tuple[Float[Tensor, "*B T pairs"], Float[Tensor, "*B T pairs"]]


def rotation(
    positions: Int[Tensor, "T"] | Int[Tensor, "B T"],
    turned_width: int,
    theta: float,
    scaling: tuple[float, float, float, int] | None = None,
) -> Rotation:
    """By how much each pair of coordinates turns at each position, in float32.

    In bfloat16 positions above 256 would begin to coincide. `turned_width` is H, or less if only
    the first coordinates of a head turn; `scaling` is explained in `stretched`.
    """
    pair = torch.arange(turned_width // 2, device=positions.device, dtype=torch.float32)
    speed = theta ** (-2 * pair / turned_width)  # radians per position
    if scaling is not None:
        speed = stretched(speed, *scaling)
    angles = positions[..., None].float() * speed
    return angles.cos(), angles.sin()


def stretched(
    speed: Float[Tensor, " pairs"], factor: float, low: float, high: float, context: int
) -> Float[Tensor, " pairs"]:
    """Slow pairs made `factor` times slower: they turn no further in a text `factor` times as long.

    As in Llama 3.1: pairs that turn more than `high` times within the `context` of the first
    training stay as they are, those that turn less than `low` times are slowed down, and between
    the two it goes over gradually.
    """
    turns = context * speed / (2 * math.pi)
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return speed * (kept + (1 - kept) / factor)


def rotate_adjacent(x: Float[Tensor, "B T N H"], by: Rotation) -> Float[Tensor, "B T N H"]:
    """Coordinates 2i and 2i + 1 are a pair: the convention of the paper and of Meta's Llama."""
    x, rest = _split(x, by)
    pairs = rearrange(x, "B T N (pairs two) -> B T N pairs two", two=2)
    first, second = _turn(pairs[..., 0], pairs[..., 1], by)
    turned = torch.stack([first, second], dim=-1)
    return _join(rearrange(turned, "B T N pairs two -> B T N (pairs two)").to(x.dtype), rest)


def rotate_halves(x: Float[Tensor, "B T N H"], by: Rotation) -> Float[Tensor, "B T N H"]:
    """Coordinates i and i + H/2 are a pair: the convention of GPT-NeoX and of Hugging Face's Llama.

    The same model, if the rows of the query and key weights are permuted accordingly.
    """
    x, rest = _split(x, by)
    first, second = _turn(*x.chunk(2, dim=-1), by)
    return _join(torch.cat([first, second], dim=-1).to(x.dtype), rest)


def _split(x: Float[Tensor, "B T N H"], by: Rotation) -> tuple[Tensor, Tensor]:
    """The coordinates that turn, and those that do not."""
    n_turned = 2 * by[0].shape[-1]
    return x[..., :n_turned], x[..., n_turned:]


def _join(turned: Float[Tensor, "B T N R"], rest: Float[Tensor, "B T N S"]) -> Tensor:
    return torch.cat([turned, rest], dim=-1) if rest.shape[-1] else turned


def _turn(
    first: Float[Tensor, "B T N pairs"], second: Float[Tensor, "B T N pairs"], by: Rotation
) -> tuple[Float[Tensor, "B T N pairs"], Float[Tensor, "B T N pairs"]]:
    """Rotate the points (first, second) in the plane, by the same angle in all heads."""
    cos, sin = (part[..., :, None, :] for part in by)
    return first * cos - second * sin, first * sin + second * cos
