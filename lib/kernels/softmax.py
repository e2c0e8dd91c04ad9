"""Softmax over the last axis, each row read once and written once.

A row of up to 32,768 numbers is held by one program: maximum, powers, sum and quotient happen where
it lies. Of a longer row a program sees a block at a time, twice: first it keeps the maximum so far
and the sum of powers under it, which shrinks whenever the maximum grows (online softmax, Milakov &
Gimelshein, arXiv 1805.02867), then it writes. Letters: R rows, D their width.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float
from lib.kernels.language import cdiv, jit, tl
from lib.kernels.rows import as_rows, row_tile

WIDEST = 32768  # of a row that a program holds whole
WIDEST_BACKWARD = 16384  # where it holds two rows
BLOCK = 8192  # of a longer one, at a time
BLOCK_WARPS = 16


@jit
def softmax_kernel(
    x_ptr, out_ptr, x_stride, out_stride, R, D, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, COLUMNS)[None, :]
    inside = (rows < R) & (columns < D)
    x = tl.load(x_ptr + rows * x_stride + columns, mask=inside, other=0).to(tl.float32)
    x = tl.where(columns < D, x, -float("inf"))  # what is not there has no weight
    powers = tl.exp(x - tl.max(x, axis=1, keep_dims=True))  # none above 1: nothing overflows
    out = powers / tl.sum(powers, axis=1, keep_dims=True)
    tl.store(out_ptr + rows * out_stride + columns, out, mask=inside)


@jit
def softmax_online_kernel(x_ptr, out_ptr, x_stride, out_stride, D, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * x_stride
    out_ptr += row * out_stride
    largest, total = -float("inf"), 0.0
    for start in range(0, D, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + columns, mask=columns < D, other=-float("inf")).to(tl.float32)
        before = largest
        largest = tl.maximum(before, tl.max(x, axis=0))
        shift = tl.where(largest == -float("inf"), 0.0, largest)  # inf - inf would be NaN
        total = total * tl.exp(before - shift) + tl.sum(tl.exp(x - shift), axis=0)
    for start in range(0, D, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + columns, mask=columns < D, other=-float("inf")).to(tl.float32)
        tl.store(out_ptr + columns, tl.exp(x - largest) / total, mask=columns < D)


@jit
def softmax_backward_kernel(
    grad_ptr, out_ptr, dx_ptr, grad_stride, out_stride, dx_stride, R, D,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """dx = out * (grad - the row's sum of grad * out)."""
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, COLUMNS)[None, :]
    inside = (rows < R) & (columns < D)
    grad = tl.load(grad_ptr + rows * grad_stride + columns, mask=inside, other=0).to(tl.float32)
    out = tl.load(out_ptr + rows * out_stride + columns, mask=inside, other=0).to(tl.float32)
    dx = out * (grad - tl.sum(grad * out, axis=1, keep_dims=True))
    tl.store(dx_ptr + rows * dx_stride + columns, dx, mask=inside)


@jit
def softmax_blocks_backward_kernel(
    grad_ptr, out_ptr, dx_ptr, grad_stride, out_stride, dx_stride, D, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    grad_ptr += row * grad_stride
    out_ptr += row * out_stride
    dx_ptr += row * dx_stride
    dots = tl.zeros((BLOCK,), tl.float32)  # one sum per lane, added up once at the end
    for start in range(0, D, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        grad = tl.load(grad_ptr + columns, mask=columns < D, other=0).to(tl.float32)
        dots += grad * tl.load(out_ptr + columns, mask=columns < D, other=0).to(tl.float32)
    dot = tl.sum(dots, axis=0)
    for start in range(0, D, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        grad = tl.load(grad_ptr + columns, mask=columns < D, other=0).to(tl.float32)
        out = tl.load(out_ptr + columns, mask=columns < D, other=0).to(tl.float32)
        tl.store(dx_ptr + columns, out * (grad - dot), mask=columns < D)


def softmax_plain(x: Tensor) -> Tensor:
    """The twin; computes in float32 at least, as the kernel does."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    powers = torch.exp(wide - wide.amax(dim=-1, keepdim=True).detach())
    return (powers / powers.sum(dim=-1, keepdim=True)).to(x.dtype)


@torch.library.custom_op("kernels::softmax", mutates_args=())
def softmax_op(x: Tensor) -> Tensor:
    rows = as_rows(x)
    out = torch.empty_like(rows, memory_format=torch.contiguous_format)
    R, D = rows.shape
    if D > WIDEST:
        softmax_online_kernel[(R,)](
            rows, out, rows.stride(0), D, D, BLOCK=BLOCK, num_warps=BLOCK_WARPS
        )
    elif rows.numel():
        n_rows, n_columns, warps = row_tile(D)
        softmax_kernel[(cdiv(R, n_rows),)](
            rows, out, rows.stride(0), D, R, D, ROWS=n_rows, COLUMNS=n_columns, num_warps=warps
        )
    return out.reshape(x.shape)


@softmax_op.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@torch.library.custom_op("kernels::softmax_backward", mutates_args=())
def softmax_backward_op(grad: Tensor, out: Tensor) -> Tensor:
    grads, rows = as_rows(grad), as_rows(out)
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    R, D = rows.shape
    strides = grads.stride(0), rows.stride(0), D
    if D > WIDEST_BACKWARD:
        softmax_blocks_backward_kernel[(R,)](
            grads, rows, dx, *strides, D, BLOCK=BLOCK, num_warps=BLOCK_WARPS
        )
    elif rows.numel():
        n_rows, n_columns, warps = row_tile(D)
        softmax_backward_kernel[(cdiv(R, n_rows),)](
            grads, rows, dx, *strides, R, D, ROWS=n_rows, COLUMNS=n_columns, num_warps=warps
        )
    return dx.reshape(out.shape)


@softmax_backward_op.register_fake
def _(grad: Tensor, out: Tensor) -> Tensor:
    return torch.empty_like(out, memory_format=torch.contiguous_format)


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        out = softmax_op(x)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (out,) = ctx.saved_tensors
        return softmax_backward_op(grad, out)


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Shares of one over the last axis. A row of nothing but -inf gives NaN, as in torch."""
    if dim not in (-1, x.ndim - 1):
        raise ValueError(
            f"softmax works along the last axis, not axis {dim} of {x.ndim}. "
            f"Swap them: softmax(x.transpose({dim}, -1)).transpose({dim}, -1)."
        )
    if not runs_kernel(x):
        return softmax_plain(x)
    check_float("softmax", x=x)
    return Softmax.apply(x)
