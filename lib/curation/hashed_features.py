"""A text as numbers of its words and runs of words: what linear models and DSIR look at.

Nobody keeps a vocabulary. A run of words is hashed into one of `bins`, so the model's size does not
depend on how many runs there are, and two that fall together share what is learned (Joulin et al.
2016, arXiv 1607.01759). The hash is that of shingles.py, with the seed mixed in: the same in every
process, which Python's own `hash` of a text is not.

Letters: n features of all texts, d documents.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

from lib.curation.fast_shingles import block_shingles, mix
from lib.curation.shingles import MASK, mixed, run_hash, word_hash, words

BLOCK = 128  # documents whose numbers fit into a cache together
U64 = np.uint64


class Features(NamedTuple):
    """Of documents one after the other: those of document i end before ends[i]."""

    ids: Int64[np.ndarray, " n"]
    ends: Int64[np.ndarray, " d"]

    @property
    def lengths(self) -> Int64[np.ndarray, " d"]:
        return np.diff(self.ends, prepend=0)

    def of(self, i: int) -> Int64[np.ndarray, " m"]:
        """Those of one document."""
        return self.ids[self.ends[i - 1] if i else 0 : self.ends[i]]


def features(text: str, n_words: int = 2, bins: int = 10_000, seed: int = 0) -> list[int]:
    """The obvious version: all words in their order, then all pairs, up to runs of `n_words`."""
    check(n_words, bins)
    hashes, moved = [word_hash(word.encode()) for word in words(text)], mixed(seed & MASK)
    return [
        mixed(run_hash(hashes[i : i + n]) ^ moved) % bins
        for n in range(1, n_words + 1)
        for i in range(len(hashes) - n + 1)
    ]


def hashed_features(
    texts: Sequence[str], n_words: int = 2, bins: int = 10_000, seed: int = 0
) -> Features:
    """`features` of many texts at once, with numpy."""
    check(n_words, bins)
    blocks = [
        _block(texts[begin : begin + BLOCK], n_words, bins, seed)
        for begin in range(0, len(texts), BLOCK)
    ]
    if not blocks:
        return Features(np.zeros(0, np.int64), np.zeros(0, np.int64))
    lengths = np.concatenate([block.lengths for block in blocks])
    return Features(np.concatenate([block.ids for block in blocks]), np.cumsum(lengths))


def check(n_words: int, bins: int) -> None:
    """Raises ValueError where there is nothing to count."""
    if n_words < 1 or bins < 1:
        raise ValueError(
            f"Runs of up to {n_words} words in {bins} bins: both must be 1 or more; 2 words and "
            "10,000 bins or more are usual."
        )


def _block(texts: Sequence[str], n_words: int, bins: int, seed: int) -> Features:
    by_order = []
    for n in range(1, n_words + 1):
        block = block_shingles(texts, n)
        lengths = np.diff(block.ends, prepend=0)
        if n == 1:
            n_words_of = lengths
        hashes, lengths = _long_enough(block.shingles, lengths, n_words_of >= n)
        ids = (mix(hashes ^ U64(mixed(seed & MASK))) % U64(bins)).astype(np.int64)
        by_order.append((ids, lengths))
    return _interleaved(by_order)


def _long_enough(
    hashes: UInt64[np.ndarray, " n"], lengths: Int64[np.ndarray, " d"], kept: np.ndarray
) -> tuple[UInt64[np.ndarray, " m"], Int64[np.ndarray, " d"]]:
    """A shorter text is a shingle all the same; here it has no run of n words."""
    if kept.all():
        return hashes, lengths
    return hashes[np.repeat(kept, lengths)], np.where(kept, lengths, 0)


def _interleaved(by_order: list[tuple[np.ndarray, np.ndarray]]) -> Features:
    """Document by document, shorter runs first."""
    ends = np.cumsum(sum(lengths for _, lengths in by_order))
    found = np.empty(sum(len(ids) for ids, _ in by_order), np.int64)
    begins = ends - sum(lengths for _, lengths in by_order)
    for ids, lengths in by_order:
        shift = begins - (np.cumsum(lengths) - lengths)
        found[np.arange(len(ids)) + np.repeat(shift, lengths)] = ids
        begins = begins + lengths
    return Features(found, ends)
