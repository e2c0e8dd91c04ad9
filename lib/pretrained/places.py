"""Which tensor of a checkpoint is which weight of ours, and in what form it is stored.

GPT-2 stores its matrices turned, (in, out) where ours are (out, in), and those of queries, keys and
values as one. Letters: N heads, H width of one head.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from lib.model.config import ModelConfig
from lib.pretrained.families import Family

Shape = tuple[int, ...]
TURNED = ("c_attn", "c_proj", "c_fc")


class Place(NamedTuple):
    """What one tensor of theirs is to us: one weight, or several joined along the outputs."""

    ours: tuple[str, ...]
    turned: bool

    def shape(self, shapes: Mapping[str, Shape]) -> Shape:
        """That of their tensor, from those of our weights."""
        parts = [shapes[name] for name in self.ours]
        joined = (sum(part[0] for part in parts), *parts[0][1:])
        return joined[::-1] if self.turned else joined

    def join(self, parts: list[Tensor]) -> Tensor:
        """Our weights in their form."""
        joined = parts[0] if len(parts) == 1 else torch.cat(parts)
        return joined.T if self.turned else joined

    def split(self, tensor: Tensor) -> list[Tensor]:
        """Their tensor in our form. One that is stored as ours is not copied."""
        if len(self.ours) == 1 and not self.turned:
            return [tensor]
        tensor = tensor.T if self.turned else tensor
        return [part.contiguous() for part in tensor.chunk(len(self.ours))]


def places(
    family: Family, config: ModelConfig, shapes: Mapping[str, Shape]
) -> Iterator[tuple[str, Place]]:
    """Every tensor of theirs that our weights, of these `shapes`, come from: layer by layer."""
    rows = list(family.names)
    layered = [row for row in rows if "{}" in row]
    first = rows.index(layered[0])
    modules = rows[:first]
    modules += [row.format(layer) for layer in range(config.n_layers) for row in layered]
    modules += [row for row in rows[first:] if row not in layered]
    for module in modules:
        for kind in ("weight", "bias"):
            place = _place(module, kind, family)
            if place.ours[0] in shapes:
                yield full_name(f"{module}.{kind}", family), place


def full_name(name: str, family: Family) -> str:
    """With the family's prefix, which some checkpoints leave out."""
    return name if name.startswith((family.prefix, "lm_head.")) else family.prefix + name


def to_halves(name: str, tensor: Float[Tensor, "..."], config: ModelConfig) -> Float[Tensor, "..."]:
    """Our `tensor` as it must be for coordinates i and i + H/2 to turn together, not 2i and 2i + 1.

    The products of queries and keys stay the same, as both are reordered alike.
    """
    reordered = ("query.", "key.", "query_norm.", "key_norm.")
    if config.positions != "rope" or not name.split("attention.")[-1].startswith(reordered):
        return tensor
    pairs = config.head_width // 2
    return rearrange(tensor, "(N pairs two) ... -> (N two pairs) ...", pairs=pairs, two=2)


def _place(module: str, kind: str, family: Family) -> Place:
    layer = next(iter(re.findall(r"\.(\d+)\.", module)), "")
    ours = family.names[module.replace(f".{layer}.", ".{}.", 1)]
    turned = kind == "weight" and module.endswith(TURNED)
    return Place(tuple(f"{part.format(layer)}.{kind}" for part in ours.split()), turned)
