"""The first kernel: out = x + y, element by element.

A program adds BLOCK neighbours. The last one reaches over the end unless BLOCK divides n, so a
mask keeps it from touching what is not there. Two numbers read and one written for one addition:
nothing but memory can be the limit.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_same_dtype, check_shape
from lib.kernels.language import cdiv, jit, tl

BLOCK = 1024


@jit
def vector_add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    program = tl.program_id(0).to(tl.int64)  # a tensor may have more than 2^31 elements
    offsets = program * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    x = tl.load(x_ptr + offsets, mask=inside).to(tl.float32)
    y = tl.load(y_ptr + offsets, mask=inside).to(tl.float32)
    tl.store(out_ptr + offsets, x + y, mask=inside)


def vector_add_plain(x: Tensor, y: Tensor) -> Tensor:
    """The twin."""
    return x + y


@torch.library.custom_op("kernels::vector_add", mutates_args=())
def vector_add_op(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.contiguous(), y.contiguous()
    out = torch.empty_like(x)
    vector_add_kernel[(cdiv(x.numel(), BLOCK),)](x, y, out, x.numel(), BLOCK=BLOCK)
    return out


@vector_add_op.register_fake
def _(x: Tensor, y: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


class VectorAdd(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor) -> Tensor:
        return vector_add_op(x, y)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, grad


def vector_add(x: Tensor, y: Tensor) -> Tensor:
    """x + y for two tensors of one shape, dtype and device; nothing is broadcast."""
    check_shape("vector_add", "y", y, tuple(x.shape))
    check_same_dtype("vector_add", x=x, y=y)
    check_same_device("vector_add", x=x, y=y)
    if not runs_kernel(x):
        return vector_add_plain(x, y)
    check_float("vector_add", x=x, y=y)
    return VectorAdd.apply(x, y)
