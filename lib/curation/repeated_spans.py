"""Long passages that occur more than once, wherever they begin: found with a suffix array.

Sort all positions of a text by what follows them; then passages that repeat are neighbours, and as
long as the common prefix of the two. Lee et al. (arXiv 2107.06499) remove from C4 whatever repeats
for 50 tokens, and found one sentence 61,036 times.

Sorting is by prefix doubling (Manber and Myers 1990): ranks of the first 1, 2, 4 ... characters,
each out of two of the ranks before, with numpy's sort. Time N (log N)^2, memory about 40 N bytes.

Letters: N bytes of all texts.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8


class Span(NamedTuple):
    """A passage, in bytes of the UTF-8 of one document."""

    document: int
    begin: int
    end: int


def repeated_spans(texts: Sequence[str], length: int = 100, keep_first: bool = True) -> list[Span]:
    """What to cut so that no passage of `length` bytes occurs twice.

    Without `keep_first` the first occurrence goes too. Overlapping passages are joined, and ends
    that fall inside of a character are moved inwards.
    """
    if length < 1:
        raise ValueError(f"A passage of {length} bytes always repeats. Choose 20 or more.")
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    data = np.frombuffer(b"".join(parts), np.uint8)
    repeated = _repeated(data, ends, length, keep_first)
    moved = [_inwards(span, parts[span.document]) for span in _spans(repeated, ends)]
    return [span for span in moved if span.begin < span.end]


def without_spans(text: str, spans: Sequence[Span]) -> str:
    """The text without these passages of it."""
    data = text.encode("utf-8", "surrogatepass")
    edges = [0, *(edge for span in spans for edge in (span.begin, span.end)), len(data)]
    kept = [data[begin:end] for begin, end in pairwise(edges)][::2]
    return b"".join(kept).decode("utf-8", "surrogatepass")


def suffix_array(data: UInt8[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
    """All positions, in the order of what follows them."""
    order, _ = _sorted_by(data, len(data))
    return order


def _repeated(
    data: UInt8[np.ndarray, " N"], ends: Int64[np.ndarray, " d"], length: int, keep_first: bool
) -> Bool[np.ndarray, " N"]:
    """Which bytes lie in a passage that repeats."""
    order, ranks = _sorted_by(data, length)
    room = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(len(data))  # to the document's end
    order = order[room[order] >= length]
    if not len(order):
        return np.zeros(len(data), bool)
    same = ranks[order][1:] == ranks[order][:-1]
    found = np.append(False, same)  # equal passages are in order of position: not the first
    if not keep_first:
        found |= np.append(same, False)
    change = np.bincount(order[found], minlength=len(data))
    ended = np.bincount(order[found] + length, minlength=len(data) + 1)
    return np.cumsum(change - ended[:-1]) > 0


def _sorted_by(
    data: UInt8[np.ndarray, " N"], length: int
) -> tuple[Int64[np.ndarray, " N"], Int64[np.ndarray, " N"]]:
    """Positions in the order of the next `length` bytes, and a rank each: equal if these are."""
    order, ranks, window = *_ranked(data.astype(np.int64)), 1
    while window < length and (not len(ranks) or ranks[order[-1]] < len(data)):
        step = min(window, length - window)  # the last two windows may overlap
        order, ranks = _ranked(ranks * (len(data) + 1) + _shifted(ranks, step))
        window += step
    return order, ranks


def _ranked(
    keys: Int64[np.ndarray, " N"],
) -> tuple[Int64[np.ndarray, " N"], Int64[np.ndarray, " N"]]:
    """The order of the keys, equal ones by position, and their ranks from 1."""
    order = np.argsort(keys, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = 1 + np.cumsum(np.append(False, keys[order][1:] != keys[order][:-1]))
    return order, ranks


def _shifted(ranks: Int64[np.ndarray, " N"], by: int) -> Int64[np.ndarray, " N"]:
    """The ranks `by` positions later; 0, before all others, behind the end."""
    later = np.zeros_like(ranks)
    later[:-by] = ranks[by:]
    return later


def _spans(repeated: Bool[np.ndarray, " N"], ends: Int64[np.ndarray, " d"]) -> list[Span]:
    """Runs of repeated bytes, document by document."""
    found, begin = [], 0
    for document, end in enumerate(ends.tolist()):
        inside = np.zeros(end - begin + 2, np.int8)
        inside[1:-1] = repeated[begin:end]
        edges = np.flatnonzero(np.diff(inside)).tolist()
        found += [Span(document, a, b) for a, b in zip(edges[::2], edges[1::2])]
        begin = end
    return found


def _inwards(span: Span, data: bytes) -> Span:
    """Without the parts of characters at its ends: those bytes begin with the bits 10."""
    begin, end = span.begin, span.end
    while begin < end and data[begin] & 0xC0 == 0x80:
        begin += 1
    while begin < end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return Span(span.document, begin, end)
