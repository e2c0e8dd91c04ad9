"""The shingles of many texts at once, in a few walks through one array of bytes.

The same numbers as shingles.py. A word's polynomial hash is a difference of two prefix sums, moved
to the word's begin by an inverse power of the base; 64-bit arithmetic wraps around, which is the
modulus. Blocks of some hundred texts stay in the processor's cache.

Letters: N bytes of a block, M words, S shingles, d documents.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from lib.curation.shingles import BASE, N_WORDS, STEP, check_n, mixed, normalised

U64 = np.uint64


class Block(NamedTuple):
    """Shingles of documents one after the other: those of document i end before ends[i]."""

    shingles: UInt64[np.ndarray, " S"]
    ends: Int64[np.ndarray, " d"]

    def of(self, i: int) -> UInt64[np.ndarray, " n"]:
        """Those of one document, in the order of the text, with repetitions."""
        return self.shingles[self.ends[i - 1] if i else 0 : self.ends[i]]


def block_shingles(texts: Sequence[str], n: int = N_WORDS) -> Block:
    """As `shingles.shingles` of each text, but in order and with repetitions."""
    check_n(n)
    data, begins = _joined(texts)
    starts, stops = _words(data)
    hashes = _word_hashes(data, starts, stops)
    per_text = np.diff(np.searchsorted(starts, begins), append=len(starts))
    return _runs(hashes, per_text, n)


def mix(x: UInt64[np.ndarray, "*S"]) -> UInt64[np.ndarray, "*S"]:
    """`shingles.mixed` of each, in place."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x ^= x >> U64(shift)
        x *= U64(factor)
    x ^= x >> U64(31)
    return x


def _joined(texts: Sequence[str]) -> tuple[UInt8[np.ndarray, " N"], Int64[np.ndarray, " d"]]:
    """All texts in lower case with what separates words as zeros, and where each begins."""
    raw = [t.encode() if t.isascii() else normalised(t).encode() for t in texts]
    begins = np.cumsum([0] + [len(part) + 1 for part in raw[:-1]], dtype=np.int64)
    whole = b"\0".join(raw).translate(_table())
    return np.frombuffer(whole, np.uint8), begins[: len(texts)]


@cache
def _table() -> bytes:
    """What becomes of each byte; those of longer characters stay, as they are letters here."""
    kept = re.compile(rb"[a-z0-9\x80-\xff]")
    lower = bytes(range(256)).lower()
    return bytes(b if kept.match(bytes([b])) else 0 for b in lower)


def _words(data: UInt8[np.ndarray, " N"]) -> tuple[Int64[np.ndarray, " M"], ...]:
    """Where words begin, and where they have ended."""
    inside = np.zeros(len(data) + 2, np.int8)
    inside[1:-1] = data != 0
    change = np.diff(inside)
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def _word_hashes(
    data: UInt8[np.ndarray, " N"], starts: Int64[np.ndarray, " M"], stops: Int64[np.ndarray, " M"]
) -> UInt64[np.ndarray, " M"]:
    forward, back = _powers(1 << len(data).bit_length())
    sums = np.zeros(len(data) + 1, U64)
    np.cumsum(data * forward[: len(data)], out=sums[1:])
    return mix((sums[stops] - sums[starts]) * back[starts])


@cache
def _powers(n: int) -> tuple[UInt64[np.ndarray, " n"], UInt64[np.ndarray, " n"]]:
    """BASE^i and its inverse, modulo 2^64."""
    both = []
    for base in (BASE, pow(BASE, -1, 1 << 64)):
        powers = np.full(n, base, U64)
        powers[0] = 1
        both.append(np.cumprod(powers))
    return both[0], both[1]


def _runs(hashes: UInt64[np.ndarray, " M"], per_text: Int64[np.ndarray, " d"], n: int) -> Block:
    """Runs of n words inside of each text; of a shorter text one run, with all its words."""
    runs = np.zeros(max(len(hashes) - n + 1, 0), U64)
    for i in range(n):
        runs *= U64(STEP)
        runs += hashes[i : i + len(runs)]
    mix(runs)
    counts = np.where(per_text >= n, per_text - n + 1, (per_text > 0).astype(np.int64))
    first_word = np.cumsum(per_text) - per_text
    ends = np.cumsum(counts)
    begins = ends - counts
    if (per_text >= n).all():
        return Block(_kept(runs, per_text, n), ends)
    found = np.empty(int(ends[-1]), U64)
    for i in np.flatnonzero(counts):
        found[begins[i] : ends[i]] = (
            runs[first_word[i] : first_word[i] + counts[i]]
            if per_text[i] >= n
            else _one_run(hashes[first_word[i] : first_word[i] + per_text[i]])
        )
    return Block(found, ends)


def _kept(
    runs: UInt64[np.ndarray, " S"], per_text: Int64[np.ndarray, " d"], n: int
) -> UInt64[np.ndarray, " R"]:
    """Without the runs that begin in one text and end in the next."""
    keep = np.ones(len(runs), bool)
    borders = np.cumsum(per_text)[:-1]
    for i in range(1, n):
        keep[borders - i] = False
    return runs[keep]


def _one_run(hashes: UInt64[np.ndarray, " M"]) -> int:
    total = 0
    for h in hashes.tolist():
        total = (total * STEP + h) & 0xFFFFFFFFFFFFFFFF
    return mixed(total)
