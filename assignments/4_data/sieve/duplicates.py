"""Duplicates: lines that are equal, documents that are nearly equal."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from lib.grading.feedback import todo

Gram = tuple[str, ...]


def exact_line_deduplication(paths: Sequence[Path], out: Path) -> None:
    """Write every file into the folder `out`, under its name, without lines that occur again.

    A line that occurs more than once in all files together goes everywhere: no occurrence is kept.
    Files are read as bytes, and lines end at b"\\n" only; the last line counts as the same with
    and without it. What is kept stays as it was, in its order. `out` is made if it is not there.
    Hold counts by a digest of each line, not lines: two passes.

    a.txt "x\\ny\\n" and b.txt "y\\nz\\n"  ->  a.txt "x\\n" and b.txt "z\\n"
    """
    todo("3.1", "first pass: a Counter of hashlib.blake2b digests; second pass: write what has 1.")


def normalise(text: str) -> str:
    """Lower case; NFD, without the accents; all but letters and digits is one blank; stripped.

    An accent is what unicodedata.combining says is one. An underscore is no letter.

    normalise(" Déjà-vu,\\n\\nTWICE! ") -> "deja vu twice"
    """
    return todo("3.2", "unicodedata.normalize('NFD', ...) first, then a pattern.")


def word_ngrams(text: str, n: int) -> set[Gram]:
    """All runs of n neighbouring words of the normalised text; a shorter text is one run.

    word_ngrams("A b c.", 2) -> {("a", "b"), ("b", "c")};  word_ngrams("A", 2) -> {("a",)}; of a
    text without words, the empty set
    """
    return todo("3.3", "slices of the list of words.")


def jaccard(one: set[Gram], other: set[Gram]) -> float:
    """What both have over what any has; two empty sets share nothing: 0.0."""
    return todo("3.3", "len(one & other) / len(one | other).")


def signature(grams: set[Gram], n_hashes: int, seed: int = 0) -> list[int]:
    """The smallest value of each of n_hashes hash functions over the set.

    The share of numbers that two signatures have in common, place by place, estimates the Jaccard
    similarity of the two sets. So the functions must be independent, and the same in every process:
    Python's own hash of a text is not. The empty set has a signature, too.
    """
    return todo("3.4", "one digest for each gram, then (a x + b) mod p with random a and b.")


def candidate_pairs(signatures: Sequence[Sequence[int]], n_bands: int) -> set[tuple[int, int]]:
    """Pairs (i, j), i < j, of signatures that agree in all numbers of some band.

    A signature of k numbers is cut into n_bands bands of k / n_bands numbers, one after the other;
    ValueError if that is no whole number. Equal numbers in different bands mean nothing.

    candidate_pairs([[1, 2, 3, 4], [1, 2, 9, 9], [9, 9, 1, 2]], 2) -> {(0, 1)}
    """
    return todo("3.5", "for each band a dict from its numbers to documents.")


def clusters(n: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Of things 0 to n - 1, those linked by any chain of pairs; in order, without lonely ones.

    clusters(5, [(3, 4), (0, 3)]) -> [[0, 3, 4]]
    """
    return todo("3.6", "union-find, or walk through the neighbours.")


def minhash_deduplication(
    paths: Sequence[Path],
    out: Path,
    *,
    n_hashes: int,
    n_bands: int,
    n: int,
    threshold: float,
    seed: int = 0,
) -> None:
    """Copy files into the folder `out`, one of each cluster of near-duplicates.

    Candidates are near-duplicates if the Jaccard similarity of their sets of n-grams, computed
    exactly, is at least `threshold`. Chains of them are clusters. Of each, one document, drawn by
    `seed`, each with the same chance, is copied byte for byte; so are all documents in no cluster.
    A document without words is in none. `out` is made if it is not there.
    """
    todo("3.7", "the functions above, in their order; random.Random(seed).choice for each cluster.")
