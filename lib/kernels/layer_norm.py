"""LayerNorm: (x - mean) / sqrt(variance + eps) * (weight + offset) + bias, as rms_norm does it.

The forward pass keeps two numbers per row, the mean and r = 1 / sqrt(variance + eps). With
n = (x - mean) r and g = grad (weight + offset) the gradients are

    dx      = r (g - mean(g) - n mean(g n))    per row
    dweight = sum over rows of grad n          per column, and dbias = sum over rows of grad

The variance is the mean square of x - mean, not mean(x^2) - mean^2: of a row far from zero that
difference would have lost its digits. Letters: R rows, D their width, P programs.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_same_dtype, check_shape
from lib.kernels.language import cdiv, jit, tl
from lib.kernels.rows import as_rows, n_staying_programs, row_tile

WIDEST = 16384  # wider rows do not fit a program's registers: they go to the twin
WIDEST_WITH_BIAS = 8192  # of the backward kernel: there a third of the registers is for the bias
WARPS_THAT_FIT = 16  # of the backward kernel: 120 registers in each of 32 threads
EPS = 1e-5


@jit
def layer_norm_kernel(
    x_ptr, weight_ptr, bias_ptr, out_ptr, mean_ptr, inverse_ptr, x_stride, out_stride, R, D,
    eps, offset, HAS_BIAS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, COLUMNS)[None, :]
    inside = (rows < R) & (columns < D)
    x = tl.load(x_ptr + rows * x_stride + columns, mask=inside, other=0).to(tl.float32)
    mean = tl.sum(x, axis=1, keep_dims=True) / D
    centred = tl.where(columns < D, x - mean, 0)
    inverse = tl.rsqrt(tl.sum(centred * centred, axis=1, keep_dims=True) / D + eps)
    tl.store(mean_ptr + rows, mean, mask=rows < R)
    tl.store(inverse_ptr + rows, inverse, mask=rows < R)
    weight = tl.load(weight_ptr + columns, mask=columns < D, other=0).to(tl.float32)
    out = centred * inverse * (weight + offset)
    if HAS_BIAS:
        out += tl.load(bias_ptr + columns, mask=columns < D, other=0).to(tl.float32)
    tl.store(out_ptr + rows * out_stride + columns, out, mask=inside)


@jit
def layer_norm_backward_kernel(
    grad_ptr, x_ptr, weight_ptr, mean_ptr, inverse_ptr, dx_ptr, dweight_ptr, dbias_ptr,
    grad_stride, x_stride, dx_stride, R, D, offset,
    HAS_BIAS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    program, n_programs = tl.program_id(0), tl.num_programs(0)
    columns = tl.arange(0, COLUMNS)[None, :]
    within = columns < D
    weights = weight_ptr + tl.broadcast_to(columns, (ROWS, COLUMNS))
    dweight = tl.zeros((ROWS, COLUMNS), tl.float32)
    dbias = tl.zeros((ROWS, COLUMNS), tl.float32)
    for first in range(program * ROWS, R, n_programs * ROWS):
        row = first + tl.arange(0, ROWS).to(tl.int64)
        rows = row[:, None]
        inside = (rows < R) & within
        grad = tl.load(grad_ptr + rows * grad_stride + columns, mask=inside, other=0)
        x = tl.load(x_ptr + rows * x_stride + columns, mask=inside, other=0)
        weight = tl.load(weights, mask=inside, other=0)  # again: it stays in the cache
        mean = tl.load(mean_ptr + row, mask=row < R, other=0)[:, None]
        inverse = tl.load(inverse_ptr + row, mask=row < R, other=0)[:, None]
        normed = (x.to(tl.float32) - mean) * inverse
        scaled = grad.to(tl.float32) * (weight.to(tl.float32) + offset)  # 0 beyond the row's end
        dweight += grad.to(tl.float32) * normed
        if HAS_BIAS:
            dbias += grad.to(tl.float32)
        level = tl.sum(scaled, axis=1, keep_dims=True) / D
        slope = tl.sum(scaled * normed, axis=1, keep_dims=True) / D
        dx = inverse * (scaled - level - normed * slope)
        tl.store(dx_ptr + rows * dx_stride + columns, dx, mask=inside)
    here = program.to(tl.int64) * D + columns
    tl.store(dweight_ptr + here, tl.sum(dweight, axis=0)[None, :], mask=within)
    if HAS_BIAS:
        tl.store(dbias_ptr + here, tl.sum(dbias, axis=0)[None, :], mask=within)


def layer_norm_plain(
    x: Tensor, weight: Tensor, bias: Tensor | None, eps: float = EPS, offset: float = 0.0
) -> Tensor:
    """The twin; computes in float32 at least, as the kernel does."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    wide = wide - wide.mean(dim=-1, keepdim=True)
    size = torch.sqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    scaled = wide / size * (weight.to(wide.dtype) + offset)
    return (scaled if bias is None else scaled + bias).to(x.dtype)


@torch.library.custom_op("kernels::layer_norm", mutates_args=())
def layer_norm_op(
    x: Tensor, weight: Tensor, bias: Tensor | None, eps: float, offset: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, and per row the mean and the inverse of the size."""
    rows, weight = as_rows(x), weight.contiguous()
    shift = weight if bias is None else bias.contiguous()  # some address; not read without a bias
    R, D = rows.shape
    out = torch.empty_like(rows, memory_format=torch.contiguous_format)
    mean, inverse = (torch.empty(R, dtype=torch.float32, device=x.device) for _ in range(2))
    if rows.numel():
        n_rows, n_columns, warps = row_tile(D)
        layer_norm_kernel[(cdiv(R, n_rows),)](
            rows, weight, shift, out, mean, inverse, rows.stride(0), D, R, D, eps, offset,
            HAS_BIAS=bias is not None, ROWS=n_rows, COLUMNS=n_columns, num_warps=warps,
        )  # fmt: skip
    return out.reshape(x.shape), mean, inverse


@layer_norm_op.register_fake
def _(
    x: Tensor, weight: Tensor, bias: Tensor | None, eps: float, offset: float
) -> tuple[Tensor, Tensor, Tensor]:
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    mean = x.new_empty(x.shape[:-1].numel(), dtype=torch.float32)
    return out, mean, torch.empty_like(mean)


@torch.library.custom_op("kernels::layer_norm_backward", mutates_args=())
def layer_norm_backward_op(
    grad: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor, offset: float,
    has_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients of x, weight and bias; the last one empty if there is none."""
    grads, rows, weight = as_rows(grad), as_rows(x), weight.contiguous()
    R, D = rows.shape
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    n_biases = D if has_bias else 0
    if not rows.numel():
        return dx.reshape(x.shape), torch.zeros_like(weight), weight.new_zeros(n_biases)
    n_rows, n_columns, warps = row_tile(D)
    n_programs = n_staying_programs(x, cdiv(R, n_rows), warps, WARPS_THAT_FIT)
    dweight, dbias = torch.empty(2, n_programs, D, dtype=torch.float32, device=x.device)
    fits = has_bias and D <= WIDEST_WITH_BIAS
    layer_norm_backward_kernel[(n_programs,)](
        grads, rows, weight, mean, inverse, dx, dweight, dbias,
        grads.stride(0), rows.stride(0), D, R, D, offset,
        HAS_BIAS=fits, ROWS=n_rows, COLUMNS=n_columns, num_warps=warps,
    )  # fmt: skip
    shifts = (dbias if fits else grads)[:, :n_biases]
    sums = (torch.sum(part, dim=0, dtype=torch.float32) for part in (dweight, shifts))
    return dx.reshape(x.shape), *(total.to(weight.dtype) for total in sums)


@layer_norm_backward_op.register_fake
def _(
    grad: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor, offset: float,
    has_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    dx = torch.empty_like(x, memory_format=torch.contiguous_format)
    dweight = torch.empty_like(weight, memory_format=torch.contiguous_format)
    return dx, dweight, weight.new_empty(x.shape[-1] if has_bias else 0)


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, x: Tensor, weight: Tensor, bias: Tensor | None, eps: float, offset: float
    ) -> Tensor:
        out, mean, inverse = layer_norm_op(x, weight, bias, eps, offset)
        ctx.save_for_backward(x, weight, mean, inverse)
        ctx.offset, ctx.has_bias = offset, bias is not None
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None, None]:
        dx, dweight, dbias = layer_norm_backward_op(
            grad, *ctx.saved_tensors, ctx.offset, ctx.has_bias
        )
        return dx, dweight, dbias if ctx.has_bias else None, None, None


def layer_norm(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, eps: float = EPS, offset: float = 0.0
) -> Tensor:
    """Rows of mean 0 and size 1, scaled and shifted (Ba et al., arXiv 1607.06450).

    In the dtype of x; weight and bias may have another.
    """
    check_shape("layer_norm", "weight", weight, (x.shape[-1],))
    if bias is not None:
        check_shape("layer_norm", "bias", bias, (x.shape[-1],))
        check_same_dtype("layer_norm", weight=weight, bias=bias)
    check_same_device("layer_norm", x=x, weight=weight, bias=bias)
    if not runs_kernel(x) or x.shape[-1] > WIDEST:
        return layer_norm_plain(x, weight, bias, eps, offset)
    check_float("layer_norm", x=x, weight=weight)
    return LayerNorm.apply(x, weight, bias, eps, offset)
