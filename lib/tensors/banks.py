"""Shared memory has 32 banks, and a bank gives one word at a time.

Word w lies in bank w mod 32. If the 32 threads of a warp ask 32 banks, all get their words at once.
Threads that ask one bank for different words wait for each other: a conflict. Threads that ask for
the same word share it.

A column of a 32-wide matrix lies in one bank as a whole. Swizzling stores the element of row r and
column c at column c XOR r instead: rows and columns then both visit every bank once, and unlike
with a padded row nothing is wasted.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Number = TypeVar("Number", int, np.ndarray)

BANKS, WORD = 32, 4  # words of four bytes


def bank_conflicts(
    addresses: Sequence[int] | np.ndarray, banks: int = BANKS, width: int = WORD
) -> int:
    """In how many turns a warp's accesses are served: 1 without conflict, 32 in the worst case.

    Addresses in bytes, one per thread, each of one word of `width` bytes.
    """
    words = np.unique(np.asarray(addresses, dtype=np.int64) // width)  # the same word: a broadcast
    return int(np.bincount(words % banks).max()) if len(words) else 0


def swizzled(row: Number, column: Number, columns: int = BANKS) -> Number:
    """The column at which the element of this row and column is stored.

    XOR keeps the columns of a row apart, and visits every place: `columns` must be a power of two.
    """
    if columns & (columns - 1):
        raise ValueError(f"XOR stays within a power of two of columns, and {columns} is none.")
    return column ^ (row % columns)
