"""Numbers with units, rounded as one would say them: 2.1 GFLOP, 340 ms, 96 MB, 3.5 min."""

import math

PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: int | float, unit: str) -> str:
    """Two to three digits and a prefix. FLOP and B take k, M, G; other units are counted in words.

    quantity(2.1e9, "FLOP") -> "2.1 GFLOP";  quantity(3e6, "operations") -> "3 million operations"
    """
    words = {"P": "quadrillion", "T": "trillion", "G": "billion", "M": "million", "k": "thousand"}
    spelt_out = unit.split("/")[0].islower()
    for size, prefix in PREFIXES:
        if abs(value) >= 0.9995 * size:  # 999.6 rounds to 1000: better the next prefix
            number = rounded(value / size)
            return f"{number} {words[prefix]} {unit}" if spelt_out else f"{number} {prefix}{unit}"
    return f"{rounded(value)} {unit}"


def memory(n_bytes: int | float) -> str:
    """Bytes in decimal units: 1 MB is 10^6 bytes."""
    return quantity(n_bytes, "B")


def duration(seconds: int | float) -> str:
    """A time in the unit in which it is a small number."""
    for limit, size, unit in (
        (1e-3, 1e-6, "µs"),
        (1, 1e-3, "ms"),
        (120, 1, "s"),
        (7200, 60, "min"),
    ):
        if abs(seconds) < 0.9995 * limit:
            return f"{rounded(seconds / size)} {unit}"
    if abs(seconds) < 48 * 3600:
        return f"{rounded(seconds / 3600)} h"
    return f"{rounded(seconds / 86400)} days"


def rounded(value: int | float) -> str:
    """Two digits below ten, three above, without an exponent or trailing zeros."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = 1 if abs(value) < 10 else 2
    decimals = max(0, digits - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
