"""Coalescing: how many pieces of memory one load of a warp touches.

The 32 threads of a warp ask for their addresses together, and memory answers in whole lines of 128
bytes, made of sectors of 32. Neighbouring threads at neighbouring addresses share them; threads
far apart get one each, and most of what comes is thrown away.

Addresses are in bytes, one per thread; threads that load nothing are left out.
"""

from collections.abc import Sequence

import numpy as np

LINE, SECTOR = 128, 32  # bytes


def transactions(addresses: Sequence[int] | np.ndarray, line: int = LINE, width: int = 4) -> int:
    """How many lines the warp's accesses of `width` bytes each lie in: 1 at best, 32 and more."""
    return len(_pieces(addresses, line, width))


def sectors(addresses: Sequence[int] | np.ndarray, sector: int = SECTOR, width: int = 4) -> int:
    """The same in sectors, the smallest piece that is moved."""
    return len(_pieces(addresses, sector, width))


def used_share(addresses: Sequence[int] | np.ndarray, piece: int = SECTOR, width: int = 4) -> float:
    """The share of the bytes moved that some thread asked for."""
    first = np.unique(np.asarray(addresses, dtype=np.int64))
    asked = np.unique(first[:, None] + np.arange(width))
    return len(asked) / (piece * len(_pieces(addresses, piece, width)))


def _pieces(addresses: Sequence[int] | np.ndarray, size: int, width: int) -> np.ndarray:
    first = np.asarray(addresses, dtype=np.int64).ravel()
    if len(first) and first.min() < 0:
        raise ValueError(f"Addresses count from 0 in bytes; {first.min()} lies before the start.")
    touched = [np.arange(a // size, (a + width - 1) // size + 1) for a in first]
    return np.unique(np.concatenate(touched)) if touched else first
