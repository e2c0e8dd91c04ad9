"""Signatures and band keys of many texts at once: the same numbers as minhash.py, by numpy.

Letters: k hash functions, S shingles, d documents, b bands, r rows of each.
"""

import numpy as np
from jaxtyping import UInt32, UInt64

from lib.curation.fast_shingles import Block, mix
from lib.curation.lsh import Bands
from lib.curation.minhash import WHOLE, Hashes

U64 = np.uint64


def signatures(block: Block, hashes: Hashes) -> UInt32[np.ndarray, "k d"]:
    """A column for each document, as `minhash.signature` of its shingles."""
    lengths = np.diff(block.ends, prepend=0)
    found = np.full((hashes.k, len(lengths)), WHOLE - 1, np.uint32)
    filled = np.flatnonzero(lengths)  # reduceat cannot take the smallest of nothing
    if not len(filled):
        return found
    begins = (block.ends - lengths)[filled]
    x, y = block.shingles.astype(np.uint32), np.empty(len(block.shingles), np.uint32)
    rows = np.empty((hashes.k, len(filled)), np.uint32)
    for i, (a, c, b) in enumerate(hashes.constants.T):
        np.multiply(x, a, out=y)
        np.bitwise_xor(y, c, out=y)
        np.multiply(y, b, out=y)
        np.minimum.reduceat(y, begins, out=rows[i])
    found[:, filled] = rows
    return found


def band_keys(signed: UInt32[np.ndarray, "k d"], bands: Bands) -> UInt64[np.ndarray, "b d"]:
    """One number for the rows of each band: documents meet where these are equal.

    Different rows give the same number once in 2^64, and candidates are compared anyway.
    """
    rows = signed[: bands.k].reshape(bands.b, bands.r, -1)
    keys = np.zeros((bands.b, signed.shape[1]), U64)
    for i in range(bands.r):
        keys ^= rows[:, i]
        mix(keys)
    return keys


def similar(one: UInt64[np.ndarray, " m"], other: UInt64[np.ndarray, " n"]) -> float:
    """The exact Jaccard similarity of two sorted sets; as `shingles.jaccard`."""
    both = np.concatenate([one, other])
    both.sort(kind="stable")  # merges two sorted runs
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    together = len(both) - shared
    return shared / together if together else 0.0
