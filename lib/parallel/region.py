"""Into a stretch of the model that ranks share between them, and out of it again.

Inside, ranks do different things with the same x: each multiplies it with its part of a matrix.
Outside, where norms are taken and layers are added to the stream, there are two ways:

- all ranks do the same with whole sequences. Way in: nothing; way out: an all-reduce;
- each rank has its part of the positions (sequence parallelism). Way in: an all-gather; way out: a
  reduce-scatter. Together these are one all-reduce, so it costs no more bytes.

Letters: B sequences, T positions, P of them on one rank (all T without sequence parallelism), D
width.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from lib.parallel.comm import Comm
from lib.parallel.conjugates import copy_in, gather_in, part_of, scatter_out, sum_out

POSITIONS = 1  # the dimension


@dataclass(frozen=True)
class Region:
    """How the ranks of `comm` part and meet; with `sequence` they have parts of it outside."""

    comm: Comm
    sequence: bool = False

    def enter(self, x: Float[Tensor, "*P D"]) -> Float[Tensor, "*T D"]:
        """From the stream into the region. Layers that read the same x enter once, together."""
        if self.sequence:
            return gather_in(self.comm, x, POSITIONS)
        return copy_in(self.comm, x)

    def leave(self, summand: Float[Tensor, "*T D"]) -> Float[Tensor, "*P D"]:
        """The sum over the ranks goes back to the stream."""
        if self.sequence:
            return scatter_out(self.comm, summand, POSITIONS)
        return sum_out(self.comm, summand)

    def own(self, positions: Int[Tensor, "*B T"]) -> Int[Tensor, "*B P"]:
        """The positions that this rank has outside."""
        return part_of(self.comm, positions, dim=-1) if self.sequence else positions

    def share(self, module: nn.Module) -> None:
        """A module that all hold, used outside: there, with `sequence`, each has its positions."""
        if self.sequence:
            add_up_gradients(self.comm, module.parameters())


def add_up_gradients(comm: Comm, weights: Iterable[Tensor]) -> None:
    """Of weights that all hold but use differently; from now on, whenever backward reaches one.

    It is `copy_in` for weights, fastened to them.
    """
    for weight in weights:
        if weight.requires_grad:
            weight.register_hook(comm.all_reduce)
