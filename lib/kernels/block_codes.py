"""Numbers of eight and four bits inside kernels, made of integer operations that every GPU has.

fp8_e4m3 has a sign, four bits of exponent and three of mantissa, up to 448; fp4_e2m1 knows 0, 0.5,
1, 1.5, 2, 3, 4 and 6 and their negatives. Rounding is to the nearest, and from the middle to the
even code; what is larger than the largest becomes the largest. Beside each kernel function stands
its twin. Magnitudes go in and codes without a sign come out; callers add the sign's bit.
"""

import torch
from torch import Tensor

from lib.kernels.language import jit, tl


@jit
def e4m3_code(x):
    """Of float32 from 0 up: below 2^-6 a multiple of 2^-9, above it the upper bits of x itself."""
    x = tl.minimum(x, 448.0)
    bits = x.to(tl.int32, bitcast=True)
    upper = (bits + 0x7FFFF + ((bits >> 20) & 1)) >> 20  # the sum carries where it rounds up
    small = (x + 16384.0).to(tl.int32, bitcast=True) - 0x46800000  # neighbours of 2^14: 2^-9 apart
    return tl.where(x < 0.015625, small, upper - 960)  # 120 exponents of float32 are below


@jit
def e4m3_value(code):
    exponent, mantissa = code >> 3, code & 7
    normal = (((exponent + 120) << 23) | (mantissa << 20)).to(tl.float32, bitcast=True)
    return tl.where(exponent == 0, mantissa.to(tl.float32) * 0.001953125, normal)


@jit
def e2m1_code(x):
    """How many of the seven middles between neighbours are passed; at a middle the even code."""
    code = (x > 0.25).to(tl.int32) + (x >= 0.75).to(tl.int32) + (x > 1.25).to(tl.int32)
    code += (x >= 1.75).to(tl.int32) + (x > 2.5).to(tl.int32)
    return code + (x >= 3.5).to(tl.int32) + (x > 5.0).to(tl.int32)


@jit
def e2m1_value(code):
    exponent, mantissa = code >> 1, code & 1
    normal = (((exponent + 126) << 23) | (mantissa << 22)).to(tl.float32, bitcast=True)
    return tl.where(exponent == 0, 0.5 * mantissa.to(tl.float32), normal)


@jit
def nearest_integer(x):
    """From the middle to the even one, for |x| below 2^22, where float32's neighbours are 1 apart
    once 1.5 * 2^23 is added."""
    return (x + 12582912.0) - 12582912.0


def e4m3_code_plain(x: Tensor) -> Tensor:
    return x.float().clamp(max=448).to(torch.float8_e4m3fn).view(torch.uint8)


def e4m3_value_plain(codes: Tensor) -> Tensor:
    return codes.view(torch.float8_e4m3fn).float()


def e2m1_code_plain(x: Tensor) -> Tensor:
    passed = (x > 0.25, x >= 0.75, x > 1.25, x >= 1.75, x > 2.5, x >= 3.5, x > 5)
    return torch.stack(passed).sum(dim=0).to(torch.uint8)


def e2m1_value_plain(codes: Tensor) -> Tensor:
    return torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], device=codes.device)[codes.long()]
