"""How well something was found, when the truth is known: precision, recall, and F1.

Precision asks how much of what was found is right, recall how much of what is right was found. F1
is their harmonic mean, so that neither can be bought with the other.
"""

import re
from collections import Counter
from typing import NamedTuple

# Chinese, Japanese and Thai put no blanks between words: there, every character counts as one.
ALONE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{ALONE}]|[^\W{ALONE}]+")


class Score(NamedTuple):
    """How many were found and right, how many found, how many there are."""

    right: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """1 where nothing was found: nothing is wrong."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """1 where there is nothing to find."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        total = self.found + self.true
        return 2 * self.right / total if total else 1.0

    def __add__(self, other: "Score") -> "Score":  # type: ignore[override]
        """The score of two tests together."""
        return Score(*(a + b for a, b in zip(self, other)))


def words_score(found: str, truth: str) -> Score:
    """Texts compared as bags of words, in lower case: their order does not count."""
    a, b = (Counter(WORD.findall(text.lower())) for text in (found, truth))
    return Score((a & b).total(), a.total(), b.total())


def spans_score(found: list[tuple[str, int, int]], truth: list[tuple[str, int, int]]) -> Score:
    """Places (kind, start, end) compared: right are those of the same kind that overlap a true one.

    Every true place counts once, however many overlap it.
    """
    right, taken = 0, set()
    for kind, start, end in found:
        for number, (true_kind, true_start, true_end) in enumerate(truth):
            fits = kind == true_kind and start < true_end and true_start < end
            if fits and number not in taken:
                taken.add(number)
                right += 1
                break
    return Score(right, len(found), len(truth))
