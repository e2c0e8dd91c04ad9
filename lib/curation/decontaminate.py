"""What of a benchmark is in the training data: runs of n words that both have.

    found = Contamination(questions, n=13)
    found.add(documents)                # again and again
    found.shares()                      # of each question: how much of it was seen
    found.documents                     # those to drop, and which questions they touch

A model that has read the questions is not tested by them. Thirteen words are what GPT-3 looked for
(Brown et al. 2020, arXiv 2005.14165, appendix C). A shorter question is looked for as a whole, if
it has `at_least` words; below that, equal runs say nothing, and it counts as unchecked. Copies in
other words are not found by any such search.

Words are those of shingles.py: case, accents and punctuation do not matter.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

from lib.curation.fast_shingles import Block, block_shingles
from lib.curation.shingles import words

N_WORDS = 13
BLOCK = 128  # documents whose numbers fit into a cache together


class Overlap(NamedTuple):
    """A document that shares something, and with which items: item -> how many different runs."""

    document: int
    items: Counter[int]


class Runs(NamedTuple):
    """All runs of one length in the benchmark: numbers in order, repeated for every item."""

    numbers: UInt64[np.ndarray, " r"]
    items: Int64[np.ndarray, " r"]


class Contamination:
    """Looks for the items of a benchmark in documents."""

    def __init__(self, items: Sequence[str], n: int = N_WORDS, at_least: int = 8) -> None:
        if not 1 <= at_least <= n:
            raise ValueError(
                f"Runs of {n} words, and at least {at_least}: the second is 1 or more and not "
                f"above the first; {N_WORDS} and 8 are usual."
            )
        self.n_items = len(items)
        lengths = [len(words(item)) for item in items]
        self.unchecked = [i for i, length in enumerate(lengths) if length < at_least]
        by_length: dict[int, list[int]] = {}
        for i, length in enumerate(lengths):
            if length >= at_least:
                by_length.setdefault(min(length, n), []).append(i)
        self._runs = {m: _runs_of(items, chosen, m) for m, chosen in by_length.items()}
        self._seen = {m: np.zeros(len(runs.items), bool) for m, runs in self._runs.items()}
        self.documents: list[Overlap] = []
        self.n_documents = 0

    def add(self, documents: Iterable[str]) -> None:
        """Look through more documents, numbered on."""
        documents = iter(documents)
        while texts := list(islice(documents, BLOCK)):
            found: dict[int, Counter[int]] = {}
            for m in self._runs:
                self._look(block_shingles(texts, m), m, found)
            self.documents += [Overlap(self.n_documents + i, found[i]) for i in sorted(found)]
            self.n_documents += len(texts)

    def shares(self) -> list[float]:
        """Of each item the share of its different runs that any document has; 0 if unchecked."""
        found = [0.0] * self.n_items
        for m, (_, items) in self._runs.items():
            total = np.bincount(items, minlength=self.n_items)
            seen = np.bincount(items[self._seen[m]], minlength=self.n_items)
            for i in np.flatnonzero(total).tolist():
                found[i] = float(seen[i] / total[i])
        return found

    def contaminated(self, at_least: float | int = 0.0) -> list[int]:
        """Items of which more than nothing, and at least this share, was seen."""
        return [i for i, share in enumerate(self.shares()) if share and share >= at_least]

    def _look(self, block: Block, m: int, found: dict[int, Counter[int]]) -> None:
        """Count, for documents of the block, the different runs they share with each item."""
        runs, seen = self._runs[m], self._seen[m]
        first = np.searchsorted(runs.numbers, block.shingles)
        last = np.searchsorted(runs.numbers, block.shingles, side="right")
        for place in np.flatnonzero(last > first).tolist():
            document = int(np.searchsorted(block.ends, place, side="right"))
            where = slice(int(first[place]), int(last[place]))
            seen[where] = True
            if not _is_repeated(block, document, place):
                found.setdefault(document, Counter()).update(runs.items[where].tolist())


def _is_repeated(block: Block, document: int, place: int) -> bool:
    """Whether the document has had the same run before: only different ones count."""
    begin = int(block.ends[document - 1]) if document else 0
    return bool((block.shingles[begin:place] == block.shingles[place]).any())


def _runs_of(items: Sequence[str], chosen: list[int], m: int) -> Runs:
    """The different runs of m words of each chosen item."""
    numbers, owners = [], []
    for begin in range(0, len(chosen), BLOCK):
        some = chosen[begin : begin + BLOCK]
        block = block_shingles([items[i] for i in some], m)
        for at, i in enumerate(some):
            different = np.unique(block.of(at))
            numbers.append(different)
            owners.append(np.full(len(different), i, np.int64))
    joined, owner = np.concatenate(numbers), np.concatenate(owners)
    order = np.argsort(joined, kind="stable")
    return Runs(joined[order], owner[order])
