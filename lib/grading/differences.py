"""Where two values differ first, as one sentence.

Sizes and types come before contents, since a learner who sees them need not look further.
"""

import math
from collections.abc import Mapping, Sequence, Set
from numbers import Complex
from typing import Any

from lib.grading.show import cut, is_array, kind, shown


def first_difference(yours: Any, expected: Any, within: float = 0.0) -> str:
    """One sentence about the first difference; empty if there is none."""
    if is_array(expected):
        return _arrays(yours, expected, within)
    if _is_number(yours) and _is_number(expected):
        return _numbers(yours, expected, within)
    if not isinstance(yours, type(expected)) or isinstance(yours, bool) != isinstance(
        expected, bool
    ):
        return f"Yours is of type {kind(yours)}, expected is {kind(expected)}."
    if isinstance(expected, Mapping):
        return _mappings(yours, expected, within)
    if isinstance(expected, Sequence):
        return _sequences(yours, expected, within)
    if isinstance(expected, Set):
        return _sets(yours, expected)
    return "" if yours == expected else "The two are not equal."


def _is_number(value: object) -> bool:
    return isinstance(value, Complex) and not isinstance(value, bool)  # True is not the number 1


def _numbers(yours: Any, expected: Any, within: float) -> str:
    if yours == expected or (yours != yours and expected != expected):  # NaN is not itself
        return ""
    distance = abs(yours - expected)
    if distance <= within:
        return ""
    allowed = f", allowed are {within:g}" if within else ""
    return f"They differ by {distance:.6g}{allowed}."


def _sequences(yours: Sequence, expected: Sequence, within: float) -> str:
    if isinstance(expected, str | bytes) and yours == expected:  # often long, seldom different
        return ""
    for i, (mine, right) in enumerate(zip(yours, expected)):
        if isinstance(expected, str | bytes):
            if mine != right:
                place = slice(max(i - 10, 0), i + 20)
                here = f"{shown(yours[place])} instead of {shown(expected[place])}"
                return f"They differ first at position {i}: {here}."
        elif reason := first_difference(mine, right, within):
            here = f"{_brief(mine)} instead of {_brief(right)}"
            return f"They differ first at position {i}: {here}. {reason}"
    if len(yours) != len(expected):
        return f"Yours has length {len(yours)}, expected is {len(expected)}; yours begins alike."
    return ""


def _mappings(yours: Mapping, expected: Mapping, within: float) -> str:
    for key, right in expected.items():
        if key not in yours:
            return f"Yours has no key {_brief(key)}."
        if reason := first_difference(yours[key], right, within):
            here = f"{_brief(yours[key])} instead of {_brief(right)}"
            return f"At key {_brief(key)}: {here}. {reason}"
    more = [key for key in yours if key not in expected]
    return f"Yours has the key {_brief(more[0])}, which should not be there." if more else ""


def _sets(yours: Set, expected: Set) -> str:
    if missing := expected - yours:
        return f"Yours lacks {_brief(min(missing, key=repr))}."
    more = yours - expected
    return f"Yours has {_brief(min(more, key=repr))} too many." if more else ""


def _arrays(yours: Any, expected: Any, within: float) -> str:
    if not is_array(yours):
        return f"Yours is of type {kind(yours)}, expected is {kind(expected)}."
    if tuple(yours.shape) != tuple(expected.shape):
        return f"Yours has shape {tuple(yours.shape)}, expected is {tuple(expected.shape)}."
    if yours.dtype != expected.dtype:
        return f"Yours is {yours.dtype}, expected is {expected.dtype}."
    return _elements(yours, expected, within)


def _elements(yours: Any, expected: Any, within: float) -> str:
    """The largest difference, and where it is; both have the same shape and type."""
    mine, right = _flat(yours), _flat(expected)
    distances = [_distance(a, b) for a, b in zip(mine, right)]
    worst = max(distances, default=0.0)
    if worst <= within:
        return ""
    i = distances.index(worst)
    n_wrong = sum(distance > within for distance in distances)
    allowed = f" (allowed are {within:g})" if within else ""
    return (
        f"{n_wrong} of {len(mine)} elements differ, by up to {worst:.3g}{allowed}: "
        f"at {_place(i, expected.shape)} {mine[i]} instead of {right[i]}."
    )


def _flat(array: Any) -> list:
    array = array.detach().cpu() if hasattr(array, "detach") else array
    return array.reshape(-1).tolist()


def _distance(a: Any, b: Any) -> int | float:
    if a == b or (a != a and b != b):
        return 0.0
    distance = abs(a - b)
    return distance if distance == distance else math.inf  # NaN against a number


def _place(i: int, shape: Sequence[int]) -> list[int]:
    """The indices of element i when the elements are counted row by row."""
    place = []
    for size in reversed(shape):
        i, index = divmod(i, size)
        place.insert(0, index)
    return place


def _brief(value: object) -> str:
    return cut(shown(value), 80)
