"""Steps between ranks that gradients flow through: each one's way back is another one of them.

A tensor is `alike` if all ranks hold the same, and then so is its gradient. Otherwise it is `own`:
each rank holds a part of something, or a summand, and the gradient of that. Between the two lead

    name         from              to     forward         backward
    copy_in      alike             own    nothing         all-reduce
    sum_out      own, a summand    alike  all-reduce      nothing
    gather_in    own, a part       own    all-gather      reduce-scatter
    scatter_out  own, a summand    own    reduce-scatter  all-gather
    take_part    alike             own    take a part     all-gather
    join_parts   own, a part       alike  all-gather      take a part
    swap_parts   own               own    all-to-all      all-to-all

The first two are f and g of Megatron-LM (Shoeybi et al., arXiv 1909.08053), the next two g and its
conjugate in sequence parallelism (Korthikanti et al., arXiv 2205.05198).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from lib.parallel.comm import Comm

Step = Callable[[Tensor], Tensor]


def copy_in(comm: Comm, x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """x, which all hold, for a use that differs from rank to rank: their gradients are added up."""
    return _Conjugate.apply(x, _same, comm.all_reduce)


def sum_out(comm: Comm, x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """The sum over the ranks, for a use that all make alike."""
    return _Conjugate.apply(x, comm.all_reduce, _same)


def gather_in(comm: Comm, x: Float[Tensor, "*S"], dim: int = 0) -> Float[Tensor, "*W"]:
    """The parts of all, joined along `dim`, for a use that differs from rank to rank."""
    there, back = partial(_gathered, comm, dim=dim), partial(_scattered, comm, dim=dim)
    return _Conjugate.apply(x, there, back)


def scatter_out(comm: Comm, x: Float[Tensor, "*W"], dim: int = 0) -> Float[Tensor, "*S"]:
    """This rank's part, along `dim`, of the sum over the ranks."""
    check_cut(x, dim, comm.n_ranks)
    there, back = partial(_scattered, comm, dim=dim), partial(_gathered, comm, dim=dim)
    return _Conjugate.apply(x, there, back)


def take_part(comm: Comm, x: Float[Tensor, "*W"], dim: int = 0) -> Float[Tensor, "*S"]:
    """This rank's part, along `dim`, of an x that all hold."""
    there, back = partial(part_of, comm, dim=dim), partial(_gathered, comm, dim=dim)
    return _Conjugate.apply(x, there, back)


def join_parts(comm: Comm, x: Float[Tensor, "*S"], dim: int = 0) -> Float[Tensor, "*W"]:
    """The parts of all, joined along `dim`, for a use that all make alike."""
    there, back = partial(_gathered, comm, dim=dim), partial(part_of, comm, dim=dim)
    return _Conjugate.apply(x, there, back)


def swap_parts(comm: Comm, x: Float[Tensor, "*S"], cut: int, join: int) -> Float[Tensor, "*R"]:
    """Cut x along one dimension, a part for each rank; join what comes from them along another."""
    there = partial(_swapped, comm, cut=cut, join=join)
    back = partial(_swapped, comm, cut=join, join=cut)
    return _Conjugate.apply(x, there, back)


def part_of(comm: Comm, x: Shaped[Tensor, "*W"], dim: int = 0) -> Shaped[Tensor, "*S"]:
    """This rank's part of x along `dim`, as a tensor of its own."""
    check_cut(x, dim, comm.n_ranks)
    return x.chunk(comm.n_ranks, dim)[comm.rank].clone()


def check_cut(x: Tensor, dim: int, n: int) -> None:
    """A dimension is cut into equal parts."""
    if x.shape[dim] % n:
        raise ValueError(
            f"{n} ranks take equal parts of dimension {dim}, but the shape is {tuple(x.shape)}: "
            f"{x.shape[dim]} / {n} leaves {x.shape[dim] % n} over. Pad it, or use fewer ranks."
        )


class _Conjugate(torch.autograd.Function):
    """A step, and the one that the gradient takes; whose own gradient takes the first again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Step, back: Step) -> Tensor:
        ctx.there, ctx.back = there, back
        return there(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Conjugate.apply(gradient, ctx.back, ctx.there), None, None


def _same(x: Tensor) -> Tensor:
    return x.view_as(x)


def _gathered(comm: Comm, x: Tensor, dim: int) -> Tensor:
    """In memory as it is in shape: else every matrix that reads it makes a copy, and keeps it."""
    return comm.all_gather(x, dim).contiguous()


def _scattered(comm: Comm, x: Tensor, dim: int) -> Tensor:
    return comm.reduce_scatter(x, dim).contiguous()


def _swapped(comm: Comm, x: Tensor, cut: int, join: int) -> Tensor:
    check_cut(x, cut, comm.n_ranks)
    arrived = comm.all_to_all(torch.stack(x.chunk(comm.n_ranks, cut)))
    return torch.cat(arrived.unbind(), join)
