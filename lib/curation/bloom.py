"""A Bloom filter: has this been seen? In a few bits per item, and sometimes wrongly "yes".

Each item sets k bits of m, chosen by k hash functions. An item all of whose bits are set has
probably been added; one with a bit unset has certainly not (Bloom 1970).

    rate of wrong yeses after n items = (1 - (1 - 1/m)^(k n))^k

which is smallest at k = m / n * ln 2, where half of the bits are set. The rate is counted over
items that were NOT added.

Letters: m bits, k hash functions, n items.
"""

import hashlib
import math
import struct


class BloomFilter:
    """A set of texts or bytes that can be asked and added to, never listed."""

    def __init__(self, m: int, k: int) -> None:
        if m < 1 or k < 1:
            raise ValueError(f"m = {m} bits and k = {k} hash functions: choose at least 1 of each.")
        self.m, self.k, self.n_added = m, k, 0
        self.bits = bytearray((m + 7) // 8)  # zeros

    @classmethod
    def for_items(cls, n: int, rate: float) -> "BloomFilter":
        """The smallest filter that errs at this rate after n items."""
        if n < 1 or not 0 < rate < 1:
            raise ValueError(f"n = {n} items and a rate of {rate}: choose n >= 1, 0 < rate < 1.")
        m = math.ceil(-n * math.log(rate) / math.log(2) ** 2)
        return cls(m, max(1, round(m / n * math.log(2))))

    def add(self, item: str | bytes) -> bool:
        """Remember it; True if it (probably) was there before."""
        known = True
        for place in self.places(item):
            byte, bit = place >> 3, 1 << (place & 7)
            known &= bool(self.bits[byte] & bit)
            self.bits[byte] |= bit
        self.n_added += not known
        return known

    def __contains__(self, item: str | bytes) -> bool:
        return all(self.bits[place >> 3] & 1 << (place & 7) for place in self.places(item))

    def places(self, item: str | bytes) -> list[int]:
        """The k bits of an item: parts of one long hash, each as good as a function of its own."""
        data = item.encode() if isinstance(item, str) else item
        parts = struct.unpack(f"<{self.k}Q", hashlib.shake_128(data).digest(8 * self.k))
        return [part % self.m for part in parts]


def bloom_rate(m: int | float, k: int | float, n: int | float) -> float:
    """The share of wrong yeses among items that were not added, after n that were."""
    return (1 - (1 - 1 / m) ** (k * n)) ** k


def best_k(m: int | float, n: int | float) -> float:
    """The number of hash functions with the lowest rate, not rounded."""
    return m / n * math.log(2)
