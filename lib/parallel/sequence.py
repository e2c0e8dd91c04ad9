"""Sequence parallelism: norm and dropout, which see one position at a time, on a part of them each.

Tensor parallelism leaves these to all ranks alike, and each keeps all their activations. Instead,
each rank can have a part of the positions there, and so keeps 1 / n of it (Korthikanti et al.,
arXiv 2205.05198). No position is done twice, no byte more is sent: `region` says how one gets in
and out. What changes is that weights of such a layer meet different positions on each rank, so
their gradients are summands; and that dropout has to be different on each rank.

Letters: B sequences, T positions, P = T / n of them on one rank, D width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lib.parallel.comm import Comm
from lib.parallel.conjugates import part_of
from lib.parallel.region import POSITIONS, add_up_gradients


class SequenceNorm(nn.Module):
    """A norm of this rank's positions, with weights that all ranks hold and learn together."""

    def __init__(self, norm: nn.Module, comm: Comm) -> None:
        super().__init__()
        self.norm = norm
        add_up_gradients(comm, norm.parameters())

    def forward(self, x: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        return self.norm(x)


def sequence_dropout(
    comm: Comm, x: Float[Tensor, "B P D"], p: float, generator: torch.Generator
) -> Float[Tensor, "B P D"]:
    """`dropout` of the whole sequence, of which this rank has a part.

    `generator` is in the same state on all ranks: each draws for all positions and keeps its own,
    so the result does not depend on their number. As random, and cheaper, is to draw only one's
    own, from a seed of one's own; with the same seed, all parts would lose the same coordinates.
    """
    B, P, D = x.shape
    kept = kept_values((B, P * comm.n_ranks, D), p, generator).to(x.device)
    return x * part_of(comm, kept, POSITIONS) / (1 - p)


def dropout(
    x: Float[Tensor, "B T D"], p: float, generator: torch.Generator
) -> Float[Tensor, "B T D"]:
    """Each value becomes zero with probability p; the others grow, so that the mean stays."""
    return x * kept_values(tuple(x.shape), p, generator).to(x.device) / (1 - p)


def kept_values(shape: tuple[int, ...], p: float, generator: torch.Generator) -> Tensor:
    """True with probability 1 - p."""
    return torch.rand(shape, generator=generator, device=generator.device) >= p
