"""Sums over the last axis, of rows that are many and short or few and long.

A program keeps one sum per lane while it walks along its rows, and adds the lanes up at the end: a
sum over lanes needs all threads to wait for each other, so it happens once and not per block. Where
there are too few rows to fill a GPU, several programs share a row, each writes the sum of its part,
and a second launch of the same kernel adds those. No atomics: the order of additions, and so every
bit of the result, is the same in each run. Letters: R rows, D their width, P parts of a row.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float
from lib.kernels.language import cdiv, jit, tl
from lib.kernels.rows import as_rows, n_staying_programs, row_tile

WIDEST = 4096  # numbers of a row that a program takes at a time
WARPS_THAT_FIT = 64  # the most there may be: 32 registers in each of 32 threads


@jit
def row_sum_kernel(
    x_ptr, out_ptr, x_stride, out_stride, R, D, part, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    """`part` is how many numbers of a row belong to one program, a multiple of COLUMNS."""
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    first = tl.program_id(1) * part
    sums = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(first, tl.minimum(first + part, D), COLUMNS):
        columns = start + tl.arange(0, COLUMNS)[None, :]
        inside = (rows < R) & (columns < D)
        sums += tl.load(x_ptr + rows * x_stride + columns, mask=inside, other=0).to(tl.float32)
    out = tl.sum(sums, axis=1, keep_dims=True)
    tl.store(out_ptr + rows * out_stride + tl.program_id(1), out, mask=rows < R)


def row_sum_plain(x: Tensor) -> Tensor:
    """The twin; PyTorch too adds bfloat16 in float32."""
    return x.sum(dim=-1)


@torch.library.custom_op("kernels::row_sum", mutates_args=())
def row_sum_op(x: Tensor) -> Tensor:
    rows = as_rows(x)
    R = len(rows)
    out = torch.zeros(R, 1, dtype=x.dtype, device=x.device)
    if rows.numel():
        parts = _n_parts(rows)
        if parts == 1:
            _launch(rows, out, 1)
        else:
            shared = torch.empty(R, parts, dtype=torch.float32, device=x.device)
            _launch(rows, shared, parts)
            _launch(shared, out, 1)
    return out.reshape(x.shape[:-1])


def _n_parts(rows: Tensor) -> int:
    """How many programs share a row: enough to fill the GPU, and a full block for each."""
    R, D = rows.shape
    n_rows, n_columns, warps = row_tile(min(D, WIDEST))
    wanted = n_staying_programs(rows, R * cdiv(D, n_columns), warps, WARPS_THAT_FIT)
    return max(1, min(cdiv(D, n_columns), wanted // cdiv(R, n_rows)))


def _launch(rows: Tensor, out: Tensor, parts: int) -> None:
    R, D = rows.shape
    n_rows, n_columns, warps = row_tile(min(D, WIDEST))
    part = cdiv(cdiv(D, n_columns), parts) * n_columns
    row_sum_kernel[(cdiv(R, n_rows), parts)](
        rows, out, rows.stride(0), out.stride(0), R, D, part,
        ROWS=n_rows, COLUMNS=n_columns, num_warps=warps,
    )  # fmt: skip


@row_sum_op.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[:-1])


class RowSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.width = x.shape[-1]
        return row_sum_op(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return grad.unsqueeze(-1).expand(*grad.shape, ctx.width)


def row_sum(x: Tensor) -> Tensor:
    """x.sum(dim=-1), in the dtype of x, added up in float32."""
    if not runs_kernel(x):
        return row_sum_plain(x)
    check_float("row_sum", x=x)
    return RowSum.apply(x)
