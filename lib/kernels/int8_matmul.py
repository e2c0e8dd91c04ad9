"""x @ W.T with W kept in int8, half of the bytes that bfloat16 takes.

Every row of W has a scale: its largest number becomes 127, so W = scale * q with |q| <= 127. A
decoding step multiplies one or a few rows of x with all of W and waits for W to be read, so fewer
bytes are less time. The kernel loads the int8, widens it in registers (every float type has all
integers up to 256), multiplies on the tensor cores, and applies the scale of a row to its sum.

With few rows there are few tiles, too few to keep the memory busy. Then SPLIT programs share a
tile, each taking its part of K, and their sums are added up afterwards, in a fixed order.

Letters: M rows of x, K what is summed over, N rows of the weight.
"""

import math

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_shape
from lib.kernels.language import cdiv, jit, next_power_of_2, tl
from lib.kernels.matmul import program_of
from lib.kernels.matmul_tiles import GROUP, float32_precision


@jit
def int8_matmul_kernel(
    x_ptr, weight_ptr, scales_ptr, out_ptr, M, N, K, x_stride, weight_stride_n, weight_stride_k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
    SPLIT: tl.constexpr, SCALED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """A tile of one part of out (SPLIT, M, N): what every SPLIT-th block of K gives."""
    tile_m, tile_n = program_of(tl.program_id(0), M, N, BLOCK_M, BLOCK_N, GROUP)
    part = tl.program_id(1)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    depths = tl.arange(0, BLOCK_K)
    x_rows = x_ptr + (rows % M).to(tl.int64)[None, :] * x_stride
    weight_rows = weight_ptr + (columns % N).to(tl.int64)[:, None] * weight_stride_n

    # Transposed, (N, M): the left operand of the tensor cores may come from registers, where the
    # int8 have just been widened.
    sums = tl.zeros((BLOCK_N, BLOCK_M), dtype=tl.float32)
    for start in range(part * BLOCK_K, K, SPLIT * BLOCK_K):
        places = start + depths
        x = tl.load(x_rows + places[:, None], mask=places[:, None] < K, other=0.0)
        q_ptrs = weight_rows + places.to(tl.int64)[None, :] * weight_stride_k
        q = tl.load(q_ptrs, mask=places[None, :] < K, other=0)
        sums = tl.dot(q.to(x.dtype), x, sums, input_precision=PRECISION)

    if SCALED:
        sums *= tl.load(scales_ptr + columns, mask=columns < N, other=0.0).to(tl.float32)[:, None]
    places = (part.to(tl.int64) * M + rows.to(tl.int64)[None, :]) * N + columns[:, None]
    tl.store(out_ptr + places, sums, mask=(rows[None, :] < M) & (columns[:, None] < N))


def tile_shape(M: int, N: int, K: int, dtype: torch.dtype) -> dict[str, int]:
    """Tile, split, warps and stages: few rows take narrow tiles, and as many as are needed."""
    if dtype == torch.float32:
        return _settings(16 if M <= 16 else 64, 32, 32, warps=4, stages=3)
    if M <= 64:
        split = min(8, cdiv(K, 512), max(1, ENOUGH // cdiv(N, 64)))
        return _settings(max(16, next_power_of_2(M)), 64, 128, split=split, warps=4, stages=4)
    if cdiv(M, 128) * cdiv(N, 128) < ENOUGH // 2:
        return _settings(64, 64, 64, warps=4, stages=4)
    return _settings(128, 128, 64, warps=8, stages=3)


ENOUGH = 264  # programs: two for each multiprocessor of an H100


def _settings(m: int, n: int, k: int, *, warps: int, stages: int, split: int = 1) -> dict[str, int]:
    tile = {"BLOCK_M": m, "BLOCK_N": n, "BLOCK_K": k, "SPLIT": max(1, split)}
    return {**tile, "num_warps": warps, "num_stages": stages}


@torch.library.custom_op("kernels::int8_matmul", mutates_args=())
def int8_matmul_op(x: Tensor, weight: Tensor, scales: Tensor | None) -> Tensor:
    """x (M, K) times weight (N, K) transposed, its rows times `scales`; in the dtype of x."""
    x = x if x.stride(1) == 1 else x.contiguous()
    (M, K), N = x.shape, weight.shape[0]
    tile = tile_shape(M, N, K, x.dtype)
    parts = tile["SPLIT"]
    out = x.new_empty(parts, M, N, dtype=x.dtype if parts == 1 else torch.float32)
    if out.numel():
        int8_matmul_kernel[(cdiv(M, tile["BLOCK_M"]) * cdiv(N, tile["BLOCK_N"]), parts)](
            x,
            weight,
            out if scales is None else scales.contiguous(),
            out,
            M,
            N,
            K,
            x.stride(0),
            *weight.stride(),
            GROUP=GROUP,
            SCALED=scales is not None,
            PRECISION=float32_precision(),
            **tile,
        )
    return out.view(M, N) if parts == 1 else out.sum(0).to(x.dtype)


@int8_matmul_op.register_fake
def _(x: Tensor, weight: Tensor, scales: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


class Int8MatMul(torch.autograd.Function):
    """The weight is what it is; a gradient goes through to x, as fine-tuning around it needs."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, scales: Tensor) -> Tensor:
        ctx.save_for_backward(weight, scales)
        return int8_matmul_op(x, weight, scales)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        weight, scales = ctx.saved_tensors
        return int8_matmul_op((grad * scales).to(grad.dtype), weight.t(), None), None, None


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (N, K) as int8 from -127 to 127 and float32 scales (N): weight ~ int8 * scales.

    A number is off by half its row's scale at most.
    """
    weight = weight.detach().float()
    scales = weight.abs().amax(dim=1) / 127 if weight.shape[1] else weight.new_ones(len(weight))
    scales = scales.where(scales > 0, 1.0)  # rows of zeros
    return (weight / scales.unsqueeze(1)).round().clamp(-127, 127).to(torch.int8), scales


def int8_matmul_plain(x: Tensor, weight: Tensor, scales: Tensor) -> Tensor:
    """The twin."""
    return ((x @ weight.to(x.dtype).t()) * scales).to(x.dtype)


def int8_matmul(x: Tensor, weight: Tensor, scales: Tensor) -> Tensor:
    """x (..., K) times W transposed, W = weight (N, K) in int8 times scales (N): quantize_rows."""
    if weight.dtype != torch.int8:
        raise TypeError(
            f"int8_matmul takes a weight in int8, not {weight.dtype}: "
            "weight, scales = quantize_rows(weight)."
        )
    N, K = weight.shape
    check_shape("int8_matmul", "x", x, (*x.shape[:-1], K))
    check_shape("int8_matmul", "scales", scales, (N,))
    check_same_device("int8_matmul", x=x, weight=weight, scales=scales)
    if not runs_kernel(x):
        return int8_matmul_plain(x, weight, scales)
    check_float("int8_matmul", x=x, scales=scales)
    rows = x.reshape(math.prod(x.shape[:-1]), K)
    return Int8MatMul.apply(rows, weight, scales).reshape(*x.shape[:-1], N)
