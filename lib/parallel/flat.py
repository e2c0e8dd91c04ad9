"""Many tensors as one long vector, of which every rank has an equal part.

Collectives take one tensor, and few long messages are faster than many short ones. So tensors are
laid end to end, with zeros behind the last one until the ranks can share equally:

    weight 6          bias 3   0
    [a b c d e f]   [g h i]  [0]       two ranks: [a b c d e] and [f g h i 0]

A part begins and ends anywhere, in the middle of a row if need be. `pieces` says what is in it.

Letters: n ranks.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Piece:
    """Values `start` to `stop` of a flattened tensor, which lie from `at` on in a rank's part."""

    tensor: int  # which one
    start: int
    stop: int
    at: int

    @property
    def numel(self) -> int:
        return self.stop - self.start


class FlatLayout:
    """Where tensors of these shapes lie in one vector, cut into n equal parts."""

    def __init__(self, shapes: Iterable[tuple[int, ...]], n_ranks: int = 1) -> None:
        self.shapes, self.n_ranks = [tuple(shape) for shape in shapes], n_ranks
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.begins = [sum(self.sizes[:i]) for i in range(len(self.sizes))]
        self.part = -(-sum(self.sizes) // n_ranks)  # rounded up
        self.total = self.part * n_ranks

    def views(self, flat: Tensor) -> list[Tensor]:
        """The tensors, in the memory of the vector."""
        placed = zip(self.begins, self.sizes, self.shapes)
        return [flat[begin : begin + size].view(shape) for begin, size, shape in placed]

    def part_of(self, flat: Tensor, rank: int) -> Tensor:
        """What a rank has of the vector, in its memory."""
        return flat[rank * self.part : (rank + 1) * self.part]

    def pieces(self, rank: int) -> list[Piece]:
        """What lies in a rank's part, in order: for every tensor one piece, which may be empty."""
        begin, end = rank * self.part, (rank + 1) * self.part
        found = []
        for i, (first, size) in enumerate(zip(self.begins, self.sizes)):
            start, stop = (min(max(edge - first, 0), size) for edge in (begin, end))
            found.append(Piece(i, start, stop, max(first - begin, 0) if stop > start else 0))
        return found


def flattened(tensors: Iterable[Tensor | None], layout: FlatLayout, like: Tensor) -> Tensor:
    """A vector with copies of the tensors; zeros where there is none, and behind the last."""
    flat = torch.zeros(layout.total, dtype=like.dtype, device=like.device)
    for view, tensor in zip(layout.views(flat), tensors, strict=True):
        if tensor is not None:
            view.copy_(tensor.detach())
    return flat
