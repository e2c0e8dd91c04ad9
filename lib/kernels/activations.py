"""Activations inside other kernels: applied to numbers in registers, and their slopes.

`activate` and `activation_slope` are called by kernels; `activation_backward_op` multiplies a
gradient by the slope where the way back needs the result more than once.
"""

import torch
from torch import Tensor

from lib.kernels.language import cdiv, jit, tl

ACTIVATIONS = ("none", "relu", "gelu", "silu")
BLOCK = 2048


@jit
def activate(x, ACTIVATION: tl.constexpr):
    """The activation of x in float32. "gelu" is the tanh form: (1 + tanh u) / 2 = sigmoid(2u)."""
    if ACTIVATION == "relu":
        # not maximum(x, 0), which would turn NaN into 0
        x = tl.where(x < 0, 0.0, x)
    elif ACTIVATION == "gelu":
        x = x * tl.sigmoid(2 * 0.7978845608 * (x + 0.044715 * x * x * x))
    elif ACTIVATION == "silu":
        x = x * tl.sigmoid(x)
    return x


@jit
def activation_slope(x, ACTIVATION: tl.constexpr):
    """The derivative at x; for "relu" x may be its result, as both are above 0 together."""
    if ACTIVATION == "relu":
        slope = tl.where(x > 0, 1.0, 0.0)
    elif ACTIVATION == "gelu":
        u = 0.7978845608 * (x + 0.044715 * x * x * x)
        power = tl.exp(-2 * tl.abs(u))  # 1 - sigmoid would lose its digits near 1
        larger = 1 / (1 + power)
        s = tl.where(x > 0, larger, power * larger)
        steepness = 0.7978845608 * (1 + 3 * 0.044715 * x * x)
        slope = s + 2 * x * power * larger * larger * steepness
    else:
        s = tl.sigmoid(x)
        slope = s * (1 + x * (1 - s))
    return slope


@jit
def activation_backward_kernel(
    grad_ptr, x_ptr, out_ptr, n, ACTIVATION: tl.constexpr, BLOCK: tl.constexpr
):
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    grad = tl.load(grad_ptr + offsets, mask=inside).to(tl.float32)
    x = tl.load(x_ptr + offsets, mask=inside).to(tl.float32)
    tl.store(out_ptr + offsets, grad * activation_slope(x, ACTIVATION), mask=inside)


@torch.library.custom_op("kernels::activation_backward", mutates_args=())
def activation_backward_op(grad: Tensor, x: Tensor, activation: str) -> Tensor:
    """grad times the slope at x, both of one shape; for "relu" x is the result."""
    grad, x = grad.contiguous(), x.contiguous()
    out, n = torch.empty_like(x), x.numel()
    if n:
        activation_backward_kernel[(cdiv(n, BLOCK),)](
            grad, x, out, n, ACTIVATION=activation, BLOCK=BLOCK, num_warps=8
        )
    return out


@activation_backward_op.register_fake
def _(grad: Tensor, x: Tensor, activation: str) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)
