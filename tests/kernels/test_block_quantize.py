"""Block formats against lib.tensors.block_formats, code by code, and int8 by its own rule."""

import pytest
import torch
from against_float64 import draw

from lib.kernels.backend import backend
from lib.kernels.block_layouts import LAYOUTS
from lib.kernels.block_quantize import (
    dequantize_blocks,
    dequantize_blocks_op,
    quantize_blocks,
    quantize_blocks_op,
    whole_scale,
)
from lib.tensors.block_formats import BLOCK_FORMATS, dequantize, quantize

FORMATS = pytest.mark.parametrize("format", ["mxfp8_e4m3", "mxfp4", "nvfp4"])


def numbers(place, dtype=torch.float32):
    """Of all sizes from block to block, with zeros of both signs, middles and tiny numbers."""
    x = draw(3, 7, 128, dtype=torch.float32, device="cpu")
    x = x * 2.0 ** torch.randint(-9, 9, (3, 7, 1), generator=torch.Generator().manual_seed(0))
    x[0, 0] = torch.arange(128) / 16 - 4  # every middle between two codes
    x[0, 1], x[0, 2], x[0, 3, ::2] = 0.0, -0.0, -0.0
    x[0, 4], x[0, 5, 7] = 1e-39, 1e38
    x[0, 6] = torch.arange(128) / 8 * 2.0**-9  # below the normal numbers of e4m3
    x[0, 6, ::16] = 448.0
    return x.to(device=place, dtype=dtype)


def unpacked(codes, bits):
    return torch.stack([codes & 15, codes >> 4], -1).flatten(-2) if bits == 4 else codes


@FORMATS
@pytest.mark.parametrize("run", ["kernel", "twin"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_codes_equal_those_of_the_simulator(place, format, run, dtype):
    x = numbers(place, dtype)
    whole = whole_scale(x) if format == "nvfp4" else None
    reference = quantize(x.cpu(), BLOCK_FORMATS[format])
    with backend(run):
        codes, scales = quantize_blocks(x, format, whole)
        back = dequantize_blocks(codes, scales, format, whole)
    assert torch.equal(scales.flatten().cpu().long(), reference.scale_codes)
    ours = unpacked(codes, LAYOUTS[format].bits).cpu().long().reshape(reference.codes.shape)
    assert torch.equal(ours, reference.codes)
    assert torch.allclose(back.cpu(), dequantize(reference), rtol=1e-6, atol=0)
    if whole is not None:
        assert whole.item() == reference.tensor_scale


@pytest.mark.parametrize("run", ["kernel", "twin"])
def test_int8(place, run):
    x = draw(5, 256, dtype=torch.float32, device=place, scale=3)
    x[1, :128] = 0
    x[2, :128] = torch.arange(128) - 0.5  # middles: to the even integer
    x[2, 0] = -127
    with backend(run):
        codes, scales = quantize_blocks(x, "int8")
        back = dequantize_blocks(codes, scales, "int8")
    assert codes.dtype == torch.int8 and scales.shape == (5, 2)
    largest = x.unflatten(-1, (2, 128)).abs().amax(-1)
    assert torch.equal(scales, largest / 127)
    assert codes[2, 1:5].tolist() == [0, 2, 2, 4]
    steps = scales.repeat_interleave(128, dim=-1)
    assert ((back - x).abs() <= 0.501 * steps).all()
    assert codes.abs().amax() == 127


def test_strides_types_and_nothing(place):
    x = draw(64, 6, dtype=torch.bfloat16, device=place)
    codes, scales = quantize_blocks(x.t(), "mxfp4")
    assert codes.shape == (6, 32) and scales.shape == (6, 2)
    back = dequantize_blocks(codes, scales, "mxfp4", dtype=torch.bfloat16)
    assert back.dtype == torch.bfloat16
    assert torch.equal(
        back.float(), dequantize(quantize(x.t().cpu(), BLOCK_FORMATS["mxfp4"])).to(place)
    )
    codes, scales = quantize_blocks(x.t()[:0], "mxfp4")
    assert dequantize_blocks(codes, scales, "mxfp4").shape == (0, 64)


def test_what_torch_is_promised(place):
    x = draw(2, 32, dtype=torch.float32, device=place)
    for format, whole in (("mxfp4", None), ("nvfp4", whole_scale(x))):
        torch.library.opcheck(quantize_blocks_op, (x, format, whole))
        codes, scales = quantize_blocks(x, format, whole)
        torch.library.opcheck(dequantize_blocks_op, (codes, scales, format, whole, torch.float32))
    with pytest.raises(ValueError, match=r"int8 takes 128 neighbours .* leaves 32 over"):
        quantize_blocks(x, "int8")
    with pytest.raises(ValueError, match="no block format 'int4'"):
        quantize_blocks(x, "int4")
    with pytest.raises(ValueError, match="Only nvfp4 has"):
        quantize_blocks(x, "mxfp4", whole_scale(x))
