"""What a reader should see, said in a visible cell and checked when the notebook runs.

    expect(loss, 3.8, within=0.1)
    expect(speed_up, at_least=50, name="speed-up", on="cpu")

prints one line, `expected 3.8 within 0.1, measured 3.76: holds`, or stops the notebook with an
error that says what to do.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

from lib.notebook.tiers import TIERS, for_tier, tier

Number = int | float
Tolerances = Number | str | Mapping[str, Number | str]

_NOT_GIVEN: Any = object()


def expect(
    value: object,
    target: object = _NOT_GIVEN,
    within: Tolerances | None = None,
    *,
    at_least: Number | None = None,
    at_most: Number | None = None,
    relative: bool = False,
    on: str | tuple[str, ...] | None = None,
    name: str | None = None,
) -> None:
    """Print expected, measured and tolerance; raise ExpectationError where they disagree.

    `within` is an absolute tolerance; "5%", or 0.05 with relative=True, is a share of |target|;
    a dict gives one per tier, and a missing tier takes that of the next smaller one. Without it,
    value and target must be equal. `at_least` and `at_most` bound the value instead of a target.
    `on` names the tiers on which the promise is made, exactly those: elsewhere the line says that
    it was not checked. One-element numpy and torch values count as numbers. NaN never holds.
    """
    __tracebackhide__ = True  # the error points at the cell, not in here
    value, target = plain(value), plain(target)
    label = f"{name}: " if name else ""
    if on is not None and tier() not in tiers_named(on):
        promised = " or ".join(tiers_named(on))
        print(f"{label}measured {shown(value)}, not checked on {tier()}: promised for {promised}")
        return
    if at_least is None and at_most is None:
        result = near(value, target, within, relative)
    elif target is _NOT_GIVEN and within is None:
        result = in_bounds(value, at_least, at_most)
    else:
        raise ValueError("Give either a target or at_least=/at_most=, not both.")
    sentence = f"{label}expected {result.expected}, measured {shown(value)}: "
    if not result.holds:
        off = "" if result.difference is None else f", off by {shown(result.difference)}"
        raise ExpectationError(f"{sentence}does not hold{off}", value, result)
    print(sentence + "holds")


@dataclass(frozen=True)
class Comparison:
    """What was expected, in words and numbers, and whether the value is that."""

    expected: str
    holds: bool
    target: object = None
    difference: Number | None = None
    tolerance: Number | None = None


class ExpectationError(AssertionError):
    """A value is not what the lecture promised; the parts of the comparison are attributes."""

    def __init__(self, sentence: str, value: object, result: Comparison) -> None:
        self.value, self.target = value, result.target
        self.difference, self.tolerance = result.difference, result.tolerance
        self.tier = tier()
        super().__init__(
            f"{sentence}\n"
            f"This machine is of tier {self.tier!r}. What you can do:\n"
            "- if you changed a size, a seed or the code above, this is your result: "
            "ask why it differs, then change the expectation;\n"
            "- if you changed nothing, restart the kernel and run all cells from the top;\n"
            "- if it still fails, look at check_environment(): "
            "other versions of the packages may compute other numbers."
        )


def near(value: object, target: object, within: Tolerances | None, relative: bool) -> Comparison:
    """The value against a target: equal to it, or no further away than the tolerance."""
    if target is _NOT_GIVEN:
        raise ValueError("Say what is expected: a target, at_least= or at_most=.")
    if within is None:
        return Comparison(shown(target), bool(value == target), target, distance(value, target))
    width, tolerance = tolerance_here(within, target, relative)
    difference = abs(number(value) - number(target))
    # 3.9 - 3.8 is 0.10000000000000009: rounding must not decide at the edge
    holds = difference <= tolerance * (1 + 1e-9) or value == target
    return Comparison(f"{shown(target)} within {width}", holds, target, difference, tolerance)


def in_bounds(value: object, at_least: Number | None, at_most: Number | None) -> Comparison:
    """The value against a lowest and a highest one; NaN keeps neither."""
    words, holds = [], True
    if at_least is not None:
        words.append(f"at least {shown(at_least)}")
        holds = holds and number(value) >= at_least
    if at_most is not None:
        words.append(f"at most {shown(at_most)}")
        holds = holds and number(value) <= at_most
    return Comparison(" and ".join(words), holds)


def plain(value: Any) -> Any:
    """A one-element numpy or torch value as the Python number it holds; anything else as it is."""
    size = getattr(value, "numel", None) or getattr(value, "size", None)
    if not hasattr(value, "item") or size is None:
        return value
    n_elements = size() if callable(size) else size
    if n_elements != 1:
        raise TypeError(
            f"expect compares single values, and this one has {n_elements} elements: "
            "reduce it first, as in expect((a - b).abs().max(), at_most=1e-6)."
        )
    return value.item()


def tiers_named(on: str | tuple[str, ...]) -> tuple[str, ...]:
    """`on` as a tuple of tiers."""
    names = (on,) if isinstance(on, str) else on
    if unknown := [name for name in names if name not in TIERS]:
        raise ValueError(f"No tier is called {', '.join(unknown)}: `on` takes {', '.join(TIERS)}.")
    return names


def tolerance_here(within: Tolerances, target: object, relative: bool) -> tuple[str, Number]:
    """The tolerance on this tier, as text and as an absolute number."""
    width = for_tier(within) if isinstance(within, Mapping) else within
    if isinstance(width, str):
        relative, width = True, percentage(width)
    if not 0 <= width < math.inf:
        raise ValueError(f"A tolerance is a number from 0 up, and within is {width}.")
    if not relative:
        return shown(width), width
    if number(target) == 0:
        raise ValueError("A share of 0 is 0: for a target of 0 give an absolute tolerance.")
    return f"{shown(100 * width)}%", width * abs(number(target))


def percentage(text: str) -> Number:
    """The share that "5%" says: 0.05."""
    if (match := re.fullmatch(r"\s*(\d+\.?\d*)\s*%\s*", text)) is None:
        raise ValueError(f'within={text!r} is not a percentage such as "5%" or "0.1%".')
    return float(match[1]) / 100


def number(value: object) -> Number:
    """The value for arithmetic; a sentence where it is no real number."""
    if isinstance(value, (Real, Decimal)):
        return value if isinstance(value, (int, float)) else float(value)
    raise TypeError(
        f"{shown(value)} is a {type(value).__name__}: tolerances and bounds are for numbers. "
        "Leave them away to compare for equality."
    )


def distance(value: object, target: object) -> Number | None:
    """How far two numbers are apart; None for anything else."""
    is_number = isinstance(value, (Real, Decimal)) and isinstance(target, (Real, Decimal))
    return abs(number(value) - number(target)) if is_number else None


def shown(value: object) -> str:
    """Numbers as people write them, anything else by its repr, cut at 80 characters."""
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e15 else f"{value:.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
