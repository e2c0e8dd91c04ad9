"""Cross-entropy that spends the logits: the forward pass writes their gradient over them.

Logits are often the largest tensor of a training step, and nothing else needs them. Their gradient
costs no memory here, and no second reading in the backward pass, which only scales it, and not even
that where the factor is 1. Autograd notices if someone else had kept the logits for later.
"""

import torch
from torch import Tensor

from lib.kernels.cross_entropy_kernels import (
    cross_entropy_kernel,
    edge_places,
    launch,
    row_parts,
)
from lib.kernels.language import jit, tl


@jit
def scale_rows_kernel(x_ptr, factor_ptr, row_stride, factor_stride, V, BLOCK: tl.constexpr):
    """Rows times their factors, in place; a factor of 1, the usual one, costs nothing."""
    row = tl.program_id(0).to(tl.int64)
    factor = tl.load(factor_ptr + row * factor_stride).to(tl.float32)
    if factor != 1.0:
        aligned, first, body, end, last = row_parts(row * row_stride, V)
        row_ptr = x_ptr + aligned
        at, inside = edge_places(first, body, end, last)
        edges = tl.load(row_ptr + at, mask=inside).to(tl.float32)
        tl.store(row_ptr + at, edges * factor, mask=inside)
        for start in range(body, end, BLOCK):
            places = start + tl.arange(0, BLOCK)
            x = tl.load(row_ptr + places, mask=places < end).to(tl.float32)
            tl.store(row_ptr + places, x * factor, mask=places < end)


def row_losses(
    logits: Tensor, targets: Tensor, share: Tensor, ignore_index: int, z_loss: float, gradient: bool
) -> tuple[Tensor, Tensor]:
    """Loss and log Z by row in float32. If `gradient`, it replaces the rows, times `share`."""
    R, V = logits.shape
    check_targets(targets, V, ignore_index)
    losses, log_z = two_per_row(logits)
    if R:
        cross_entropy_kernel[(R,)](
            logits,
            targets.contiguous(),
            share,
            losses,
            log_z,
            logits.stride(0),
            V,
            ignore_index,
            z_loss,
            GRADIENT=gradient,
            **launch(V),
        )
    return losses, log_z


def two_per_row(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Space for two float32 numbers of every row."""
    new = [torch.empty(logits.shape[:1], dtype=torch.float32, device=logits.device) for _ in "ab"]
    return new[0], new[1]


def check_targets(targets: Tensor, V: int, ignore_index: int) -> None:
    """On a CPU, that targets are ids; on a GPU asking would mean waiting: there the loss is NaN."""
    if targets.is_cuda or torch.compiler.is_compiling():
        return
    strange = targets[(targets != ignore_index) & ((targets < 0) | (targets >= V))]
    if strange.numel():
        raise IndexError(
            f"Targets are token ids from 0 to {V - 1}, or {ignore_index} where there is none, but "
            f"one is {strange[0].item()}."
        )


@torch.library.custom_op("kernels::cross_entropy_in_place", mutates_args=("logits",))
def cross_entropy_in_place_op(
    logits: Tensor, targets: Tensor, share: Tensor, ignore_index: int, z_loss: float
) -> tuple[Tensor, Tensor]:
    """Loss and log Z by row, and over the logits the gradient of the losses' sum times `share`.

    Rows must be of neighbouring numbers, and not overlap.
    """
    return row_losses(logits, targets, share, ignore_index, z_loss, True)


@cross_entropy_in_place_op.register_fake
def _(
    logits: Tensor, targets: Tensor, share: Tensor, ignore_index: int, z_loss: float
) -> tuple[Tensor, Tensor]:
    return two_per_row(logits)


@torch.library.custom_op("kernels::scale_rows", mutates_args=("x",))
def scale_rows_op(x: Tensor, factor: Tensor) -> None:
    """Rows of x times `factor`, one for each or one for all, in place."""
    if len(x):
        stride = factor.stride(0) if factor.ndim else 0
        settings = launch(x.shape[1])
        scale_rows_kernel[(len(x),)](x, factor, x.stride(0), stride, x.shape[1], **settings)


class CrossEntropyInPlace(torch.autograd.Function):
    """The reduced loss; the way back can be gone once."""

    @staticmethod
    def forward(
        ctx, logits: Tensor, targets: Tensor, ignore_index: int, z_loss: float, reduction: str
    ) -> Tensor:
        share = torch.ones((), device=logits.device)
        if reduction == "mean":
            share = share / (targets != ignore_index).sum()
        losses, _ = cross_entropy_in_place_op(logits, targets, share, ignore_index, z_loss)
        ctx.save_for_backward(logits)
        ctx.spent = False
        return losses if reduction == "none" else losses.sum() * share

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.spent:
            raise RuntimeError(
                "cross_entropy(inplace=True) hands out its only gradient in the first backward "
                "pass. For a second one, take inplace=False."
            )
        ctx.spent = True
        (gradient,) = ctx.saved_tensors
        gradient = gradient.detach()
        scale_rows_op(gradient, grad)
        return gradient, None, None, None, None
