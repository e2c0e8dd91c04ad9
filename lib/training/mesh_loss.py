"""The loss where every process of a tensor group has the logits of its own part of the vocabulary.

log Z is a sum over the whole vocabulary, of which each process adds up its part; the logit of a
target is with one of them. So a group exchanges three numbers for each position, the largest
logit, the sum and the target's logit, and never the logits. PyTorch's `loss_parallel` does that
too, but has no z-loss.

Letters: *B any leading axes, W the words of one process.
"""

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


def token_losses_of_parts(
    logits: Float[Tensor, "*B W"],
    targets: Int[Tensor, "*B"],
    first: int,
    group: dist.ProcessGroup,
    z_loss: float = 0.0,
) -> Float[Tensor, "*B"]:
    """`losses.token_losses` at every position, on all processes of the group.

    `first` is the id of the first word here. Each process gets the gradient for its own logits.
    """
    return _PartsLoss.apply(logits, targets, first, group, z_loss)


class _PartsLoss(torch.autograd.Function):
    """Forward exchanges sums; backward needs no message."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Float[Tensor, "*B W"],
        targets: Int[Tensor, "*B"],
        first: int,
        group: dist.ProcessGroup,
        z_loss: float,
    ) -> Float[Tensor, "*B"]:
        largest = logits.amax(dim=-1)
        dist.all_reduce(largest, dist.ReduceOp.MAX, group)
        ids = targets - first
        here = (ids >= 0) & (ids < logits.shape[-1])
        ids = ids.masked_fill(~here, 0)
        picked = logits.gather(-1, ids.unsqueeze(-1)).squeeze(-1).masked_fill(~here, 0)
        sums = torch.stack([(logits - largest.unsqueeze(-1)).exp_().sum(dim=-1), picked])
        dist.all_reduce(sums, dist.ReduceOp.SUM, group)
        log_z, picked = sums[0].log() + largest, sums[1]
        ctx.save_for_backward(logits, log_z, ids, here)
        ctx.z_loss = z_loss
        return log_z + z_loss * log_z.square() - picked

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_losses: Float[Tensor, "*B"]) -> tuple[Tensor | None, ...]:
        """As `losses.logits_gradient`, but only one of the processes subtracts one."""
        logits, log_z, ids, here = ctx.saved_tensors
        gradient = (logits - log_z.unsqueeze(-1)).exp_()
        gradient *= (1 + 2 * ctx.z_loss * log_z).unsqueeze(-1)
        gradient.scatter_add_(-1, ids.unsqueeze(-1), -here.unsqueeze(-1).to(gradient.dtype))
        return gradient * d_losses.unsqueeze(-1), *[None] * 4
