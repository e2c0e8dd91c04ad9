"""RMSNorm: x / sqrt(mean(x^2) + eps) * (weight + offset), forward and backward in one pass each.

Llama's offset is 0, Gemma's 1. The forward pass keeps one number per row for the backward pass, the
inverse size r = 1 / sqrt(mean(x^2) + eps); with s = weight + offset the gradients are

    dx      = r (grad s - x r^2 mean(grad s x))        per row
    dweight = sum over rows of grad x r                per column

The second sum runs across rows, so across programs. Few programs stay and take many rows each,
keeping a sum per column; those partial sums are written once and added in a fixed order, so the
gradient has the same bits in every run. Letters: R rows, D their width, P programs.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_shape
from lib.kernels.language import cdiv, jit, tl
from lib.kernels.rows import as_rows, n_staying_programs, row_tile

WIDEST = 16384  # wider rows do not fit a program's registers: they go to the twin
WARPS_THAT_FIT = 24  # of the backward kernel: 80 registers in each of 32 threads
EPS = 1e-5


@jit
def rms_norm_kernel(
    x_ptr, weight_ptr, out_ptr, inverse_ptr, x_stride, out_stride, R, D, eps, offset,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, COLUMNS)[None, :]
    inside = (rows < R) & (columns < D)
    x = tl.load(x_ptr + rows * x_stride + columns, mask=inside, other=0).to(tl.float32)
    weight = tl.load(weight_ptr + columns, mask=columns < D, other=0).to(tl.float32)
    inverse = tl.rsqrt(tl.sum(x * x, axis=1, keep_dims=True) / D + eps)
    tl.store(inverse_ptr + rows, inverse, mask=rows < R)
    out = x * inverse * (weight + offset)
    tl.store(out_ptr + rows * out_stride + columns, out, mask=inside)


@jit
def rms_norm_backward_kernel(
    grad_ptr, x_ptr, weight_ptr, inverse_ptr, dx_ptr, partial_ptr,
    grad_stride, x_stride, dx_stride, R, D, offset,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    program, n_programs = tl.program_id(0), tl.num_programs(0)
    columns = tl.arange(0, COLUMNS)[None, :]
    within = columns < D
    weights = weight_ptr + tl.broadcast_to(columns, (ROWS, COLUMNS))
    dweight = tl.zeros((ROWS, COLUMNS), tl.float32)
    for first in range(program * ROWS, R, n_programs * ROWS):
        row = first + tl.arange(0, ROWS).to(tl.int64)
        rows = row[:, None]
        inside = (rows < R) & within
        grad = tl.load(grad_ptr + rows * grad_stride + columns, mask=inside, other=0)
        x = tl.load(x_ptr + rows * x_stride + columns, mask=inside, other=0)
        weight = tl.load(weights, mask=inside, other=0)  # again: it stays in the cache
        inverse = tl.load(inverse_ptr + row, mask=row < R, other=0)[:, None]
        normed = x.to(tl.float32) * inverse
        scaled = grad.to(tl.float32) * (weight.to(tl.float32) + offset)
        dweight += grad.to(tl.float32) * normed
        dot = tl.sum(scaled * normed, axis=1, keep_dims=True)
        dx = inverse * (scaled - normed * (dot / D))
        tl.store(dx_ptr + rows * dx_stride + columns, dx, mask=inside)
    sums = tl.sum(dweight, axis=0)[None, :]
    tl.store(partial_ptr + program.to(tl.int64) * D + columns, sums, mask=within)


def rms_norm_plain(x: Tensor, weight: Tensor, eps: float = EPS, offset: float = 0.0) -> Tensor:
    """The twin; computes in float32 at least, as the kernel does."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    size = torch.sqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return (wide / size * (weight.to(wide.dtype) + offset)).to(x.dtype)


@torch.library.custom_op("kernels::rms_norm", mutates_args=())
def rms_norm_op(x: Tensor, weight: Tensor, eps: float, offset: float) -> tuple[Tensor, Tensor]:
    """The result, and per row the inverse of its size."""
    rows, weight = as_rows(x), weight.contiguous()
    R, D = rows.shape
    out = torch.empty_like(rows, memory_format=torch.contiguous_format)
    inverse = torch.empty(R, dtype=torch.float32, device=x.device)
    if rows.numel():
        n_rows, n_columns, warps = row_tile(D)
        rms_norm_kernel[(cdiv(R, n_rows),)](
            rows, weight, out, inverse, rows.stride(0), D, R, D, eps, offset,
            ROWS=n_rows, COLUMNS=n_columns, num_warps=warps,
        )  # fmt: skip
    return out.reshape(x.shape), inverse


@rms_norm_op.register_fake
def _(x: Tensor, weight: Tensor, eps: float, offset: float) -> tuple[Tensor, Tensor]:
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    return out, x.new_empty(x.shape[:-1].numel(), dtype=torch.float32)


@torch.library.custom_op("kernels::rms_norm_backward", mutates_args=())
def rms_norm_backward_op(
    grad: Tensor, x: Tensor, weight: Tensor, inverse: Tensor, offset: float
) -> tuple[Tensor, Tensor]:
    """The gradients of x and of weight."""
    grads, rows, weight = as_rows(grad), as_rows(x), weight.contiguous()
    R, D = rows.shape
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    if not rows.numel():
        return dx.reshape(x.shape), torch.zeros_like(weight)
    n_rows, n_columns, warps = row_tile(D)
    n_programs = n_staying_programs(x, cdiv(R, n_rows), warps, WARPS_THAT_FIT)
    partial = torch.empty(n_programs, D, dtype=torch.float32, device=x.device)
    rms_norm_backward_kernel[(n_programs,)](
        grads, rows, weight, inverse, dx, partial,
        grads.stride(0), rows.stride(0), D, R, D, offset,
        ROWS=n_rows, COLUMNS=n_columns, num_warps=warps,
    )  # fmt: skip
    return dx.reshape(x.shape), partial.sum(dim=0).to(weight.dtype)


@rms_norm_backward_op.register_fake
def _(
    grad: Tensor, x: Tensor, weight: Tensor, inverse: Tensor, offset: float
) -> tuple[Tensor, Tensor]:
    dx = torch.empty_like(x, memory_format=torch.contiguous_format)
    return dx, torch.empty_like(weight, memory_format=torch.contiguous_format)


class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, eps: float, offset: float) -> Tensor:
        out, inverse = rms_norm_op(x, weight, eps, offset)
        ctx.save_for_backward(x, weight, inverse)
        ctx.offset = offset
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        dx, dweight = rms_norm_backward_op(grad, *ctx.saved_tensors, ctx.offset)
        return dx, dweight, None, None


def rms_norm(x: Tensor, weight: Tensor, eps: float = EPS, offset: float = 0.0) -> Tensor:
    """Rows of size one, times `weight` + `offset` (Zhang & Sennrich, arXiv 1910.07467).

    In the dtype of x; the weight may have another.
    """
    check_shape("rms_norm", "weight", weight, (x.shape[-1],))
    check_same_device("rms_norm", x=x, weight=weight)
    if not runs_kernel(x) or x.shape[-1] > WIDEST:
        return rms_norm_plain(x, weight, eps, offset)
    check_float("rms_norm", x=x, weight=weight)
    return RMSNorm.apply(x, weight, eps, offset)
