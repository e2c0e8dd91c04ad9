"""Rounding tensors: the scalar functions of `formats` are the judge."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.tensors.formats import FORMATS, encode, named
from lib.tensors.rounding import decode_tensor, encode_tensor, round_tensor

SMALL = ["fp16", "bf16", "fp8_e5m2", "fp8_e4m3", "fp6_e3m2", "fp6_e2m3", "fp4_e2m1"]


def test_fp4_by_hand():
    x = torch.tensor([[0.2, 0.3, -2.5], [5.1, 100, -math.inf]])
    assert round_tensor(x, FORMATS["fp4_e2m1"]).tolist() == [[0, 0.5, -2], [6, 6, -6]]


@pytest.mark.parametrize("name", [*SMALL, "fp32", "tf32"])
@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.floats(width=32, allow_nan=False) | st.floats(-10, 10), max_size=5))
def test_codes_are_those_of_the_numbers_one_by_one(name, values):
    codes = encode_tensor(torch.tensor(values, dtype=torch.float64), FORMATS[name])
    assert codes.tolist() == [encode(x, FORMATS[name], saturate=True) for x in values]


@pytest.mark.parametrize("name", SMALL)
def test_every_number_comes_back(name):
    format = FORMATS[name]
    codes = torch.arange(2**format.bits)
    numbers = decode_tensor(codes, format)
    finite = numbers.isfinite()
    assert int(finite.sum()) == 2 * (format.largest_code + 1)
    assert torch.equal(encode_tensor(numbers[finite], format), codes[finite])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_code_of_16_bits_means_what_torch_says(dtype):
    codes = torch.arange(2**16)
    theirs = codes.to(torch.uint16).view(dtype).float()
    ours = decode_tensor(codes, named(dtype))
    assert torch.equal(ours.isnan(), theirs.isnan())
    assert torch.equal(ours.nan_to_num(0), theirs.nan_to_num(0))
    assert torch.equal(torch.signbit(ours), torch.signbit(theirs))


def test_not_a_number():
    x = torch.tensor([1.0, math.nan])
    assert round_tensor(x, FORMATS["fp8_e4m3"]).isnan().tolist() == [False, True]
    with pytest.raises(ValueError, match="fp4_e2m1 has no NaN"):
        round_tensor(x, FORMATS["fp4_e2m1"])


def test_formats_too_long():
    with pytest.raises(ValueError, match="fp64 has 64 bits"):
        encode_tensor(torch.ones(1), FORMATS["fp64"])
    with pytest.raises(ValueError, match="too many for a list"):
        decode_tensor(torch.ones(1, dtype=torch.int64), FORMATS["fp32"])
