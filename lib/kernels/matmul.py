"""out = activation(a @ b + bias), tile by tile on the tensor cores.

A program makes one tile of `out`, BLOCK_M by BLOCK_N, walking along K in steps of BLOCK_K: each
number that it loads is used in a whole row or column of the tile. The tiles of GROUP rows are made
column by column, so that programs that run at the same time find each other's loads in the L2
cache. Bias and activation are applied while the sums are still in registers.

Letters: M rows of a, K what is summed over, N columns of b.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.kernels.activations import ACTIVATIONS, activate, activation_backward_op
from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_same_dtype, check_shape
from lib.kernels.language import cdiv, jit, tl
from lib.kernels.matmul_tiles import GROUP, float32_precision, has_big_memory, tile_shape
from lib.kernels.tuned import settings


@jit
def program_of(program, M, N, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP: tl.constexpr):
    """Which tile (row, column) a program makes: down GROUP rows, then one column to the right.

    Of 9 x 9 blocks, 9 programs in a row need 1 row of a and 9 columns of b, 90 blocks; as a square
    of 3 x 3 they need 3 and 3, 54 blocks. The last group may have fewer rows.
    """
    n_rows = (M + BLOCK_M - 1) // BLOCK_M
    n_columns = (N + BLOCK_N - 1) // BLOCK_N
    group = program // (GROUP * n_columns)
    first = group * GROUP
    rows = min(n_rows - first, GROUP)
    within = program % (GROUP * n_columns)
    return first + within % rows, within // rows


@jit
def matmul_kernel(
    a_ptr, b_ptr, bias_ptr, out_ptr, before_ptr, M, N, K,
    a_stride_m, a_stride_k, b_stride_k, b_stride_n,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
    EVEN_K: tl.constexpr, HAS_BIAS: tl.constexpr, ACTIVATION: tl.constexpr, KEEP: tl.constexpr,
    ADD: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    tile_m, tile_n = program_of(tl.program_id(0), M, N, BLOCK_M, BLOCK_N, GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    depths = tl.arange(0, BLOCK_K)

    # Past the edge the first rows are read again: no masks, and what comes of it is not stored.
    a_rows, b_columns = (rows % M).to(tl.int64), (columns % N).to(tl.int64)
    a_ptrs = a_ptr + a_rows[:, None] * a_stride_m + depths.to(tl.int64)[None, :] * a_stride_k
    b_ptrs = b_ptr + depths.to(tl.int64)[:, None] * b_stride_k + b_columns[None, :] * b_stride_n
    step = tl.full((), BLOCK_K, tl.int64)

    sums = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for block in range(tl.cdiv(K, BLOCK_K)):
        if EVEN_K:
            a = tl.load(a_ptrs)
            b = tl.load(b_ptrs)
        else:
            left = K - block * BLOCK_K
            a = tl.load(a_ptrs, mask=depths[None, :] < left, other=0.0)
            b = tl.load(b_ptrs, mask=depths[:, None] < left, other=0.0)
        sums = tl.dot(a, b, sums, input_precision=PRECISION)
        a_ptrs += step * a_stride_k
        b_ptrs += step * b_stride_k

    if HAS_BIAS:
        sums += tl.load(bias_ptr + columns, mask=columns < N, other=0.0).to(tl.float32)[None, :]
    places = rows.to(tl.int64)[:, None] * N + columns[None, :]
    inside = (rows[:, None] < M) & (columns[None, :] < N)
    if KEEP:
        tl.store(before_ptr + places, sums, mask=inside)
    if ADD:  # by the memory itself: reading first would take registers that the sums need
        tl.atomic_add(out_ptr + places, sums, mask=inside, sem="relaxed")
    else:
        tl.store(out_ptr + places, activate(sums, ACTIVATION), mask=inside)


def launch(
    a: Tensor,
    b: Tensor,
    out: Tensor,
    *,
    bias: Tensor | None = None,
    activation: str = "none",
    before: Tensor | None = None,
    add: bool = False,
) -> None:
    """Fill `out` (M, N), contiguous, or `add` to it; `before` gets what the activation gets."""
    (M, K), N = a.shape, b.shape[1]
    if not out.numel():
        return
    keep = before is not None
    tile = tile_shape(M, N, a.dtype, keep=keep or add, big_memory=has_big_memory(a))
    if a.itemsize == 2 and not (keep or add):
        tile = settings("matmul", tile, M=M, N=N, K=K, bits=16)
    matmul_kernel[(cdiv(M, tile["BLOCK_M"]) * cdiv(N, tile["BLOCK_N"]),)](
        a,
        b,
        out if bias is None else bias.contiguous(),
        out,
        before if keep else out,
        M,
        N,
        K,
        *a.stride(),
        *b.stride(),
        GROUP=GROUP,
        EVEN_K=K % tile["BLOCK_K"] == 0,
        HAS_BIAS=bias is not None,
        ACTIVATION=activation,
        KEEP=keep,
        ADD=add,
        PRECISION=float32_precision(),
        **tile,
    )


@torch.library.custom_op("kernels::matmul", mutates_args=())
def matmul_op(
    a: Tensor, b: Tensor, bias: Tensor | None, activation: str, keep: bool
) -> tuple[Tensor, Tensor]:
    """The product, and if `keep` what the activation was given (else an empty tensor)."""
    out = a.new_empty(a.shape[0], b.shape[1])
    before = torch.empty_like(out) if keep else None
    launch(a, b, out, bias=bias, activation=activation, before=before)
    return out, a.new_empty(0) if before is None else before


@matmul_op.register_fake
def _(
    a: Tensor, b: Tensor, bias: Tensor | None, activation: str, keep: bool
) -> tuple[Tensor, Tensor]:
    out = a.new_empty(a.shape[0], b.shape[1])
    return out, torch.empty_like(out) if keep else a.new_empty(0)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b by the kernel, without a way back; strides may be any."""
    return matmul_op(a, b, None, "none", False)[0]


@torch.library.custom_op("kernels::add_product", mutates_args=("out",))
def add_product_op(out: Tensor, a: Tensor, b: Tensor) -> None:
    """out += a @ b, with `out` contiguous in float32 whatever the operands are."""
    launch(a, b, out, add=True)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, bias: Tensor | None, activation: str) -> Tensor:
        keep = activation in ("gelu", "silu") and any(ctx.needs_input_grad)
        out, before = matmul_op(a, b, bias, activation, keep)
        ctx.activation = activation
        ctx.save_for_backward(a, b, bias, out if activation == "relu" else before)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, b, bias, before = ctx.saved_tensors
        if ctx.activation != "none":
            grad = activation_backward_op(grad, before, ctx.activation)
        da = product(grad, b.t()) if ctx.needs_input_grad[0] else None
        db = product(a.t(), grad) if ctx.needs_input_grad[1] else None
        d_bias = None
        if ctx.needs_input_grad[2]:
            d_bias = grad.sum(0, dtype=torch.float32).to(bias.dtype)
        return da, db, d_bias, None


def matmul_plain(
    a: Tensor, b: Tensor, bias: Tensor | None = None, activation: str = "none"
) -> Tensor:
    """The twin."""
    out = a @ b if bias is None else a @ b + bias
    return TWINS[activation](out)


TWINS = {
    "none": lambda x: x,
    "relu": F.relu,
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}


def matmul(a: Tensor, b: Tensor, bias: Tensor | None = None, activation: str = "none") -> Tensor:
    """activation(a @ b + bias) for a (..., M, K), b (K, N), bias (N); strides may be any.

    activation: "none", "relu", "gelu" (its tanh form) or "silu". Sums are kept in float32. float32
    operands are multiplied exactly, or as tf32 after torch.set_float32_matmul_precision("high").
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"There is no activation {activation!r}: {', '.join(ACTIVATIONS)}.")
    if b.ndim != 2 or a.shape[-1] != b.shape[0]:
        raise ValueError(
            f"matmul needs a (..., M, K) and b (K, N) with one K: a is {tuple(a.shape)}, "
            f"b is {tuple(b.shape)}. A transposed view, .t(), costs nothing."
        )
    if bias is not None:
        check_shape("matmul", "bias", bias, (b.shape[1],))
    check_same_device("matmul", a=a, b=b, bias=bias)
    check_same_dtype("matmul", a=a, b=b)
    if not runs_kernel(a):
        return matmul_plain(a, b, bias, activation)
    check_float("matmul", a=a, b=b)
    rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
    if torch.is_grad_enabled():
        out = MatMul.apply(rows, b, bias, activation)
    else:  # then nothing is kept
        out, _ = matmul_op(rows, b, bias, activation, False)
    return out.reshape(*a.shape[:-1], b.shape[1])
