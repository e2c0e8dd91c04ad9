"""Interpolated Kneser-Ney: how likely a text is, by counting the runs of n symbols in others.

    model = KneserNey(3).fit(words(text) for text in good_texts)
    model.perplexity(words(new_text))     # low: it reads like those

A run's count is made smaller by a discount, and what that leaves goes to runs that are shorter by
one symbol. There the question is no longer how often a symbol occurs, but after how many different
symbols: "Francisco" is frequent and follows only "San" (Kneser and Ney 1995). With three discounts,
for counts of 1, 2 and more, estimated from how many runs have which count, this is the modified
version of Chen and Goodman (1998), section 3; the lowest order is mixed with the uniform
distribution. Runs at the beginning of a text have nothing before them: their counts stay counts.

Symbols are words, characters (of a `str`), bytes or token ids.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
FALLBACK = (0.5, 1.0, 1.5)  # discounts where too few runs were seen to estimate them

Gram = tuple[Hashable, ...]
Discounts = tuple[float, float, float]


class KneserNey:
    """A model of runs of `n` symbols. `discount` is one number for all; None: estimate three."""

    def __init__(self, n: int, discount: float | None = None) -> None:
        if n < 1 or not (discount is None or 0 < discount < 1):
            raise ValueError(
                f"Runs of n = {n} symbols with discount {discount}: n is at least 1, 3 is usual, "
                "and a discount lies between 0 and 1, or is None."
            )
        self.n, self.discount = n, discount
        self.discounts: dict[int, Discounts] = {}  # by order
        self.vocabulary: set[Hashable] = {END, UNKNOWN}  # what may come next
        self._counts: dict[Gram, dict[Hashable, int]] = {}  # context -> next symbol -> count
        self._totals: dict[Gram, int] = {}
        self._left: dict[Gram, float] = {}  # what discounts take away, as a share

    def fit(self, texts: Iterable[Sequence[Hashable]]) -> "KneserNey":
        """Count. A text is a sequence of symbols; it ends with a symbol of its own."""
        grams = count_grams(texts, self.n)
        if not grams[1]:
            raise ValueError("There is no text to learn from.")
        self.discounts = {m: self._discounts(grams[m]) for m in grams}
        self._counts = {}
        for order in grams.values():
            for gram, count in order.items():
                self._counts.setdefault(gram[:-1], {})[gram[-1]] = count
        self.vocabulary = {END, UNKNOWN, *self._counts[()]}
        self._weigh()
        return self

    def probability(self, symbol: Hashable, context: Sequence[Hashable] = ()) -> float:
        """Of the symbol after these; only the last n - 1 count."""
        known = symbol if symbol in self.vocabulary else UNKNOWN
        kept = tuple(context)[max(0, len(context) - self.n + 1) :]
        return self._probability(known, kept)

    def score(self, text: Sequence[Hashable]) -> float:
        """The natural logarithm of the probability of the text and its end."""
        whole = (BEGIN, *text, END)
        contexts = (whole[max(0, i - self.n + 1) : i] for i in range(1, len(whole)))
        return sum(math.log(self.probability(s, c)) for s, c in zip(whole[1:], contexts))

    def perplexity(self, text: Sequence[Hashable]) -> float:
        """Between how many equally likely symbols it is as hard to choose, at each symbol."""
        return math.exp(-self.score(text) / (len(text) + 1))

    def _probability(self, symbol: Hashable, context: Gram) -> float:
        counts = self._counts.get(context)
        if counts is None:  # never seen: a shorter one knows more
            return self._probability(symbol, context[1:])
        shorter = self._probability(symbol, context[1:]) if context else 1 / len(self.vocabulary)
        count = counts.get(symbol, 0)
        discount = self.discounts[len(context) + 1][min(count, 3) - 1] if count else 0.0
        return max(count - discount, 0) / self._totals[context] + self._left[context] * shorter

    def _discounts(self, counts: Counter[Gram]) -> Discounts:
        if self.discount is not None:
            return (self.discount,) * 3
        return modified_discounts(Counter(counts.values()))

    def _weigh(self) -> None:
        """The total of every context, and the share of it that the discounts set free."""
        for context, counts in self._counts.items():
            total, discounts = sum(counts.values()), self.discounts[len(context) + 1]
            self._totals[context] = total
            taken = sum(min(discounts[min(c, 3) - 1], c) for c in counts.values())
            self._left[context] = taken / total


def count_grams(texts: Iterable[Sequence[Hashable]], n: int) -> dict[int, Counter[Gram]]:
    """Runs of each order: how often for the longest, after how many different symbols for others.

    An order is 1 to n. Runs from the beginning of a text are counted as they occur.
    """
    longest: Counter[Gram] = Counter()
    first: dict[int, Counter[Gram]] = {m: Counter() for m in range(2, n)}
    for text in texts:
        whole = (BEGIN, *text, END)
        longest.update(zip(*(whole[i:] for i in range(n))))
        for m in first:
            first[m][whole[:m]] += len(whole) >= m
    if n == 1:
        longest.pop((BEGIN,), None)  # it is given, never predicted
    found = {n: longest}
    for m in range(n - 1, 0, -1):
        found[m] = Counter(gram[1:] for gram in found[m + 1])
        found[m].update({gram: c for gram, c in first.get(m, {}).items() if c})
    return found


def modified_discounts(n_with: Counter[int]) -> Discounts:
    """D_k = k - (k + 1) Y n_(k+1) / n_k with Y = n_1 / (n_1 + 2 n_2), for n_k runs of count k."""
    if not all(n_with[k] for k in (1, 2, 3, 4)):
        return FALLBACK
    y = n_with[1] / (n_with[1] + 2 * n_with[2])
    one, two, three = (k - (k + 1) * y * n_with[k + 1] / n_with[k] for k in (1, 2, 3))
    return (one, two, three) if min(one, two, three) >= 0 else FALLBACK


def thirds(perplexities: Sequence[float]) -> list[str]:
    """CCNet's cut (arXiv 1911.00359): the "head" has the lowest third, then "middle" and "tail"."""
    if not perplexities:
        return []
    low, high = np.quantile(perplexities, [1 / 3, 2 / 3])
    return ["head" if p <= low else "middle" if p <= high else "tail" for p in perplexities]
