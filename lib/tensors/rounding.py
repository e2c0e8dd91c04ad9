"""Whole tensors into a number format and back: `formats` for many numbers at once.

The same closed form, so that every format can be tried, also those that torch has no casts for.
"""

from functools import cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lib.tensors.formats import Format, decode


def encode_tensor(x: Float[Tensor, "*shape"], format: Format) -> Int64[Tensor, "*shape"]:
    """The code of each number, as from `formats.encode(..., saturate=True)`."""
    if format.bits > 32:
        raise ValueError(
            f"{format.name} has {format.bits} bits; tensors are rounded to at most 32."
        )
    exact = x.double()
    magnitude = exact.abs().nan_to_num().clamp(max=format.largest)
    exponent = torch.frexp(magnitude).exponent - 1  # of the power of two at or below
    exponent = exponent.clamp(min=format.min_exponent).where(magnitude > 0, format.min_exponent)
    units = torch.ldexp(magnitude, format.mantissa_bits - exponent).round().long()  # ties to even
    codes = units + ((exponent - format.min_exponent).long() << format.mantissa_bits)
    not_a_number = exact.isnan()
    if not_a_number.any():
        codes[not_a_number] = format.nan_code
    return codes + (torch.signbit(exact).long() << (format.bits - 1))


def decode_tensor(codes: Int64[Tensor, "*shape"], format: Format) -> Float[Tensor, "*shape"]:
    """The numbers that the codes stand for, in fp32: looked up in a list of all of them."""
    return torch.tensor(_all_numbers(format), device=codes.device)[codes]


def round_tensor(x: Float[Tensor, "*shape"], format: Format) -> Float[Tensor, "*shape"]:
    """What is left of each number after a trip through the format, in fp32."""
    return decode_tensor(encode_tensor(x, format), format)


@cache
def _all_numbers(format: Format) -> list[float]:
    if format.bits > 16:
        raise ValueError(
            f"{format.name} has 2^{format.bits} codes, too many for a list. Up to 16 bits."
        )
    return [decode(code, format) for code in range(2**format.bits)]
