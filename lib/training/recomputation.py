"""Activation checkpointing: keep what enters a stretch of layers, compute the rest again later.

For the way back, each layer keeps intermediate results. If a stretch keeps only its input, they can
be computed a second time when its gradient is due: about a third more FLOPs, as the forward pass is
one of three. L layers in stretches of k keep L / k inputs and, one stretch at a time, the results
of k layers: least at k near sqrt(L) (Chen et al., arXiv 1604.06174).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

Layer = Callable[[Tensor], Tensor]


def in_stretches(layers: Iterable[Layer], x: Float[Tensor, "*S"], k: int) -> Float[Tensor, "*T"]:
    """Apply all layers in order, keeping of each k of them only what goes in."""
    if k < 1:
        raise ValueError(f"A stretch has at least one layer, not {k}.")
    layers = list(layers)
    for start in range(0, len(layers), k):
        x = recompute(partial(_in_order, layers[start : start + k]), x)
    return x


def recompute(layer: Layer, x: Float[Tensor, "*S"]) -> Float[Tensor, "*T"]:
    """layer(x), of which only x is kept. The obvious version, to be read: see `recomputed_blocks`.

    The layer may not draw random numbers: the second time, it would draw others.
    """
    if torch.is_grad_enabled() and not x.requires_grad:
        raise ValueError(
            "Without a gradient for x, the layer would not be run again, and its parameters would "
            "get none. Keep the first layer out of it, or call x.requires_grad_()."
        )
    return _Recompute.apply(layer, x)


class _Recompute(torch.autograd.Function):
    """Forward without a graph; backward builds the graph that forward left out, and uses it up."""

    @staticmethod
    def forward(ctx: Any, layer: Layer, x: Float[Tensor, "*S"]) -> Float[Tensor, "*T"]:
        ctx.layer = layer
        ctx.save_for_backward(x)
        return layer(x)  # in an autograd.Function, no graph is recorded

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, "*T"]) -> tuple[None, Float[Tensor, "*S"]]:
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            y = ctx.layer(x)
        y.backward(gradient)  # the parameters inside get their gradients here
        return None, x.grad


@contextmanager
def recomputed_blocks(blocks: Iterable[nn.Module], every: int = 1) -> Iterator[None]:
    """While it lasts, each `every`-th block keeps only its inputs: for training, by PyTorch.

    `torch.utils.checkpoint` also takes care of random numbers, autocast and any arguments. Only
    forward passes need to happen inside:

        with recomputed_blocks(model.blocks):
            loss = cross_entropy(model(ids), targets)
        loss.backward()
    """
    if every < 1:
        raise ValueError(f"Every first, second or later block, but not every {every}th.")
    chosen = list(blocks)[::every]
    originals = [block.forward for block in chosen]
    for block, forward in zip(chosen, originals, strict=True):
        block.forward = partial(checkpoint, forward, use_reentrant=False)
    try:
        yield
    finally:
        for block in chosen:
            del block.forward  # the class's own method is visible again


def _in_order(layers: Iterable[Layer], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x
