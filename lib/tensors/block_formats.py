"""Block formats: few bits per number, and a scale that neighbours share.

fp4 reaches from 0.5 to 6, and the numbers in a tensor much further. A block format divides every
run of neighbours by a scale that brings the largest of them to the top of the small format.

- MX (OCP microscaling, arXiv 2310.10537): 32 neighbours share a power of two. It is stored as
  e8m0, an exponent without sign and mantissa.
- NV: 16 neighbours share a scale in fp8_e4m3, finer but short of range, so the tensor as a whole
  has an fp32 scale on top. So fp4 in blocks of 16 is NVFP4, and in blocks of 32 it is MXFP4.

Letters: B blocks, E numbers in one block.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lib.tensors.formats import FORMATS, Format
from lib.tensors.rounding import decode_tensor, encode_tensor

E8M0_BIAS = 127  # codes 0 to 254 are 2^-127 to 2^127; 255 is NaN


@dataclass(frozen=True)
class BlockFormat:
    """What the numbers are stored in, and how many of them share a scale of eight bits."""

    name: str
    element: Format
    block: int
    scale: Format | None = None  # None: e8m0

    @property
    def bits(self) -> float:
        """Per number, with its share of the block's scale."""
        return self.element.bits + 8 / self.block


BLOCK_FORMATS = {
    format.name: format
    for format in (
        BlockFormat("mxfp8_e5m2", FORMATS["fp8_e5m2"], 32),
        BlockFormat("mxfp8_e4m3", FORMATS["fp8_e4m3"], 32),
        BlockFormat("mxfp6_e3m2", FORMATS["fp6_e3m2"], 32),
        BlockFormat("mxfp6_e2m3", FORMATS["fp6_e2m3"], 32),
        BlockFormat("mxfp4", FORMATS["fp4_e2m1"], 32),
        BlockFormat("nvfp4", FORMATS["fp4_e2m1"], 16, FORMATS["fp8_e4m3"]),
    )
}


@dataclass(frozen=True)
class Quantized:
    """A tensor in a block format. Codes have an integer each here; memory would pack them."""

    format: BlockFormat
    shape: torch.Size
    codes: Int64[Tensor, "B E"]
    scale_codes: Int64[Tensor, " B"]
    tensor_scale: float = 1.0

    @property
    def n_bytes(self) -> float:
        """In memory, packed."""
        of_the_tensor = 0 if self.format.scale is None else 4
        return self.codes.numel() * self.format.bits / 8 + of_the_tensor


def quantize(x: Float[Tensor, "*shape"], format: BlockFormat) -> Quantized:
    """Cut the last axis into blocks; scale and round each. What is still too large saturates."""
    if x.shape[-1] % format.block:
        raise ValueError(
            f"{format.name} takes {format.block} neighbours at a time, and the last axis of "
            f"{tuple(x.shape)} leaves {x.shape[-1] % format.block} over. Pad it with zeros."
        )
    if not x.isfinite().all():
        raise ValueError(
            f"A scale from NaN or infinity would spoil its whole block of {format.block} numbers. "
            "Quantize finite numbers."
        )
    blocks = x.double().reshape(-1, format.block)
    largest = blocks.abs().amax(dim=1)
    if format.scale is None:
        scale_codes, tensor_scale = power_of_two_codes(largest, format.element), 1.0
    else:
        tensor_scale = whole_scale(largest, format.element, format.scale)
        scale_codes = encode_tensor(largest / format.element.largest / tensor_scale, format.scale)
    scales = block_scales(scale_codes, format) * tensor_scale
    scales = torch.where(scales > 0, scales, 1.0)  # a block of zeros
    codes = encode_tensor(blocks / scales[:, None], format.element)
    return Quantized(format, x.shape, codes, scale_codes, tensor_scale)


def dequantize(q: Quantized) -> Float[Tensor, "*shape"]:
    """The numbers that are left, in fp32."""
    scales = block_scales(q.scale_codes, q.format) * q.tensor_scale
    return (decode_tensor(q.codes, q.format.element) * scales[:, None]).float().reshape(q.shape)


def power_of_two_codes(largest: Float[Tensor, " B"], element: Format) -> Int64[Tensor, " B"]:
    """MX: the e8m0 scale that gives a block's largest number the highest exponent there is.

    Numbers in the gap between the largest of the format and the next power of two saturate: up to
    8 instead of 6 in fp4. The standard chose that over a scale twice as coarse.
    """
    exponents = torch.frexp(largest).exponent - 1  # of the power of two at or below
    top = torch.frexp(torch.tensor(element.largest)).exponent - 1
    codes = (exponents - top + E8M0_BIAS).clamp(0, 254).long()
    return torch.where(largest > 0, codes, 0)


def whole_scale(largest: Float[Tensor, " B"], element: Format, scale: Format) -> float:
    """NV: the fp32 scale that gives the block with the largest number the largest block scale.

    The block scales reach 17 powers of two below that; what is smaller still becomes zero.
    """
    whole = largest.max() / (element.largest * scale.largest)
    return whole.float().item() or 1.0  # all zeros


def block_scales(scale_codes: Int64[Tensor, " B"], format: BlockFormat) -> Float[Tensor, " B"]:
    """The scales that the codes stand for."""
    if format.scale is None:
        return torch.ldexp(
            torch.ones_like(scale_codes, dtype=torch.float64), scale_codes - E8M0_BIAS
        )
    return decode_tensor(scale_codes, format.scale).double()
