"""Number formats: what a few bits can say about a real number, by closed form.

A floating-point number is a sign, an exponent and a mantissa. With bias b and m mantissa bits, the
exponent field E and the mantissa field M stand for

    (1 + M / 2^m) * 2^(E - b)    if E > 0, a normal number
    (    M / 2^m) * 2^(1 - b)    if E = 0, a subnormal one, down to zero

so that between two powers of two the numbers are evenly spaced, and the spacing doubles at each
power. Formats differ in how they spend their bits, and in what the highest codes mean (`Top`).
fp32, fp16: IEEE 754. fp8: arXiv 2209.05433. fp6, fp4: the OCP microscaling formats (2310.10537).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Top = Literal["infinity", "nan", "numbers"]


@dataclass(frozen=True)
class Format:
    """A sign bit, `exponent_bits`, `mantissa_bits`; all numbers in it are Python floats too.

    `top` says what the highest exponent means: "infinity", as in IEEE 754, that it holds no numbers
    but infinity (M = 0) and NaN; "nan", that all ones are NaN and the rest numbers; or "numbers".
    """

    name: str
    exponent_bits: int
    mantissa_bits: int
    top: Top = "infinity"
    stored_bits: int | None = None  # where memory spends more than the format uses

    def __post_init__(self) -> None:
        if not (1 <= self.exponent_bits <= 11 and 0 <= self.mantissa_bits <= 52):
            raise ValueError(
                f"{self.name} would have {self.exponent_bits} exponent and {self.mantissa_bits} "
                "mantissa bits. Choose 1 to 11 and 0 to 52: beyond, Python's floats cannot follow."
            )
        if self.top == "infinity" and (self.mantissa_bits < 1 or self.exponent_bits < 2):
            raise ValueError(
                f"{self.name} is too small to tell infinity from NaN and still hold a normal "
                'number: that takes 2 exponent bits and 1 mantissa bit. Or choose top="numbers".'
            )

    @cached_property
    def bits(self) -> int:
        """Of the sign, the exponent and the mantissa together."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def bytes(self) -> float:
        """What one number takes in memory; half a byte for fp4."""
        return (self.stored_bits or self.bits) / 8

    @cached_property
    def bias(self) -> int:
        """What is subtracted from the exponent field: half of its range."""
        return 2 ** (self.exponent_bits - 1) - 1

    @cached_property
    def min_exponent(self) -> int:
        """Of the smallest normal number; the subnormal ones are spaced as this exponent's are."""
        return 1 - self.bias

    @cached_property
    def largest_code(self) -> int:
        """The highest code of a positive finite number."""
        ones = 2 ** (self.bits - 1) - 1
        unusable = {"infinity": 2**self.mantissa_bits, "nan": 1, "numbers": 0}
        return ones - unusable[self.top]

    @cached_property
    def largest(self) -> float:
        """The largest finite number."""
        return decode(self.largest_code, self)

    @property
    def smallest(self) -> float:
        """The smallest normal number: below it, precision is lost bit by bit."""
        return math.ldexp(1.0, self.min_exponent)

    @property
    def smallest_subnormal(self) -> float:
        """The smallest number above zero."""
        return math.ldexp(1.0, self.min_exponent - self.mantissa_bits)

    @property
    def epsilon(self) -> float:
        """The distance from 1 to the next number: twice the largest relative rounding error."""
        return math.ldexp(1.0, -self.mantissa_bits)

    @property
    def nan_code(self) -> int:
        """The code that `encode` gives NaN."""
        if self.top == "numbers":
            raise ValueError(f"{self.name} has no NaN: all its {2**self.bits} codes are numbers.")
        if self.top == "nan":
            return self.largest_code + 1
        return self.largest_code + 1 + 2 ** (self.mantissa_bits - 1)  # the "quiet" one

    @property
    def overflow_code(self) -> int:
        """What a number too large becomes: infinity; without it, NaN; without both, the largest."""
        return self.largest_code if self.top == "numbers" else self.largest_code + 1


FORMATS = {
    format.name: format
    for format in (
        Format("fp64", 11, 52),
        Format("fp32", 8, 23),
        Format("tf32", 8, 10, stored_bits=32),  # a way to multiply fp32 numbers, not to store them
        Format("fp16", 5, 10),
        Format("bf16", 8, 7),
        Format("fp8_e5m2", 5, 2),
        Format("fp8_e4m3", 4, 3, top="nan"),
        Format("fp6_e3m2", 3, 2, top="numbers"),
        Format("fp6_e2m3", 2, 3, top="numbers"),
        Format("fp4_e2m1", 2, 1, top="numbers"),
    )
}

TORCH_NAMES = {
    "float64": "fp64",
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "float8_e5m2": "fp8_e5m2",
    "float8_e4m3fn": "fp8_e4m3",
}


def named(dtype: object) -> Format:
    """The format of a name, ours ("bf16") or torch's ("bfloat16"), or of a torch dtype."""
    name = str(dtype).removeprefix("torch.")
    name = TORCH_NAMES.get(name, name)
    if name not in FORMATS:
        raise ValueError(f"There is no number format {name!r}: there are {', '.join(FORMATS)}.")
    return FORMATS[name]


# Numbers to codes and back


def encode(x: int | float, format: Format, saturate: bool = False) -> int:
    """The code of the nearest number; of two equally near, the one whose last bit is zero.

    Beyond the largest number lies `overflow_code`, or the largest number itself to `saturate`.
    Hardware offers both; of torch's casts only the one to fp8_e4m3 saturates (as of 2.13).
    """
    if math.isnan(x):
        return format.nan_code
    code = min(_positive_code(abs(x), format), format.largest_code + 1)
    if code > format.largest_code:
        code = format.largest_code if saturate else format.overflow_code
    return code + (2 ** (format.bits - 1) if math.copysign(1, x) < 0 else 0)


def _positive_code(x: int | float, format: Format) -> int:
    """The code as if exponents went on without end.

    Count x in units of the spacing around it: between 2^e and 2^(e+1) lie 2^m units, and as many
    codes. A number that rounds up to the next power of two has its code without further ado.
    """
    if math.isinf(x):
        return format.largest_code + 1
    exponent = _exponent(x, format)
    units = round(math.ldexp(x, format.mantissa_bits - exponent))  # to even, as Python rounds
    return units + (exponent - format.min_exponent) * 2**format.mantissa_bits


def decode(code: int, format: Format) -> float:
    """The number that a code stands for."""
    sign, exponent, mantissa = fields(code, format)
    if code % 2 ** (format.bits - 1) > format.largest_code:
        magnitude = math.inf if format.top == "infinity" and mantissa == 0 else math.nan
    else:
        units = mantissa + (2**format.mantissa_bits if exponent > 0 else 0)  # the hidden one
        unit = max(exponent, 1) - format.bias - format.mantissa_bits
        magnitude = math.ldexp(units, unit)
    return -magnitude if sign else magnitude


def fields(code: int, format: Format) -> tuple[int, int, int]:
    """Sign, exponent and mantissa as they stand in the code."""
    if not 0 <= code < 2**format.bits:
        last = 2**format.bits - 1
        raise ValueError(f"{code} is no code of {format.name}: they go from 0 to {last}.")
    rest, mantissa = divmod(code, 2**format.mantissa_bits)
    sign, exponent = divmod(rest, 2**format.exponent_bits)
    return sign, exponent, mantissa


def bit_string(code: int, format: Format) -> str:
    """Sign, exponent and mantissa in binary: 1.5 in fp16 is "0 01111 1000000000"."""
    sign, exponent, mantissa = fields(code, format)
    widths = ((sign, 1), (exponent, format.exponent_bits), (mantissa, format.mantissa_bits))
    return " ".join(f"{field:0{width}b}" for field, width in widths if width)


def rounded(x: int | float, format: Format, saturate: bool = False) -> float:
    """What is left of x after a trip through the format."""
    return decode(encode(x, format, saturate), format)


# What the formats can tell apart


def spacing(x: int | float, format: Format) -> float:
    """The distance between the numbers around x: it doubles at every power of two."""
    if not abs(x) <= format.largest:
        raise ValueError(f"{x} is not between the numbers of {format.name}: ±{format.largest:g}.")
    return math.ldexp(1.0, _exponent(x, format) - format.mantissa_bits)


def numbers(format: Format) -> list[float]:
    """All finite numbers at or above zero, in order: what a number line shows of a small format."""
    if format.bits > 16:
        raise ValueError(
            f"{format.name} has 2^{format.bits} codes. List those of 16 bits or fewer."
        )
    return [decode(code, format) for code in range(format.largest_code + 1)]


def _exponent(x: int | float, format: Format) -> int:
    """Of the power of two at or below |x|, but no lower than the format's exponents reach."""
    _, exponent = math.frexp(x)  # x = fraction * 2^exponent with a fraction from 1/2 to 1
    return max(exponent - 1, format.min_exponent) if x else format.min_exponent
