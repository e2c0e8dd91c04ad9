"""MinHash: a short signature from which the similarity of two sets can be estimated.

Give every shingle a random number and keep the smallest of a set. Two sets keep the same one
exactly if the smallest of their union lies in both, which happens with probability J, their Jaccard
similarity (Broder 1997). With k such numberings the share of agreements estimates J, with standard
deviation sqrt(J (1 - J) / k).

Letters: k hash functions.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import UInt32

N_HASHES = 128
WHOLE = 1 << 32


@dataclass(frozen=True)
class Hashes:
    """k random functions of 32-bit numbers, x -> ((x a) xor c) b modulo 2^32, with a and b odd.

    They need one instruction where a prime modulus would need a division. Shingles are well mixed
    already, so that the high bits, which decide what is smallest, depend on all of x.
    """

    k: int = N_HASHES
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"A signature of {self.k} numbers says nothing. Choose 1 or more.")

    @cached_property
    def constants(self) -> UInt32[np.ndarray, "3 k"]:
        """Rows a, c, b."""
        drawn = np.random.default_rng(self.seed).integers(0, WHOLE, (3, self.k), dtype=np.uint32)
        drawn[0] |= 1
        drawn[2] |= 1
        return drawn


def signature(shingles: set[int], hashes: Hashes) -> list[int]:
    """The smallest value of each function over the set; of an empty set, the largest possible."""
    a, c, b = (row.tolist() for row in hashes.constants)
    found = [WHOLE - 1] * hashes.k
    for shingle in shingles:
        x = shingle % WHOLE
        for i in range(hashes.k):
            found[i] = min(found[i], (x * a[i] % WHOLE ^ c[i]) * b[i] % WHOLE)
    return found


def estimate(one: list[int], other: list[int]) -> float:
    """The share of equal numbers in two signatures, which estimates the Jaccard similarity."""
    return sum(x == y for x, y in zip(one, other, strict=True)) / len(one)


def standard_deviation(similarity: float | int, k: int) -> float:
    """Of the estimate, over the choice of the k functions."""
    return (similarity * (1 - similarity) / k) ** 0.5
