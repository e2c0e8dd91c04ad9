"""How wrong the predictions are: cross-entropy, the term that calms logits, and bits per byte.

The loss at one position is -log p(target) = log Z - logit(target) with Z = sum of exp(logit). It is
computed in float32, or float64 where the logits are, and averaged over the positions that a mask
leaves. `chunked_cross_entropy` gives the same number and gradients from what the output projection
gets, a few rows at a time, so that the logits, usually the largest tensor of a step, never exist.

Letters: *B any leading axes, D width, V vocabulary, R rows, C rows of one chunk.
"""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from lib.kernels.backend import runs_kernel
from lib.kernels.linear_cross_entropy import linear_cross_entropy
from lib.model.softcap import soft_cap

UNCOUNTED = -100  # stands for a target where the kernel expects no label


def cross_entropy(
    logits: Float[Tensor, "*B V"],
    targets: Int[Tensor, "*B"],
    mask: Bool[Tensor, "*B"] | None = None,
    z_loss: float = 0.0,
) -> Float[Tensor, ""]:
    """The mean loss in nats over the positions where `mask` is True, or all; nan if there is none.

    What stands in `targets` elsewhere does not matter. `z_loss` times (log Z)^2 is added, which
    keeps Z near one; PaLM takes 1e-4 (arXiv 2204.02311, section 5).
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    losses = token_losses(logits, _known(targets, mask), z_loss)
    if mask is None:
        return losses.mean()
    return torch.where(mask, losses, 0).sum() / mask.sum()  # where: 0 * inf would be nan


def token_losses(
    logits: Float[Tensor, "*B V"], targets: Int[Tensor, "*B"], z_loss: float = 0.0
) -> Float[Tensor, "*B"]:
    """The loss at every position, in the dtype of the logits."""
    log_z = log_normaliser(logits)
    return log_z + z_loss * log_z.square() - pick(logits, targets)


def log_normaliser(logits: Float[Tensor, "*B V"]) -> Float[Tensor, "*B"]:
    """log Z. The largest logit is taken out first, as exp(89) is infinite in float32."""
    largest = logits.detach().amax(dim=-1, keepdim=True)
    return (logits - largest).exp_().sum(dim=-1).log() + largest.squeeze(-1)


def pick(logits: Float[Tensor, "*B V"], targets: Int[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """The logit of each target. On a GPU, a target outside the vocabulary stops the program."""
    try:
        return logits.gather(-1, targets.long().unsqueeze(-1)).squeeze(-1)
    except RuntimeError as error:
        if "out of bounds" not in str(error):
            raise
        V = logits.shape[-1]
        raise IndexError(
            f"Targets are token ids from 0 to {V - 1}, but these go from {targets.min()} to "
            f"{targets.max()}. Positions without a label are left out by mask=, not by -100."
        ) from error


def bits_per_byte(loss: float, bytes_per_token: float) -> float:
    """A loss in nats per token, made comparable between tokenizers: bits per byte of UTF-8."""
    return loss / math.log(2) / bytes_per_token


def perplexity(loss: float) -> float:
    """Among how many equally likely tokens the model would be as unsure; infinite above 709."""
    return math.exp(loss) if loss < 709 else math.inf


def chunked_cross_entropy(
    hidden: Float[Tensor, "*B D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, "*B"],
    mask: Bool[Tensor, "*B"] | None = None,
    z_loss: float = 0.0,
    chunk: int = 512,
    softcap: float | None = None,
) -> Float[Tensor, ""]:
    """`cross_entropy` of the logits `hidden @ weight.T`, of which only `chunk` rows exist at once.

    The logits are computed in the dtype of `hidden`, as the model does it, and then widened and
    capped if `softcap` is given (`lib.model.softcap`). The gradients are ready when the loss is:
    what is kept for the way back has their size, not that of the logits.
    """
    if chunk < 1:
        raise ValueError(f"chunk counts rows of logits: from 1 up, not {chunk}.")
    counted = torch.ones_like(targets, dtype=torch.bool) if mask is None else mask
    targets = _known(targets, mask).long()
    if not torch.is_grad_enabled():
        hidden, weight = hidden.detach(), weight.detach()  # then no gradient is computed
    return _ChunkedLoss.apply(
        hidden.flatten(0, -2), weight, targets.flatten(), counted.flatten(), z_loss, chunk, softcap
    )


def output_loss(
    hidden: Float[Tensor, "*B D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, "*B"],
    mask: Bool[Tensor, "*B"] | None = None,
    z_loss: float = 0.0,
    softcap: float | None = None,
    kernels: bool = False,
) -> Float[Tensor, ""]:
    """`chunked_cross_entropy`, or with `kernels` the same on a GPU by `lib.kernels`.

    The kernel caps no logits. On a CPU its twin would hold all of them, so it is not taken there.
    """
    if not kernels or softcap is not None or not runs_kernel(hidden):
        return chunked_cross_entropy(hidden, weight, targets, mask, z_loss, softcap=softcap)
    if mask is not None:
        targets = targets.masked_fill(~mask, UNCOUNTED)
    return linear_cross_entropy(hidden, weight, targets, ignore_index=UNCOUNTED, z_loss=z_loss)


class _ChunkedLoss(torch.autograd.Function):
    """Forward computes the gradients too, while each chunk of logits is at hand."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Float[Tensor, "R D"],
        weight: Float[Tensor, "V D"],
        targets: Int[Tensor, " R"],
        counted: Bool[Tensor, " R"],
        z_loss: float,
        chunk: int,
        softcap: float | None,
    ) -> Float[Tensor, ""]:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        shares = counted / counted.sum(dtype=wide)  # how much of the mean each row is
        d_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        d_weight = torch.zeros_like(weight, dtype=wide) if ctx.needs_input_grad[1] else None
        matrix = weight.to(hidden.dtype)
        loss = hidden.new_zeros((), dtype=wide)
        for rows in (slice(i, i + chunk) for i in range(0, len(hidden), chunk)):
            logits = soft_cap((hidden[rows] @ matrix.T).to(wide), softcap)
            log_z = log_normaliser(logits)
            losses = log_z + z_loss * log_z.square() - pick(logits, targets[rows])
            loss += (losses.masked_fill(~counted[rows], 0) * shares[rows]).sum()
            if d_hidden is None and d_weight is None:
                continue
            d_logits = logits_gradient(logits, log_z, targets[rows], shares[rows], z_loss)
            if softcap is not None:
                d_logits *= 1 - (logits / softcap).square()  # the derivative of tanh
            d_logits = d_logits.to(hidden.dtype)
            if d_hidden is not None:
                d_hidden[rows] = d_logits @ matrix
            if d_weight is not None:
                d_weight += d_logits.T @ hidden[rows]
        ctx.save_for_backward(d_hidden, None if d_weight is None else d_weight.to(weight.dtype))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Float[Tensor, ""]) -> tuple[Tensor | None, ...]:
        d_hidden, d_weight = (None if d is None else d * d_loss for d in ctx.saved_tensors)
        return d_hidden, d_weight, *[None] * 5


def logits_gradient(
    logits: Float[Tensor, "C V"],
    log_z: Float[Tensor, " C"],
    targets: Int[Tensor, " C"],
    shares: Float[Tensor, " C"],
    z_loss: float = 0.0,
) -> Float[Tensor, "C V"]:
    """Of sum(shares * token_losses): the probabilities, minus one at the target, times the share.

    The derivative of log Z is the softmax; z_loss adds 2 z_loss log Z times as much of it.
    """
    gradient = (logits - log_z.unsqueeze(-1)).exp_()
    if z_loss:
        gradient *= 1 + 2 * z_loss * log_z.unsqueeze(-1)
    gradient[torch.arange(len(targets), device=targets.device), targets] -= 1
    return gradient.mul_(shares.unsqueeze(-1))


def _known(targets: Int[Tensor, "*B"], mask: Bool[Tensor, "*B"] | None) -> Int[Tensor, "*B"]:
    """Targets that can be looked up everywhere: those that do not count become 0."""
    return targets if mask is None else targets.masked_fill(~mask, 0)
