"""SwiGLU's product, silu(gate) * up with silu(x) = x / (1 + e^-x) (Shazeer, arXiv 2002.05202).

Two tensors read and one written, forward; the backward pass computes the sigmoid again from what it
has to read anyway, instead of keeping a tensor of that size. The halves of one wide tensor may be
given as they are: rows need not touch. Letters: R rows, D their width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_same_dtype, check_shape
from lib.kernels.language import cdiv, jit, tl
from lib.kernels.rows import as_rows, row_tile

WIDEST = 1024  # columns of a program


@jit
def swiglu_kernel(
    gate_ptr, up_ptr, out_ptr, gate_stride, up_stride, out_stride, R, D,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    program, n_blocks = tl.program_id(0).to(tl.int64), tl.cdiv(D, COLUMNS)
    rows = program // n_blocks * ROWS + tl.arange(0, ROWS)[:, None]
    columns = program % n_blocks * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (rows < R) & (columns < D)
    gate = tl.load(gate_ptr + rows * gate_stride + columns, mask=inside, other=0).to(tl.float32)
    up = tl.load(up_ptr + rows * up_stride + columns, mask=inside, other=0).to(tl.float32)
    out = gate / (1 + tl.exp(-gate)) * up
    tl.store(out_ptr + rows * out_stride + columns, out, mask=inside)


@jit
def swiglu_backward_kernel(
    grad_ptr, gate_ptr, up_ptr, dgate_ptr, dup_ptr,
    grad_stride, gate_stride, up_stride, out_stride, R, D,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """silu' = s (1 + gate (1 - s)), with s the sigmoid and 1 - s the sigmoid of -gate."""
    program, n_blocks = tl.program_id(0).to(tl.int64), tl.cdiv(D, COLUMNS)
    rows = program // n_blocks * ROWS + tl.arange(0, ROWS)[:, None]
    columns = program % n_blocks * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (rows < R) & (columns < D)
    grad = tl.load(grad_ptr + rows * grad_stride + columns, mask=inside, other=0).to(tl.float32)
    gate = tl.load(gate_ptr + rows * gate_stride + columns, mask=inside, other=0).to(tl.float32)
    up = tl.load(up_ptr + rows * up_stride + columns, mask=inside, other=0).to(tl.float32)
    s = 1 / (1 + tl.exp(-gate))
    slope = s * (1 + gate / (1 + tl.exp(gate)))
    here = rows * out_stride + columns
    tl.store(dgate_ptr + here, grad * up * slope, mask=inside)
    tl.store(dup_ptr + here, grad * gate * s, mask=inside)


def swiglu_plain(gate: Tensor, up: Tensor) -> Tensor:
    """The twin. In bfloat16 it rounds silu(gate) on the way, which the kernel does not."""
    return F.silu(gate) * up


@torch.library.custom_op("kernels::swiglu", mutates_args=())
def swiglu_op(gate: Tensor, up: Tensor) -> Tensor:
    (gates, ups), (R, D) = _same_rows(gate, up)
    out = torch.empty(R, D, dtype=gate.dtype, device=gate.device)
    if out.numel():
        grid, tile = _tiles(R, D)
        swiglu_kernel[grid](gates, ups, out, gates.stride(0), ups.stride(0), D, R, D, **tile)
    return out.reshape(gate.shape)


@swiglu_op.register_fake
def _(gate: Tensor, up: Tensor) -> Tensor:
    return torch.empty_like(gate, memory_format=torch.contiguous_format)


@torch.library.custom_op("kernels::swiglu_backward", mutates_args=())
def swiglu_backward_op(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of gate and up."""
    (grads, gates, ups), (R, D) = _same_rows(grad, gate, up)
    dgate, dup = (torch.empty(R, D, dtype=gate.dtype, device=gate.device) for _ in range(2))
    if dgate.numel():
        grid, tile = _tiles(R, D)
        strides = grads.stride(0), gates.stride(0), ups.stride(0), D
        swiglu_backward_kernel[grid](grads, gates, ups, dgate, dup, *strides, R, D, **tile)
    return dgate.reshape(gate.shape), dup.reshape(gate.shape)


@swiglu_backward_op.register_fake
def _(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    dgate = torch.empty_like(gate, memory_format=torch.contiguous_format)
    return dgate, torch.empty_like(dgate)


def _same_rows(*tensors: Tensor) -> tuple[list[Tensor], tuple[int, int]]:
    """All as (R, D); as one long row if none has gaps, so that no block is left half empty."""
    if all(x.is_contiguous() for x in tensors):
        rows = [x.reshape(1, -1) for x in tensors]
    else:
        rows = [as_rows(x) for x in tensors]
    return rows, tuple(rows[0].shape)


def _tiles(R: int, D: int) -> tuple[tuple[int], dict[str, int]]:
    n_rows, n_columns, warps = row_tile(min(D, WIDEST))
    n_programs = cdiv(R, n_rows) * cdiv(D, n_columns)
    return (n_programs,), {"ROWS": n_rows, "COLUMNS": n_columns, "num_warps": warps}


class SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return swiglu_op(gate, up)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor]:
        return swiglu_backward_op(grad, *ctx.saved_tensors)


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up for two tensors of one shape and dtype."""
    check_shape("swiglu", "up", up, tuple(gate.shape))
    check_same_dtype("swiglu", gate=gate, up=up)
    check_same_device("swiglu", gate=gate, up=up)
    if not runs_kernel(gate):
        return swiglu_plain(gate, up)
    check_float("swiglu", gate=gate, up=up)
    return SwiGLU.apply(gate, up)
