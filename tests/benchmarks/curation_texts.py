"""Synthetic texts with known answers: near-duplicates, and two kinds that differ in their words.

Words are drawn as Zipf has them, the n-th with a share of 1 / n. They are names of numbers, so that
texts are mostly digits; nothing here depends on what is written.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from lib.curation.fast_minhash import similar
from lib.curation.fast_shingles import block_shingles

KINDS = 20_000  # of words
NAMES = np.array([f"w{i}" for i in range(KINDS)], object)
SIMILARITY = 0.8
EDITED = 5  # one text in so many is another one with some words replaced
CHUNK = 5_000


def texts(n: int, seed: int = 0) -> Iterator[tuple[str, int]]:
    """n texts of 250 to 350 words, and the family of each: those edited from one text."""
    draw, shares = np.random.default_rng(seed), np.cumsum(1 / np.arange(1, KINDS + 1))
    for begin in range(0, n, CHUNK):
        size, old = min(CHUNK, n - begin), []
        for number in range(begin, begin + size):
            if old and number % EDITED == 0:
                family, chosen = old[draw.integers(len(old))]
                chosen = chosen.copy()
                places = draw.choice(len(chosen), draw.integers(1, 20), replace=False)
                chosen[places] = draw.integers(0, KINDS, len(places))
            else:
                lots = draw.random(draw.integers(250, 350)) * shares[-1]
                family, chosen = number, np.searchsorted(shares, lots)
                old.append((family, chosen))
            yield " ".join(NAMES[chosen]), family


class Truth:
    """Which of these texts are similar: all pairs within families, compared exactly.

    Texts of different families share next to nothing.
    """

    def __init__(self, n: int) -> None:
        found, families = zip(*texts(n))
        self.sets = [np.unique(block_shingles([text]).shingles) for text in found]
        members: dict[int, list[int]] = {}
        for number, family in enumerate(families):
            members.setdefault(family, []).append(number)
        pairs = (pair for family in members.values() for pair in combinations(family, 2))
        self.pairs = {pair for pair in pairs if self.similar(*pair)}

    def similar(self, one: int, other: int) -> bool:
        return similar(self.sets[one], self.sets[other]) >= SIMILARITY

    def precision(self, pairs: list[tuple[int, int]]) -> float:
        """Share of the pairs found that are similar."""
        return float(np.mean([self.similar(*pair) for pair in pairs]))

    def recall(self, clusters: list[list[int]]) -> float:
        """Share of the similar pairs that are in one cluster."""
        owner = {number: at for at, cluster in enumerate(clusters) for number in cluster}
        together = [owner.get(a, -1) == owner.get(b, -2) for a, b in self.pairs]
        return float(np.mean(together))


def two_kinds(n: int, seed: int, n_words: int = 300) -> tuple[list[str], list[str]]:
    """Texts and labels: of the second kind some words are more and some less frequent."""
    base = 1 / np.arange(1, KINDS + 1)
    tilted = base * np.exp(0.25 * np.random.default_rng(0).standard_normal(KINDS))
    shares, draw = (np.cumsum(base), np.cumsum(tilted)), np.random.default_rng(seed)
    kinds = draw.integers(0, 2, n)
    found = [
        " ".join(NAMES[np.searchsorted(shares[k], draw.random(n_words) * shares[k][-1])])
        for k in kinds
    ]
    return found, [("plain", "tilted")[k] for k in kinds]
