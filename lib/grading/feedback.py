"""What the tests of an assignment compare with, so that a wrong answer explains itself.

    same(merge([7, 7, 7, 1], (7, 7), 9), [9, 7, 1], given="ids [7, 7, 7, 1], pair (7, 7), new id 9")
    holds(rows.sum() == 1, "Every row of the weights sums to one.", yours=rows.sum())

Either raises Difference. `todo`, the body of every stub, raises NotWritten. `not_here` says that
this machine lacks what the test needs, for which nobody loses points.
"""

from typing import NoReturn

from lib.grading.differences import first_difference
from lib.grading.show import shown


class Difference(AssertionError):
    """A wrong result; the attributes are texts, empty where there is nothing to show."""

    def __init__(self, rule: str, given: str = "", yours: str = "", expected: str = "") -> None:
        self.rule, self.given, self.yours, self.expected = rule, given, yours, expected
        lines = {"given": given, "yours": yours, "expected": expected, "": rule}
        super().__init__("\n".join(f"{name:>8}  {text}" for name, text in lines.items() if text))


class NotWritten(NotImplementedError):
    """Work still to be done; `step` numbers it as the handout does, where it has a number."""

    def __init__(self, step: str, first_step: str) -> None:
        self.step, self.first_step = step, first_step
        super().__init__(f"Step {step}: {first_step}" if step else first_step)

    def __reduce__(self) -> tuple:
        return NotWritten, (
            self.step,
            self.first_step,
        )  # else it could not travel between processes


class NotHere(RuntimeError):
    """What a test needs and this machine does not have, in a sentence."""


def todo(step: str, first_step: str) -> NoReturn:
    """Raise NotWritten: what stands in a function until somebody writes it."""
    raise NotWritten(step, first_step)


def not_here(reason: str) -> NoReturn:
    """Raise NotHere: the problem cannot be tested on this machine, and counts for nothing."""
    raise NotHere(reason)


def same(yours: object, expected: object, *, given: str, within: float = 0.0) -> None:
    """Raise Difference unless the two are equal, in type of content, sizes and values.

    `given` says in words or values what the learner's code was given. `within` is the largest
    absolute difference allowed between two numbers or two elements of arrays. Lists and tuples
    differ; so do 32-bit and 64-bit tensors. NaN equals NaN.
    """
    __tracebackhide__ = True
    if where := first_difference(yours, expected, within):
        raise Difference(where, given, shown(yours), shown(expected))


def holds(condition: object, rule: str, *, given: str = "", yours: object = None) -> None:
    """Raise Difference with the rule, a whole sentence, unless the condition is true."""
    __tracebackhide__ = True
    if not condition:
        raise Difference(rule, given, "" if yours is None else shown(yours))
