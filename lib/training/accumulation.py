"""Gradient accumulation: the gradient of a large batch, in parts that fit into memory.

Gradients add up in `.grad` until they are cleared, so the parts of a batch can be run one after
another; each is divided as if all had been averaged at once. The result is the same up to rounding,
the memory for activations that of one part.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

Part = TypeVar("Part")


def accumulate(
    loss_of: Callable[[Part], Tensor],
    parts: Sequence[Part],
    weights: Sequence[float | int] | None = None,
) -> Float[Tensor, ""]:
    """Add the gradient of the mean loss over all parts to `.grad`; return that loss.

    `loss_of` gives the mean loss of one part. `weights` say how much each mean stands for: with
    masked losses, the number of positions that count, so that every position weighs the same. Parts
    of weight 0 are not run. Clear the gradients before.
    """
    weights = [1.0] * len(parts) if weights is None else weights
    check_weights(parts, weights)
    total = float(sum(weights))
    mean = torch.zeros(())
    for part, weight in zip(parts, weights, strict=True):
        if weight:
            loss = loss_of(part) * (weight / total)
            loss.backward()  # frees this part's activations
            mean = mean + loss.detach()
    return mean


def check_weights(parts: Sequence[Part], weights: Sequence[float | int]) -> None:
    """One weight for each part, and something to average."""
    if len(weights) != len(parts):
        raise ValueError(f"{len(parts)} parts need as many weights, but there are {len(weights)}.")
    if not sum(weights) > 0 or min(weights) < 0:
        raise ValueError(
            f"The weights are {list(weights)}: no mean can be taken. They count positions with a "
            "label, and at least one part needs one; skip the batch otherwise."
        )
