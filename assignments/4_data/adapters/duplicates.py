"""What the tests of part 3 call. If you arrange your code in another way, change the line here."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sieve import duplicates

Gram = tuple[str, ...]


def exact_line_deduplication(paths: Sequence[Path], out: Path) -> None:
    duplicates.exact_line_deduplication(paths, out)


def normalise(text: str) -> str:
    return duplicates.normalise(text)


def word_ngrams(text: str, n: int) -> set[Gram]:
    return duplicates.word_ngrams(text, n)


def jaccard(one: set[Gram], other: set[Gram]) -> float:
    return duplicates.jaccard(one, other)


def signature(grams: set[Gram], n_hashes: int, seed: int = 0) -> list[int]:
    return duplicates.signature(grams, n_hashes, seed)


def candidate_pairs(signatures: Sequence[Sequence[int]], n_bands: int) -> set[tuple[int, int]]:
    return duplicates.candidate_pairs(signatures, n_bands)


def clusters(n: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    return duplicates.clusters(n, pairs)


def minhash_deduplication(paths: Sequence[Path], out: Path, **settings: Any) -> None:
    """Settings: n_hashes, n_bands, n, threshold, seed."""
    duplicates.minhash_deduplication(paths, out, **settings)
