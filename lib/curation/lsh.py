"""Locality-sensitive hashing: find similar signatures without comparing all pairs.

Cut signatures into b bands of r numbers. Two documents become a candidate pair if they agree in all
numbers of some band. A band agrees with probability s^r at similarity s, so they meet with
probability 1 - (1 - s^r)^b: nearly never below a threshold, nearly always above it (Indyk and
Motwani 1998; Rajaraman and Ullman, Mining of Massive Datasets, chapter 3).

Letters: b bands, r rows of each.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

Pair = tuple[int, int]


class Bands(NamedTuple):
    """A signature of b * r numbers, cut."""

    b: int
    r: int

    @property
    def k(self) -> int:
        """Numbers in a signature."""
        return self.b * self.r

    @property
    def threshold(self) -> float:
        """About where half of the pairs meet: (1 / b)^(1 / r)."""
        return (1 / self.b) ** (1 / self.r)


def lsh_curve(similarity: float | int, b: int, r: int) -> float:
    """The probability that two documents of this similarity share a band."""
    return 1 - (1 - similarity**r) ** b


def choose_bands(k: int, similarity: float, recall: float = 0.99) -> Bands:
    """The cut with the fewest chance meetings that still finds this share of the similar pairs.

    More rows mean fewer false candidates and fewer true ones; so take the most rows allowed, and
    then no more bands than are needed: the rest of the k numbers need not be computed.
    """
    if not (0 < similarity <= 1 and 0 < recall < 1):
        raise ValueError(
            f"similarity {similarity} and recall {recall} are shares: choose them above 0, the "
            "recall below 1, such as 0.8 and 0.99."
        )
    for r in range(k, 0, -1):
        for b in range(1, k // r + 1):
            if lsh_curve(similarity, b, r) >= recall:
                return Bands(b, r)
    raise ValueError(
        f"{k} numbers find at most {lsh_curve(similarity, k, 1):.3f} of the pairs with similarity "
        f"{similarity}, less than {recall}. Use longer signatures, or ask for less."
    )


class LSHIndex:
    """Buckets of documents that agree in a band: the obvious version, a dictionary per band."""

    def __init__(self, bands: Bands) -> None:
        self.bands = bands
        self.buckets: list[dict[tuple[int, ...], list[int]]] = [
            defaultdict(list) for _ in range(bands.b)
        ]

    def add(self, document: int, signature: list[int]) -> None:
        """Put it into one bucket of each band."""
        if len(signature) < self.bands.k:
            raise ValueError(
                f"{self.bands.b} bands of {self.bands.r} rows need signatures of {self.bands.k} "
                f"numbers, and this has {len(signature)}."
            )
        for band, bucket in enumerate(self.buckets):
            rows = tuple(signature[band * self.bands.r : (band + 1) * self.bands.r])
            bucket[rows].append(document)

    def candidates(self) -> set[Pair]:
        """All pairs that share a bucket, the smaller number first."""
        return set(self._pairs())

    def _pairs(self) -> Iterator[Pair]:
        for bucket in self.buckets:
            for documents in bucket.values():
                yield from combinations(sorted(documents), 2)
