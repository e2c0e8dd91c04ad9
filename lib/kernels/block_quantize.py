"""Quantize by blocks: neighbours share a scale, and each keeps eight or four bits.

- mxfp8_e4m3 and mxfp4 (arXiv 2310.10537): 32 numbers share a power of two, stored as its exponent
  plus 127. It brings the largest of them to the highest exponent of the short format.
- nvfp4: 16 numbers share a scale in fp8_e4m3, on top of one float32 for the whole tensor.
- int8: 128 numbers share a float32, the largest magnitude over 127.

Codes of four bits lie two to a byte, the first in the lower half. What these formats are good for
is in lib/tensors/block_formats; here they are made in one pass over memory, and block_layouts has
the twins. Letters: B blocks, E numbers in a block.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.block_codes import e2m1_code, e2m1_value, e4m3_code, e4m3_value, nearest_integer
from lib.kernels.block_layouts import (
    LAYOUTS,
    Layout,
    codes_shape,
    dequantize_blocks_plain,
    quantize_blocks_plain,
    scales_shape,
)
from lib.kernels.checks import check_float
from lib.kernels.language import cdiv, jit, tl

TILE = 2048  # numbers of a program


@jit
def quantize_blocks_kernel(
    x_ptr, codes_ptr, scales_ptr, whole_ptr, B,
    FORMAT: tl.constexpr, E: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    blocks = tl.program_id(0).to(tl.int64) * BLOCKS + tl.arange(0, BLOCKS)[:, None]
    places = blocks * E + tl.arange(0, E)[None, :]
    x = tl.load(x_ptr + places, mask=blocks < B, other=0).to(tl.float32)
    magnitude = tl.abs(x)
    largest = tl.max(magnitude, axis=1, keep_dims=True)
    if FORMAT == "int8":
        scale = tl.div_rn(largest, 127.0)
        ratio = tl.div_rn(x, tl.where(scale > 0, scale, 1.0))
        tl.store(scales_ptr + blocks, scale, mask=blocks < B)
        tl.store(codes_ptr + places, nearest_integer(ratio).to(tl.int8), mask=blocks < B)
    else:
        if FORMAT == "nvfp4":
            whole = tl.load(whole_ptr)
            scale_code = e4m3_code(tl.div_rn(largest, 6.0 * whole))
            scale = e4m3_value(scale_code) * whole
            ratio = tl.div_rn(magnitude, tl.where(scale > 0, scale, 1.0))
        else:
            top = 8 if FORMAT == "mxfp8_e4m3" else 2  # the exponents of 448 and of 6
            exponent = largest.to(tl.int32, bitcast=True) >> 23
            scale_code = tl.maximum(exponent - top, 0)
            ratio = magnitude * ((254 - scale_code) << 23).to(tl.float32, bitcast=True)
        tl.store(scales_ptr + blocks, scale_code.to(tl.uint8), mask=blocks < B)
        negative = (x.to(tl.int32, bitcast=True) >> 31) & 1
        if FORMAT == "mxfp8_e4m3":
            codes = e4m3_code(ratio) | (negative << 7)
            tl.store(codes_ptr + places, codes.to(tl.uint8), mask=blocks < B)
        else:
            codes = e2m1_code(ratio) | (negative << 3)
            low, high = tl.split(tl.reshape(codes, (BLOCKS, E // 2, 2)))
            pairs = blocks * (E // 2) + tl.arange(0, E // 2)[None, :]
            tl.store(codes_ptr + pairs, (low | (high << 4)).to(tl.uint8), mask=blocks < B)


@jit
def dequantize_blocks_kernel(
    codes_ptr, scales_ptr, whole_ptr, out_ptr, B,
    FORMAT: tl.constexpr, E: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    block = tl.program_id(0).to(tl.int64) * BLOCKS + tl.arange(0, BLOCKS)
    scale = tl.load(scales_ptr + block, mask=block < B, other=0)[:, None]
    blocks = block[:, None]
    places = blocks * E + tl.arange(0, E)[None, :]
    if FORMAT == "nvfp4":
        scale = e4m3_value(scale.to(tl.int32)) * tl.load(whole_ptr)
    elif FORMAT != "int8":
        exponent = scale.to(tl.int32)
        subnormal = 5.877471754111438e-39  # 2^-127: its exponent has no bits of its own
        power = (exponent << 23).to(tl.float32, bitcast=True)
        scale = tl.where(exponent == 0, subnormal, power)
    if FORMAT == "int8" or FORMAT == "mxfp8_e4m3":
        codes = tl.load(codes_ptr + places, mask=blocks < B, other=0).to(tl.int32)
    else:
        pairs = blocks * (E // 2) + tl.arange(0, E // 2)[None, :]
        both = tl.load(codes_ptr + pairs, mask=blocks < B, other=0).to(tl.int32)
        codes = tl.reshape(tl.join(both & 15, both >> 4), (BLOCKS, E))
    if FORMAT == "int8":
        x = codes.to(tl.float32)
    elif FORMAT == "mxfp8_e4m3":
        x = tl.where(codes > 127, -e4m3_value(codes & 127), e4m3_value(codes))
    else:
        x = tl.where(codes > 7, -e2m1_value(codes & 7), e2m1_value(codes))
    tl.store(out_ptr + places, x * scale, mask=blocks < B)


def _grid(n_blocks: int, layout: Layout) -> tuple[tuple[int], dict[str, int]]:
    at_once = TILE // layout.block
    return (cdiv(n_blocks, at_once),), {"E": layout.block, "BLOCKS": at_once}


@torch.library.custom_op("kernels::quantize_blocks", mutates_args=())
def quantize_blocks_op(x: Tensor, format: str, whole: Tensor | None) -> tuple[Tensor, Tensor]:
    layout, x = LAYOUTS[format], x.contiguous()
    codes = torch.empty(codes_shape(x, layout), dtype=layout.codes, device=x.device)
    scales = torch.empty(scales_shape(x, layout), dtype=layout.scales, device=x.device)
    whole = torch.ones((), device=x.device) if whole is None else whole
    if x.numel():
        grid, tile = _grid(scales.numel(), layout)
        quantize_blocks_kernel[grid](x, codes, scales, whole, scales.numel(), FORMAT=format, **tile)
    return codes, scales


@quantize_blocks_op.register_fake
def _(x: Tensor, format: str, whole: Tensor | None) -> tuple[Tensor, Tensor]:
    layout = LAYOUTS[format]
    codes = x.new_empty(codes_shape(x, layout), dtype=layout.codes)
    return codes, x.new_empty(scales_shape(x, layout), dtype=layout.scales)


@torch.library.custom_op("kernels::dequantize_blocks", mutates_args=())
def dequantize_blocks_op(
    codes: Tensor, scales: Tensor, format: str, whole: Tensor | None, dtype: torch.dtype
) -> Tensor:
    layout, codes, scales = LAYOUTS[format], codes.contiguous(), scales.contiguous()
    shape = *codes.shape[:-1], codes.shape[-1] * 8 // layout.bits
    out = torch.empty(shape, dtype=dtype, device=codes.device)
    whole = torch.ones((), device=codes.device) if whole is None else whole
    if out.numel():
        grid, tile = _grid(scales.numel(), layout)
        n_blocks = scales.numel()
        dequantize_blocks_kernel[grid](codes, scales, whole, out, n_blocks, FORMAT=format, **tile)
    return out


@dequantize_blocks_op.register_fake
def _(
    codes: Tensor, scales: Tensor, format: str, whole: Tensor | None, dtype: torch.dtype
) -> Tensor:
    width = codes.shape[-1] * 8 // LAYOUTS[format].bits
    return codes.new_empty((*codes.shape[:-1], width), dtype=dtype)


def whole_scale(x: Tensor) -> Tensor:
    """nvfp4's float32 for the whole tensor: the largest number gets the largest block scale."""
    whole = x.abs().amax().float() / (6 * 448)
    return torch.where(whole > 0, whole, 1.0)


def quantize_blocks(x: Tensor, format: str, whole: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(codes, scales) of finite numbers, cut into blocks along the last axis.

    `whole` is for nvfp4: `whole_scale(x)`, or None for no scale of the whole tensor.
    """
    _check_format(format, whole)
    block = LAYOUTS[format].block
    if x.shape[-1] % block:
        raise ValueError(
            f"{format} takes {block} neighbours at a time, and the last axis of {tuple(x.shape)} "
            f"leaves {x.shape[-1] % block} over. Pad it with zeros."
        )
    if not runs_kernel(x):
        return quantize_blocks_plain(x, format, whole)
    check_float("quantize_blocks", x=x)
    return quantize_blocks_op(x, format, whole)


def dequantize_blocks(
    codes: Tensor,
    scales: Tensor,
    format: str,
    whole: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """The numbers that codes and scales stand for; `whole` as it was given to quantize_blocks."""
    _check_format(format, whole)
    run = dequantize_blocks_op if runs_kernel(codes) else dequantize_blocks_plain
    return run(codes, scales, format, whole, dtype)


def _check_format(format: str, whole: Tensor | None) -> None:
    if format not in LAYOUTS:
        raise ValueError(f"There is no block format {format!r}: choose from {', '.join(LAYOUTS)}.")
    if whole is not None and format != "nvfp4":
        raise ValueError(f"Only nvfp4 has a scale of the whole tensor, {format} has not: leave it.")
