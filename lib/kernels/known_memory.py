"""Which memory belongs to which tensor: for every address a kernel touches, its name and place.

A kernel gets an address and may reach anything from it. What it should reach are the elements of
the tensor at that address, and of a strided view only those: the gaps belong to somebody else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KnownTensor:
    """Where a tensor lies. If it is part of a named one, `name` to `strides` are those of that."""

    name: str
    start: int  # address that offsets are counted from, in elements
    itemsize: int  # bytes of an element
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements
    low: int = field(repr=False)  # address of its own first byte
    high: int = field(repr=False)  # behind its last one
    present: NDArray | None = field(repr=False, default=None)  # which elements; None means all

    def holds(self, addresses: NDArray) -> NDArray:
        """For each address whether one of the tensor's elements begins there."""
        inside = (addresses >= self.low) & (addresses < self.high)
        place = np.where(inside, addresses - self.low, 0)
        inside &= place % self.itemsize == 0
        if self.present is not None:
            inside &= self.present[place // self.itemsize]
        return inside

    def contains(self, other: "KnownTensor") -> bool:
        return self.low <= other.low and other.high <= self.high


def known_tensor(name: str, x: Any) -> KnownTensor:
    """Of a torch tensor on the CPU, or what else has its methods."""
    itemsize, low = x.element_size(), x.data_ptr()
    shape, strides = tuple(x.shape), tuple(x.stride())
    extent = 1 + sum((n - 1) * step for n, step in zip(shape, strides)) if x.numel() else 0
    present = None
    if extent > x.numel():
        present = np.zeros(extent, dtype=bool)
        np.lib.stride_tricks.as_strided(present, shape, strides)[...] = True
    return KnownTensor(name, low, itemsize, shape, strides, low, low + extent * itemsize, present)


def as_part_of(named: Iterable[KnownTensor], x: KnownTensor) -> KnownTensor:
    """`x` under the name of the smallest tensor around it, if there is one with such elements."""
    around = [it for it in named if it.contains(x) and it.itemsize == x.itemsize]
    if not around:
        return x
    whole = min(around, key=lambda it: it.high - it.low)
    bounds = x.low, x.high, x.present
    return KnownTensor(whole.name, whole.start, whole.itemsize, whole.shape, whole.strides, *bounds)
