"""Block formats: scales by hand, then what every block format promises."""

import csv
from pathlib import Path

import pytest
import torch

import lib.assets
from lib.tensors.block_formats import BLOCK_FORMATS, block_scales, dequantize, quantize
from lib.tensors.formats import FORMATS, rounded

MXFP4, NVFP4 = BLOCK_FORMATS["mxfp4"], BLOCK_FORMATS["nvfp4"]


def block(*values, size):
    return torch.tensor([*values, *[0.0] * (size - len(values))])


def test_bits_per_number():
    bits = {name: format.bits for name, format in BLOCK_FORMATS.items()}
    assert bits["mxfp4"] == 4 + 8 / 32
    assert bits["nvfp4"] == 4 + 8 / 16
    assert bits["mxfp8_e4m3"] == 8.25
    assert quantize(torch.randn(3, 64), MXFP4).n_bytes == 3 * 64 * 4.25 / 8
    assert quantize(torch.randn(3, 64), NVFP4).n_bytes == 3 * 64 * 4.5 / 8 + 4


def test_mx_scales_are_powers_of_two():
    q = quantize(block(40.0, 9.0, -3.0, 1.0, size=32), MXFP4)
    # 40 lies above 2^5, and fp4 above 2^2: the scale is 2^3. Then 5, 1.125, -0.375, 0.125 round.
    assert q.scale_codes.tolist() == [127 + 3]
    assert dequantize(q)[:5].tolist() == [32, 8, -4, 0, 0]  # 5 is a tie, and goes to the even 4


def test_mx_saturates_in_the_gap_below_the_next_power():
    q = quantize(block(7.9, size=32), MXFP4)
    assert q.scale_codes.tolist() == [127]
    assert dequantize(q)[0] == 6


def test_nv_scales_are_finer():
    x = torch.cat([block(2688.0, 896.0, size=16), block(7.0, 3.5, size=16)])
    q = quantize(x, NVFP4)
    assert q.tensor_scale == 1  # 2688 = 6 x 448
    assert block_scales(q.scale_codes, NVFP4).tolist() == [448, 1.125]  # 7 / 6, rounded
    assert dequantize(q)[[0, 1, 16, 17]].tolist() == [2688, 896, 6.75, 3.375]


def test_nv_uses_its_whole_range_whatever_the_size_of_the_numbers():
    x = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    small = dequantize(quantize(x * 2**-40, NVFP4)) * 2**40
    assert torch.equal(small, dequantize(quantize(x, NVFP4)))


def test_scale_codes_are_those_of_torch():
    powers = 2.0 ** torch.arange(-100, 100)
    x = torch.zeros(200, 32)
    x[:, 5] = 4 * powers  # fp4 reaches 2^2: the scale is the power itself
    theirs = powers.to(torch.float8_e8m0fnu).view(torch.uint8)
    assert torch.equal(quantize(x, MXFP4).scale_codes, theirs.long())


@pytest.mark.parametrize("format", BLOCK_FORMATS.values(), ids=BLOCK_FORMATS.keys())
def test_each_number_is_rounded_on_the_scale_of_its_block(format):
    sizes = 10.0 ** torch.tensor([[-20, 30, 29], [28, 27, 26]])[..., None]  # a block of each
    x = sizes * torch.randn(2, 3, format.block, generator=torch.Generator().manual_seed(0))
    q = quantize(x, format)
    scales = (block_scales(q.scale_codes, format) * q.tensor_scale).tolist()
    for numbers, kept, scale in zip(x.reshape(6, -1), dequantize(q).reshape(6, -1), scales):
        if scale == 0:  # nvfp4 again, where a block 10^19 times larger set the scale of the tensor
            assert not kept.any()
            continue
        expected = [rounded(v / scale, format.element, saturate=True) for v in numbers.tolist()]
        assert torch.equal(kept, (torch.tensor(expected).double() * scale).float())


@pytest.mark.parametrize("format", BLOCK_FORMATS.values(), ids=BLOCK_FORMATS.keys())
def test_what_was_quantized_once_stays(format):
    x = dequantize(quantize(torch.randn(2, 64, generator=torch.Generator().manual_seed(0)), format))
    assert torch.allclose(dequantize(quantize(x, format)), x, rtol=1e-6)
    assert torch.equal(dequantize(quantize(torch.zeros(64), format)), torch.zeros(64))


def test_what_cannot_be_cut_is_explained():
    with pytest.raises(ValueError, match=r"\(3, 40\) leaves 8 over. Pad it with zeros"):
        quantize(torch.ones(3, 40), MXFP4)
    with pytest.raises(ValueError, match="Quantize finite numbers"):
        quantize(torch.tensor([torch.inf] * 16), NVFP4)


def test_the_table_of_facts_agrees():
    path = Path(lib.assets.__file__).parent / "facts" / "formats.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["format"]: row for row in csv.DictReader(file) if row["block"]}
    assert rows.keys() <= BLOCK_FORMATS.keys()
    for name, row in rows.items():
        format = BLOCK_FORMATS[name]
        top_scale = 2.0**127 if format.scale is None else FORMATS["fp8_e4m3"].largest
        assert (format.block, format.bits) == (int(row["block"]), float(row["bits"]))
        assert top_scale * format.element.largest == float(row["largest"])
