"""Number formats: by hand, code by code against torch, and against the table of facts."""

import csv
import math
import struct
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lib.assets
from lib.tensors.formats import (
    FORMATS,
    Format,
    bit_string,
    decode,
    encode,
    fields,
    named,
    numbers,
    rounded,
    spacing,
)

FP32, FP16, BF16 = FORMATS["fp32"], FORMATS["fp16"], FORMATS["bf16"]
E4M3, E5M2, FP4 = FORMATS["fp8_e4m3"], FORMATS["fp8_e5m2"], FORMATS["fp4_e2m1"]
DTYPES = {
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8_e4m3": torch.float8_e4m3fn,
    "fp8_e5m2": torch.float8_e5m2,
}


def same(a, b):
    return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))


# By hand


def test_fp4_is_a_short_list():
    assert numbers(FP4) == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert [decode(code, FP4) for code in range(8, 16)] == [-0.0, -0.5, -1, -1.5, -2, -3, -4, -6]


def test_one_and_a_half_in_bits():
    assert fields(encode(1.5, FP16), FP16) == (0, 15, 512)
    assert bit_string(encode(1.5, FP16), FP16) == "0 01111 1000000000"
    assert bit_string(encode(-6.0, FP4), FP4) == "1 11 1"
    assert (
        bit_string(
            encode(2.0, Format("powers", 3, 0, "numbers")), Format("powers", 3, 0, "numbers")
        )
        == "0 100"
    )


def test_ranges():
    assert FP16.largest == 65504
    assert FP16.smallest == 2**-14
    assert FP16.smallest_subnormal == 2**-24
    assert (E4M3.largest, E5M2.largest) == (448, 57344)
    assert BF16.epsilon == 2**-7
    assert (FP4.bytes, FORMATS["tf32"].bits, FORMATS["tf32"].bytes) == (0.5, 19, 4)


def test_small_numbers_underflow_in_fp16_and_survive_in_bf16():
    assert rounded(1e-8, FP16) == 0
    assert rounded(1e-8, BF16) == pytest.approx(1.0012e-8, rel=1e-4)


def test_ties_go_to_the_even_code():
    ties = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5]
    assert [rounded(x, FP4) for x in ties] == [0, 1, 1, 2, 2, 4, 4]
    assert rounded(2.5000001, FP4) == 3


def test_beyond_the_largest():
    assert rounded(65519.99, FP16) == 65504
    assert rounded(65520, FP16) == math.inf  # half way to 2^16
    assert rounded(-1e9, FP16) == -math.inf
    assert rounded(1e9, FP16, saturate=True) == 65504
    assert rounded(464, E4M3) == 448  # half way to 480, which is NaN instead
    assert math.isnan(rounded(465, E4M3))
    assert rounded(-math.inf, E4M3, saturate=True) == -448
    assert rounded(math.inf, FP4) == 6


def test_a_format_without_nan_says_so():
    with pytest.raises(ValueError, match="fp4_e2m1 has no NaN: all its 16 codes are numbers"):
        encode(math.nan, FP4)


def test_spacing_doubles_at_each_power_of_two():
    assert [spacing(x, FP16) for x in (1, 1.99, 2, 2048, -4096)] == [2**-10, 2**-10, 2**-9, 2, 4]
    assert spacing(0, FP16) == spacing(1e-7, FP16) == 2**-24
    with pytest.raises(ValueError, match="±65504"):
        spacing(math.inf, FP16)


@pytest.mark.parametrize("format", [FP4, E4M3, FORMATS["fp6_e3m2"]], ids=lambda f: f.name)
def test_spacing_is_the_distance_to_the_next_number(format):
    line = numbers(format)
    for low, high in pairwise(line):
        assert spacing(low, format) == high - low


def test_names_of_torch_are_understood():
    assert named("bf16") is named("bfloat16") is named(torch.bfloat16) is BF16
    assert {named(dtype).bits for dtype in DTYPES.values()} == {8, 16}
    with pytest.raises(ValueError, match="no number format 'bf61': there are fp64, fp32"):
        named("bf61")


def test_what_cannot_be_a_format():
    with pytest.raises(ValueError, match="12 exponent and 3 mantissa bits"):
        Format("wide", 12, 3)
    with pytest.raises(ValueError, match="too small to tell infinity from NaN"):
        Format("powers", 4, 0)
    with pytest.raises(ValueError, match="16 is no code of fp4_e2m1: they go from 0 to 15"):
        decode(16, FP4)
    with pytest.raises(ValueError, match="16 bits or fewer"):
        numbers(FP32)


# Against torch


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2"])  # 16 bits: in test_rounding
def test_every_code_means_what_torch_says(name):
    format = FORMATS[name]
    theirs = torch.arange(256).to(torch.uint8).view(DTYPES[name]).double().tolist()
    for code, value in enumerate(theirs):
        assert same(decode(code, format), value)
        if value == value:  # NaN has several codes
            assert encode(value, format) == code


@pytest.mark.parametrize("name", DTYPES)
@settings(deadline=None, max_examples=60)
@given(x=st.floats(width=32), exponent=st.integers(-30, 20))
def test_rounding_is_torchs(name, x, exponent):
    format, dtype = FORMATS[name], DTYPES[name]
    saturate = name == "fp8_e4m3"  # torch's choice for it
    for value in (x, math.ldexp(math.frexp(x)[0], exponent)):  # the second rarely overflows
        value = float(torch.tensor(value))
        assert same(rounded(value, format, saturate), torch.tensor(value).to(dtype).item())


@settings(deadline=None, max_examples=60)
@given(x=st.floats())
def test_fp32_and_fp64_are_those_of_the_machine(x):
    assert same(decode(encode(x, FORMATS["fp64"]), FORMATS["fp64"]), x)
    if x == x:
        assert encode(x, FORMATS["fp64"]) == int.from_bytes(struct.pack(">d", x))
        assert encode(x, FP32) == torch.tensor(x, dtype=torch.float64).float().view(torch.uint32)


def test_tf32_is_fp32_without_its_last_thirteen_bits():
    tf32 = FORMATS["tf32"]
    codes = torch.arange(0, 2**19, 37, dtype=torch.int64)  # 37 meets every exponent and last bit
    masked = (codes << 13).to(torch.uint32).view(torch.float32)
    for code, value in zip(codes.tolist(), masked.double().tolist()):
        assert same(decode(code, tf32), value)


@settings(deadline=None, max_examples=60)
@given(x=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_rounding_to_tf32_adds_half_and_masks(x):
    bits = encode(x, FP32)
    last = bits >> 13 & 1
    assert encode(x, FORMATS["tf32"]) == (bits + 0xFFF + last) >> 13  # half a unit; ties to even


# Against the facts


def test_the_table_of_facts_agrees():
    path = Path(lib.assets.__file__).parent / "facts" / "formats.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["format"].removesuffix("fn"): row for row in csv.DictReader(file)}
    for name, format in FORMATS.items():
        row = rows[name]
        assert format.bits == int(row["bits"])
        assert format.bias == int(row["exponent_bias"])
        assert format.bytes == float(row["bytes_per_value"])
        assert format.largest == float(row["largest"])
        assert format.smallest == float(row["smallest_normal"])
        assert format.smallest_subnormal == float(row["smallest_subnormal"])
        assert format.epsilon == float(row["epsilon"])
        assert (format.top == "infinity") == (row["infinities"] == "yes")
        assert (format.top != "numbers") == (row["nan"] == "yes")
