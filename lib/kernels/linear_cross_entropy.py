"""Cross-entropy of hidden @ weight.T, whose logits never exist: the last layer and its loss.

Logits are often the largest tensor of a training step: R V numbers, and as many for their gradient.
Here some rows at a time are multiplied out, turned into their gradient where they lie (see
cross_entropy_in_place), and multiplied back into the gradients of hidden and weight. So these are
ready when the loss is, and what exists at once is C V logits, D numbers for each row, and for each
row of the weight D sums and D numbers of the gradient that is made of them.

The same numbers as `lib.training.losses.chunked_cross_entropy`.

Letters: R rows, D width, V vocabulary, C rows of a chunk.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_shape
from lib.kernels.cross_entropy import cross_entropy_op, cross_entropy_plain
from lib.kernels.cross_entropy_in_place import cross_entropy_in_place_op
from lib.kernels.language import cdiv
from lib.kernels.matmul import add_product_op

CHUNK = 1024


def losses_and_gradients(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    ignore_index: int,
    z_loss: float,
    chunk: int,
    sums: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    """The mean loss and its gradients for hidden and weight, `chunk` rows or fewer at a time."""
    V, D = weight.shape
    share = 1 / (targets != ignore_index).sum()
    matrix = weight.to(hidden.dtype)
    d_hidden = torch.empty_like(hidden, memory_format=torch.contiguous_format)
    d_weight = torch.zeros(_padded(V), D, dtype=sums, device=hidden.device)
    losses = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
    space = _space(hidden, V, chunk)
    for rows in _chunks(len(hidden), len(space)):
        x, gradient = hidden[rows], space[: rows.stop - rows.start]
        logits = torch.mm(x, matrix.t(), out=gradient[:, :V])
        losses[rows], _ = cross_entropy_in_place_op(
            logits, targets[rows], share, ignore_index, z_loss
        )
        torch.mm(logits, matrix, out=d_hidden[rows])
        if sums == hidden.dtype:
            d_weight.addmm_(gradient.t(), x)
        else:
            add_product_op(d_weight, gradient.t(), x)
    return losses.sum() * share, d_hidden, d_weight[:V].to(weight.dtype)


def _padded(V: int) -> int:
    """Rows of logits that begin at multiples of 32 bytes are loaded by 16; others one by one."""
    return cdiv(V, 16) * 16


def _space(hidden: Tensor, V: int, chunk: int) -> Tensor:
    """Room for the logits of one chunk; all chunks get about equally many rows.

    The padding is 0 and stays so: in a product with the gradient it adds nothing.
    """
    R = len(hidden)
    C = cdiv(R, max(1, cdiv(R, chunk)))
    return torch.zeros(C, _padded(V), dtype=hidden.dtype, device=hidden.device)


def _chunks(R: int, C: int) -> list[slice]:
    return [slice(i, min(i + C, R)) for i in range(0, R, max(1, C))]


@torch.library.custom_op("kernels::linear_cross_entropy", mutates_args=())
def linear_cross_entropy_op(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    ignore_index: int,
    z_loss: float,
    chunk: int,
    sums: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    return losses_and_gradients(hidden, weight, targets, ignore_index, z_loss, chunk, sums)


@linear_cross_entropy_op.register_fake
def _(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    ignore_index: int,
    z_loss: float,
    chunk: int,
    sums: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    loss = torch.empty((), dtype=torch.float32, device=hidden.device)
    contiguous = {"memory_format": torch.contiguous_format}
    return loss, torch.empty_like(hidden, **contiguous), torch.empty_like(weight, **contiguous)


@torch.library.custom_op("kernels::linear_cross_entropy_loss", mutates_args=())
def linear_cross_entropy_loss_op(
    hidden: Tensor, weight: Tensor, targets: Tensor, ignore_index: int, z_loss: float, chunk: int
) -> Tensor:
    """The mean loss for an evaluation, where nobody wants gradients."""
    V = len(weight)
    matrix = weight.to(hidden.dtype)
    losses = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
    space = _space(hidden, V, chunk)
    for rows in _chunks(len(hidden), len(space)):
        logits = space[: rows.stop - rows.start, :V]
        torch.mm(hidden[rows], matrix.t(), out=logits)
        losses[rows], _ = cross_entropy_op(logits, targets[rows], ignore_index, z_loss)
    return losses.sum() / (targets != ignore_index).sum()


@linear_cross_entropy_loss_op.register_fake
def _(
    hidden: Tensor, weight: Tensor, targets: Tensor, ignore_index: int, z_loss: float, chunk: int
) -> Tensor:
    return torch.empty((), dtype=torch.float32, device=hidden.device)


class LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, *rest) -> Tensor:
        loss, d_hidden, d_weight = linear_cross_entropy_op(hidden, weight, *rest)
        ctx.save_for_backward(d_hidden, d_weight)
        return loss

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        gradients = zip(ctx.saved_tensors, ctx.needs_input_grad)
        d_hidden, d_weight = ((d * grad).to(d.dtype) if asked else None for d, asked in gradients)
        return d_hidden, d_weight, *[None] * 5


def linear_cross_entropy_plain(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    ignore_index: int = -100,
    z_loss: float = 0.0,
) -> Tensor:
    """The twin, which holds all logits."""
    logits = hidden @ weight.to(hidden.dtype).t()
    return cross_entropy_plain(logits, targets, ignore_index=ignore_index, z_loss=z_loss)


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    chunk: int = CHUNK,
    ignore_index: int = -100,
    z_loss: float = 0.0,
    sums: torch.dtype = torch.float32,
) -> Tensor:
    """The mean `cross_entropy` of the logits hidden @ weight.T, `chunk` rows of them at a time.

    hidden (..., D), weight (V, D), targets (...). The logits have the dtype of hidden. The weight's
    gradient is summed over the chunks in `sums`: the dtype of hidden takes less memory, and rounds
    after every chunk.
    """
    if chunk < 1:
        raise ValueError(f"chunk counts rows of logits: from 1 up, not {chunk}.")
    if sums not in (torch.float32, hidden.dtype):
        raise TypeError(f"sums is torch.float32 or hidden's {hidden.dtype}, not {sums}.")
    name = "linear_cross_entropy"
    check_shape(name, "weight", weight, (weight.shape[0], hidden.shape[-1]))
    check_shape(name, "targets", targets, tuple(hidden.shape[:-1]))
    check_same_device(name, hidden=hidden, weight=weight, targets=targets)
    if not runs_kernel(hidden):
        return linear_cross_entropy_plain(
            hidden, weight, targets, ignore_index=ignore_index, z_loss=z_loss
        )
    check_float(name, hidden=hidden, weight=weight)
    hidden, targets = hidden.reshape(targets.numel(), hidden.shape[-1]), targets.reshape(-1)
    if not (torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)):
        return linear_cross_entropy_loss_op(hidden, weight, targets, ignore_index, z_loss, chunk)
    return LinearCrossEntropy.apply(hidden, weight, targets, ignore_index, z_loss, chunk, sums)
