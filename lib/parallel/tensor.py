"""Tensor parallelism: two matrices in a row, the first cut by outputs, the second by inputs.

In y = f(x A) B, rank r has some columns of A and the same rows of B. It computes its part of the
hidden values, bends them, which needs no other rank, and multiplies: a summand of y. So the ranks
meet once, in an all-reduce; and once on the way back, for the gradient of x (Megatron-LM, Shoeybi
et al., arXiv 1909.08053). Heads of attention are such parts as well.

A `Linear` keeps its matrix as (d_out, d_in), as PyTorch does, and computes x W^T. What the paper
calls columns are then rows of `weight`: names here are the paper's.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lib.model.checks import divisors
from lib.model.linear import Linear, linear
from lib.parallel.comm import Comm
from lib.parallel.region import Region, add_up_gradients

OUTPUTS, INPUTS = 0, 1  # dimensions of a weight


class ColumnLinear(Linear):
    """From the stream to this rank's part of the outputs."""

    def __init__(
        self, d_in: int, d_out: int, bias: bool, dtype: torch.dtype, region: Region
    ) -> None:
        super().__init__(d_in, share_of(d_out, region.comm, "outputs"), bias, dtype)
        self.region = region

    def forward(self, x: Float[Tensor, "*P d_in"]) -> Float[Tensor, "*T part"]:
        return linear(self.region.enter(x), self.weight, self.bias)


class RowLinear(Linear):
    """From this rank's part of the inputs to the stream, where the ranks' products are summed.

    The bias is added once, to the sum.
    """

    def __init__(
        self, d_in: int, d_out: int, bias: bool, dtype: torch.dtype, region: Region
    ) -> None:
        super().__init__(share_of(d_in, region.comm, "inputs"), d_out, bias, dtype)
        self.region = region
        if bias and region.sequence:
            add_up_gradients(region.comm, [self.bias])

    def forward(self, x: Float[Tensor, "*T part"]) -> Float[Tensor, "*P d_out"]:
        return self.add_up(self.summand(x))

    def summand(self, x: Float[Tensor, "*T part"]) -> Float[Tensor, "*T d_out"]:
        """What this rank adds."""
        return linear(x, self.weight)

    def add_up(self, summand: Float[Tensor, "*T d_out"]) -> Float[Tensor, "*P d_out"]:
        """The sum of what all ranks add, and the bias."""
        total = self.region.leave(summand)
        return total if self.bias is None else total + self.bias.to(total.dtype)


def shard_columns(layer: Linear | nn.Linear, comm: Comm, sequence: bool = False) -> ColumnLinear:
    """This rank's part of a layer that all hold, by outputs."""
    d_out, d_in = layer.weight.shape
    return _filled(ColumnLinear, d_in, d_out, layer, Region(comm, sequence))


def shard_rows(layer: Linear | nn.Linear, comm: Comm, sequence: bool = False) -> RowLinear:
    """This rank's part of a layer that all hold, by inputs; its bias stays whole."""
    d_out, d_in = layer.weight.shape
    return _filled(RowLinear, d_in, d_out, layer, Region(comm, sequence))


def shard(x: Tensor, dim: int | None, comm: Comm) -> Tensor:
    """This rank's part of x along a dimension, as a copy; None: all of it.

    Where the parts cannot be equal the first ranks have one more.
    """
    return (x if dim is None else x.tensor_split(comm.n_ranks, dim)[comm.rank]).detach().clone()


def unshard(part: Tensor, dim: int | None, comm: Comm, size: int) -> Tensor:
    """x again, on all ranks, from their parts. `size` is that of x along the dimension."""
    if dim is None:
        return part.detach().clone()
    shape = [*part.shape[:dim], size, *part.shape[dim + 1 :]]
    x = part.new_zeros(shape)
    x.tensor_split(comm.n_ranks, dim)[comm.rank].copy_(part.detach())
    return comm.all_reduce(x)  # parts of unequal size cannot be gathered, but zeros can be added


def share_of(n: int, comm: Comm, what: str) -> int:
    """How many of n things this rank has, if all have equally many."""
    if n % comm.n_ranks:
        raise ValueError(
            f"{n} {what} cannot be shared out equally among {comm.n_ranks} ranks: {n} / "
            f"{comm.n_ranks} leaves {n % comm.n_ranks} over. Use a number of ranks from "
            f"{divisors(n)}, or change the number of {what}."
        )
    return n // comm.n_ranks


def _filled(
    kind: type, d_in: int, d_out: int, layer: Linear | nn.Linear, region: Region
) -> ColumnLinear | RowLinear:
    weight, bias, comm = layer.weight, layer.bias, region.comm
    made = kind(d_in, d_out, bias is not None, weight.dtype, region).to(weight.device)
    of_columns = kind is ColumnLinear
    with torch.no_grad():
        made.weight.copy_(shard(weight, OUTPUTS if of_columns else INPUTS, comm))
        if bias is not None:
            made.bias.copy_(shard(bias, OUTPUTS if of_columns else None, comm))
    return made
