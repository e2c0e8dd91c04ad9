"""How block formats lie in memory, and how PyTorch makes them: the twins of block_quantize.

Letters: B blocks, E numbers in a block.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lib.kernels.block_codes import (
    e2m1_code_plain,
    e2m1_value_plain,
    e4m3_code_plain,
    e4m3_value_plain,
)


@dataclass(frozen=True)
class Layout:
    """How a format lies in memory."""

    block: int
    bits: int
    codes: torch.dtype
    scales: torch.dtype


LAYOUTS = {
    "mxfp8_e4m3": Layout(32, 8, torch.uint8, torch.uint8),
    "mxfp4": Layout(32, 4, torch.uint8, torch.uint8),
    "nvfp4": Layout(16, 4, torch.uint8, torch.uint8),
    "int8": Layout(128, 8, torch.int8, torch.float32),
}


def codes_shape(x: Tensor, layout: Layout) -> tuple:
    """Of numbers, or of symbols where torch.compile asks."""
    return *x.shape[:-1], x.shape[-1] * layout.bits // 8


def scales_shape(x: Tensor, layout: Layout) -> tuple:
    return *x.shape[:-1], x.shape[-1] // layout.block


def quantize_blocks_plain(x: Tensor, format: str, whole: Tensor | None) -> tuple[Tensor, Tensor]:
    """The twin."""
    layout = LAYOUTS[format]
    blocks = x.float().reshape(-1, layout.block)
    magnitude, negative = blocks.abs(), blocks.signbit().to(torch.uint8)
    largest = magnitude.amax(dim=1, keepdim=True)
    if format == "int8":
        scales = largest / 127
        codes = (blocks / scales.where(scales > 0, 1.0)).round().to(torch.int8)
    elif format == "nvfp4":
        of_all = 1.0 if whole is None else whole
        scales = e4m3_code_plain(largest / (6 * of_all))
        widths = e4m3_value_plain(scales) * of_all
        codes = e2m1_code_plain(magnitude / widths.where(widths > 0, 1.0)) | negative << 3
    else:
        top = 8 if format == "mxfp8_e4m3" else 2
        exponent = torch.frexp(largest).exponent - 1 - top
        exponent = exponent.clamp(min=-127).where(largest > 0, -127)
        scales = (exponent + 127).to(torch.uint8)
        ratio = torch.ldexp(magnitude.double(), -exponent)
        codes = e4m3_code_plain(ratio) if format == "mxfp8_e4m3" else e2m1_code_plain(ratio)
        codes |= negative << (layout.bits - 1)
    if layout.bits == 4:
        codes = codes[:, 0::2] | codes[:, 1::2] << 4
    return codes.reshape(codes_shape(x, layout)), scales.reshape(scales_shape(x, layout))


def dequantize_blocks_plain(
    codes: Tensor, scales: Tensor, format: str, whole: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """The twin."""
    layout = LAYOUTS[format]
    shape = *codes.shape[:-1], codes.shape[-1] * (8 // layout.bits)
    if layout.bits == 4:
        codes = torch.stack([codes & 15, codes >> 4], dim=-1)
    codes = codes.reshape(-1, layout.block)
    if format == "int8":
        x = codes.float() * scales.reshape(-1, 1)
    else:
        sign = layout.bits - 1
        decode = e4m3_value_plain if format == "mxfp8_e4m3" else e2m1_value_plain
        x = decode(codes & (2**sign - 1)) * (1 - 2.0 * (codes >> sign))
        if format == "nvfp4":
            x = x * (e4m3_value_plain(scales) * (1.0 if whole is None else whole)).reshape(-1, 1)
        else:
            x = torch.ldexp(x.double(), scales.reshape(-1, 1).int() - 127)
    return x.to(dtype).reshape(shape)
