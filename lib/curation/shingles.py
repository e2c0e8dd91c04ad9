"""What of a text is compared: runs of n words, after case, accents and punctuation are gone.

Two texts are near-duplicates if their sets of such runs (shingles) overlap: the Jaccard similarity
is the size of the intersection over the size of the union (Broder 1997). Every shingle is one
64-bit number, so that sets are small and comparing is fast; with a million different shingles the
chance that any two share a number is one in forty million.
"""

import re
import unicodedata
from collections.abc import Iterable

N_WORDS = 5

# A word's bytes b are the digits of a number to the base BASE, modulo 2^64; then bits are mixed.
BASE, STEP = 0x9E3779B97F4A7C15, 0xD1342543DE82EF95  # both odd, so they have inverses
MASK = (1 << 64) - 1


def normalised(text: str) -> str:
    """Lower case without accents; all but letters and digits becomes one space."""
    if not text.isascii():
        parts = unicodedata.normalize("NFD", text)
        text = "".join(c for c in parts if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def words(text: str) -> list[str]:
    """Of the normalised text."""
    return normalised(text).split()


def shingles(text: str, n: int = N_WORDS) -> set[int]:
    """The numbers of all runs of n words. A shorter text is one run; an empty one has none."""
    check_n(n)
    hashes = [word_hash(word.encode()) for word in words(text)]
    if not hashes:
        return set()
    n = min(n, len(hashes))
    return {run_hash(hashes[i : i + n]) for i in range(len(hashes) - n + 1)}


def jaccard(one: set[int], other: set[int]) -> float:
    """What two sets share: 0 nothing, 1 all. Two empty sets share nothing."""
    together = len(one | other)
    return len(one & other) / together if together else 0.0


def word_hash(word: bytes) -> int:
    """A polynomial in BASE with the bytes as coefficients, mixed."""
    total, power = 0, 1
    for byte in word:
        total, power = total + byte * power, power * BASE & MASK
    return mixed(total & MASK)


def run_hash(hashes: Iterable[int]) -> int:
    """The number of a run of words: their order counts."""
    total = 0
    for h in hashes:
        total = (total * STEP + h) & MASK
    return mixed(total)


def mixed(x: int) -> int:
    """64 bits of which each depends on all (the finish of SplitMix64)."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def check_n(n: int) -> None:
    if n < 1:
        raise ValueError(f"A shingle is a run of {n} words. Choose 1 or more; {N_WORDS} is usual.")
