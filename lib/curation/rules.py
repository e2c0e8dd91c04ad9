"""Rule filters: a handful of numbers measured on a page, and the limits that it has to keep.

A filter is a list of rules, and applying it gives every limit that was broken, with the value: a
page without findings stays. Why a page was dropped can then be counted, shown, and argued with.
Thresholds are those of the published filters (lib/assets/facts/filter_rules.csv has the sources).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lib.curation.page import Page


@dataclass(frozen=True)
class Rule:
    """A number measured on a page has to be at least `low` and at most `high`; None: no limit.

    `strict` leaves out the limits themselves.
    """

    name: str
    measure: Callable[[Page], float | int]
    low: float | int | None = None
    high: float | int | None = None
    strict: bool = False

    def is_kept(self, value: float | int) -> bool:
        """Whether the value is inside of the limits."""
        if self.strict and value in (self.low, self.high):
            return False
        return not (self.low is not None and value < self.low) and not (
            self.high is not None and value > self.high
        )

    @property
    def limits(self) -> str:
        """In words."""
        less, more = ("below ", "above ") if self.strict else ("at most ", "at least ")
        low = [] if self.low is None else [f"{more}{self.low:,}"]
        return " and ".join(low + ([] if self.high is None else [f"{less}{self.high:,}"]))


@dataclass(frozen=True)
class Finding:
    """A rule that a page has broken."""

    rule: str
    value: float | int
    limits: str

    def __str__(self) -> str:
        return f"{self.rule} is {self.value:.4g}, and should be {self.limits}"


def broken(rules: Sequence[Rule], text: str) -> list[Finding]:
    """All limits that a text does not keep, in the order of the rules."""
    page = Page(text)
    values = ((rule, rule.measure(page)) for rule in rules)
    return [Finding(rule.name, v, rule.limits) for rule, v in values if not rule.is_kept(v)]


def first_broken(rules: Iterable[Rule], text: str) -> Finding | None:
    """The first of them, or None: quicker where only the decision matters."""
    page = Page(text)
    for rule in rules:
        value = rule.measure(page)
        if not rule.is_kept(value):
            return Finding(rule.name, value, rule.limits)
    return None
