"""GELU in its tanh form, the activation of GPT-2: 0.5 x (1 + tanh u), u = 0.8 (x + 0.0447 x^3).

In one kernel a number is read once and written once. PyTorch's operators, one by one, would carry
every intermediate result to memory and back.

Half of 1 + tanh u is 1 / (1 + e^(-2u)). Written so, nothing can go wrong: where e^(-2u) is
infinite, the quotient is 0, as it should be. The textbook's tanh u = (e^(2u) - 1) / (e^(2u) + 1)
becomes infinity over infinity from u = 44.4 on: `gelu_overflow` keeps that mistake to look at.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float
from lib.kernels.language import cdiv, jit, tl

BLOCK = 1024


@jit
def gelu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    x = tl.load(x_ptr + offsets, mask=inside).to(tl.float32)
    u = 0.7978845608 * (x + 0.044715 * x * x * x)  # sqrt(2 / pi), as the paper has it
    out = x / (1 + tl.exp(-2 * u))
    tl.store(out_ptr + offsets, out, mask=inside)


@jit
def gelu_backward_kernel(grad_ptr, x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """With s = 1 / (1 + e^(-2u)) the slope is s + 2 x s (1 - s) u'.

    s and 1 - s come from the smaller power, e^(-2|u|): a difference from 1 would lose its digits.
    """
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    grad = tl.load(grad_ptr + offsets, mask=inside).to(tl.float32)
    x = tl.load(x_ptr + offsets, mask=inside).to(tl.float32)
    u = 0.7978845608 * (x + 0.044715 * x * x * x)
    power = tl.exp(-2 * tl.abs(u))
    larger = 1 / (1 + power)
    smaller = power * larger
    steepness = 0.7978845608 * (1 + 3 * 0.044715 * x * x)  # u'
    slope = tl.where(x > 0, larger, smaller) + 2 * x * larger * smaller * steepness
    tl.store(out_ptr + offsets, grad * slope, mask=inside)


@jit
def gelu_overflow_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """Wrong on purpose: NaN for large x, where both e^(2u) are infinite."""
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    x = tl.load(x_ptr + offsets, mask=inside).to(tl.float32)
    u = 0.7978845608 * (x + 0.044715 * x * x * x)
    power = tl.exp(2 * u)
    tanh = (power - 1) / (power + 1)
    tl.store(out_ptr + offsets, 0.5 * x * (1 + tanh), mask=inside)


def gelu_plain(x: Tensor) -> Tensor:
    """The twin, in one line of PyTorch."""
    return F.gelu(x, approximate="tanh")


def gelu_overflow_plain(x: Tensor) -> Tensor:
    """The twin of the mistake."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    power = torch.exp(2 * math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3))
    return (0.5 * wide * (1 + (power - 1) / (power + 1))).to(x.dtype)


@torch.library.custom_op("kernels::gelu", mutates_args=())
def gelu_op(x: Tensor) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    gelu_kernel[(cdiv(x.numel(), BLOCK),)](x, out, x.numel(), BLOCK=BLOCK)
    return out


@torch.library.custom_op("kernels::gelu_backward", mutates_args=())
def gelu_backward_op(grad: Tensor, x: Tensor) -> Tensor:
    grad, x = grad.contiguous(), x.contiguous()
    out = torch.empty_like(x)
    gelu_backward_kernel[(cdiv(x.numel(), BLOCK),)](grad, x, out, x.numel(), BLOCK=BLOCK)
    return out


@torch.library.custom_op("kernels::gelu_overflow", mutates_args=())
def gelu_overflow_op(x: Tensor) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    gelu_overflow_kernel[(cdiv(x.numel(), BLOCK),)](x, out, x.numel(), BLOCK=BLOCK)
    return out


@gelu_op.register_fake
@gelu_overflow_op.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@gelu_backward_op.register_fake
def _(grad: Tensor, x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


class GELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return gelu_op(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gelu_backward_op(grad, x)


def gelu(x: Tensor) -> Tensor:
    """F.gelu(x, approximate="tanh"), of any shape."""
    if not runs_kernel(x):
        return gelu_plain(x)
    check_float("gelu", x=x)
    return GELU.apply(x)


def gelu_overflow(x: Tensor) -> Tensor:
    """The same up to x of about 10, then NaN; without a gradient."""
    if not runs_kernel(x):
        return gelu_overflow_plain(x)
    check_float("gelu_overflow", x=x)
    return gelu_overflow_op(x)
