"""Masks to look at, and how far they let the last position see through many layers.

A mask is True where query t (row) may look at key s (column). Letters: T positions, L layers.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from lib.model.attention import causal_mask, windowed
from lib.model.config import ModelConfig

Square = Bool[Tensor, "T T"]


def layer_masks(config: ModelConfig, length: int) -> list[Square]:
    """The mask of every layer of a model on a text of so many tokens, the lowest layer first."""
    full = causal_mask(length)
    windows = [config.window_of(layer) for layer in range(config.n_layers)]
    return [windowed(full, length, length, window) for window in windows]


def strided_mask(length: int, stride: int) -> Square:
    """The last `stride` keys, and before them every `stride`th (arXiv 1904.10509).

    In two such layers every earlier position is within reach, as in a city where one walks within
    the block and drives between blocks.
    """
    back = _distance(length)
    return (back >= 0) & ((back < stride) | (back % stride == 0))


def document_mask(lengths: Sequence[int]) -> Square:
    """Documents of these lengths behind each other in one sequence: none sees another."""
    document = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return causal_mask(len(document)) & (document[:, None] == document[None, :])


def keys_seen(mask: Square) -> list[int]:
    """How many keys each query sees."""
    return mask.sum(dim=1).tolist()


def reach(masks: Sequence[Square]) -> Bool[Tensor, "levels T"]:
    """Which positions the last one depends on: row 0 of the input, row l of what layer l gives.

    From the top down: a position counts if one above it that counts may look at it, or is the same
    position, because the residual stream carries that along.
    """
    rows = [torch.zeros(len(masks[0]), dtype=torch.bool)]
    rows[0][-1] = True
    for mask in reversed(masks):
        above = rows[-1]
        rows.append(above | (mask & above[:, None]).any(dim=0))
    return torch.stack(rows[::-1])


def inputs_seen(masks: Sequence[Square]) -> int:
    """How many inputs reach the last position through all layers."""
    return int(reach(masks)[0].sum())


def _distance(length: int) -> Tensor:
    """How far before the query the key is; negative for keys after it."""
    place = torch.arange(length)
    return place[:, None] - place[None, :]
