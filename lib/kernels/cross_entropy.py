"""Cross-entropy of logits in one reading: the loss of every row, its mean or sum, and the gradient.

The same numbers as `lib.training.losses.cross_entropy`, which leaves rows out by a mask and not by
a target. Between PyTorch's operators the logits would travel to memory and back several times; see
`cross_entropy_kernels` for how one walk is enough.

Letters: R rows, V vocabulary.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_shape
from lib.kernels.cross_entropy_in_place import (
    CrossEntropyInPlace,
    check_targets,
    row_losses,
    two_per_row,
)
from lib.kernels.cross_entropy_kernels import cross_entropy_backward_kernel, launch

REDUCTIONS = ("mean", "sum", "none")


def with_rows(logits: Tensor) -> Tensor:
    """Rows may lie apart, as those of a slice of a padded vocabulary do, but not scattered."""
    V = logits.shape[1]
    return logits if logits.stride(1) == 1 and logits.stride(0) >= V else logits.contiguous()


@torch.library.custom_op("kernels::cross_entropy", mutates_args=())
def cross_entropy_op(
    logits: Tensor, targets: Tensor, ignore_index: int, z_loss: float
) -> tuple[Tensor, Tensor]:
    """The loss of every row, 0 where the target is `ignore_index`, and its log Z, in float32."""
    return row_losses(with_rows(logits), targets, logits, ignore_index, z_loss, False)


@cross_entropy_op.register_fake
def _(logits: Tensor, targets: Tensor, ignore_index: int, z_loss: float) -> tuple[Tensor, Tensor]:
    return two_per_row(logits)


@torch.library.custom_op("kernels::cross_entropy_backward", mutates_args=())
def cross_entropy_backward_op(
    logits: Tensor,
    targets: Tensor,
    log_z: Tensor,
    grad: Tensor,
    ignore_index: int,
    z_loss: float,
) -> Tensor:
    """The gradient of the logits, given that of every row's loss."""
    logits = with_rows(logits)
    out = torch.empty_strided(
        logits.shape, logits.stride(), dtype=logits.dtype, device=logits.device
    )
    R, V = logits.shape
    if R:
        cross_entropy_backward_kernel[(R,)](
            logits,
            targets.contiguous(),
            log_z,
            grad,
            out,
            logits.stride(0),
            grad.stride(0),
            V,
            ignore_index,
            z_loss,
            **launch(V),
        )
    return out


@cross_entropy_backward_op.register_fake
def _(
    logits: Tensor,
    targets: Tensor,
    log_z: Tensor,
    grad: Tensor,
    ignore_index: int,
    z_loss: float,
) -> Tensor:
    logits = with_rows(logits)
    return torch.empty_strided(
        logits.shape, logits.stride(), dtype=logits.dtype, device=logits.device
    )


class CrossEntropy(torch.autograd.Function):
    """Losses by row; the gradient is computed in the backward pass, from logits kept till then."""

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, ignore_index: int, z_loss: float) -> Tensor:
        losses, log_z = cross_entropy_op(logits, targets, ignore_index, z_loss)
        ctx.save_for_backward(logits, targets, log_z)
        ctx.ignore_index, ctx.z_loss = ignore_index, z_loss
        return losses

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        logits, targets, log_z = ctx.saved_tensors
        gradient = cross_entropy_backward_op(
            logits, targets, log_z, grad, ctx.ignore_index, ctx.z_loss
        )
        return gradient, None, None, None


def cross_entropy_plain(
    logits: Tensor,
    targets: Tensor,
    *,
    ignore_index: int = -100,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """The twin."""
    check_targets(targets, logits.shape[-1], ignore_index)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    counted = targets != ignore_index
    log_z = logits.logsumexp(dim=-1)
    chosen = logits.gather(-1, targets.where(counted, 0).long().unsqueeze(-1)).squeeze(-1)
    losses = torch.where(counted, log_z - chosen + z_loss * log_z.square(), 0)
    return _reduced(losses, counted, reduction)


def _reduced(losses: Tensor, counted: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / counted.sum()


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    ignore_index: int = -100,
    z_loss: float = 0.0,
    reduction: str = "mean",
    inplace: bool = False,
) -> Tensor:
    """-log p(target) + z_loss (log Z)^2 in nats, float32, of logits (..., V) and targets (...).

    Rows whose target is `ignore_index` count for nothing; "mean" is over the others, nan if there
    are none. A target outside the vocabulary raises an IndexError on a CPU and gives nan on a GPU.
    `inplace` writes the gradient over the logits, which are spent by that.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"There is no reduction {reduction!r}: {', '.join(REDUCTIONS)}.")
    check_shape("cross_entropy", "targets", targets, tuple(logits.shape[:-1]))
    check_same_device("cross_entropy", logits=logits, targets=targets)
    if not runs_kernel(logits):
        return cross_entropy_plain(
            logits, targets, ignore_index=ignore_index, z_loss=z_loss, reduction=reduction
        )
    check_float("cross_entropy", logits=logits)
    rows, ids = logits.reshape(targets.numel(), logits.shape[-1]), targets.reshape(-1)
    if inplace and logits.requires_grad and torch.is_grad_enabled():
        loss = CrossEntropyInPlace.apply(with_rows(rows), ids, ignore_index, z_loss, reduction)
    else:
        losses = CrossEntropy.apply(rows, ids, ignore_index, z_loss)
        loss = _reduced(losses, ids != ignore_index, reduction)
    return loss.reshape(targets.shape) if reduction == "none" else loss
