"""Arrays that count how often they are read and written, and matrix products to try on them.

`x[...]` is a trip to memory; what has been fetched can be computed with for free. So the counts are
the traffic that a kernel would cause if nothing but its own variables kept numbers close.
"""

from collections.abc import Callable

import numpy as np


class CountingArray:
    """An array that remembers how often each of its elements was read and written."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.array(values, dtype=np.float64)
        self.read_counts = np.zeros(self.values.shape, dtype=np.int64)
        self.write_counts = np.zeros(self.values.shape, dtype=np.int64)

    @classmethod
    def zeros(cls, *shape: int) -> "CountingArray":
        """A result to be written; making room for it is no traffic."""
        return cls(np.zeros(shape))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def reads(self) -> int:
        """Elements read, every time counted."""
        return int(self.read_counts.sum())

    @property
    def writes(self) -> int:
        """Elements written, every time counted."""
        return int(self.write_counts.sum())

    def __getitem__(self, where: object) -> np.ndarray | float:
        self.read_counts[where] += 1
        return self.values[where]

    def __setitem__(self, where: object, values: np.ndarray | float) -> None:
        self.write_counts[where] += 1
        self.values[where] = values

    def __repr__(self) -> str:
        return f"<CountingArray {self.shape}: {self.reads:,} read, {self.writes:,} written>"


def kernel(fn: Callable[..., np.ndarray], *inputs: CountingArray) -> CountingArray:
    """One kernel over whole arrays: reads each input once, writes one result."""
    out = CountingArray.zeros(*inputs[0].shape)
    out[...] = fn(*(x[...] for x in inputs))
    return out


def naive_matmul(A: CountingArray, B: CountingArray) -> CountingArray:
    """Every output on its own: a row of A and a column of B, fetched again each time."""
    (M, K), (_, N) = _shapes(A, B)
    C = CountingArray.zeros(M, N)
    for i in range(M):
        for j in range(N):
            total = 0.0
            for k in range(K):
                total += A[i, k] * B[k, j]
            C[i, j] = total
    return C


def tiled_matmul(A: CountingArray, B: CountingArray, T: int) -> CountingArray:
    """Tiles of T x T outputs: a tile of A and one of B are fetched once and used T times."""
    (M, K), (_, N) = _shapes(A, B)
    C = CountingArray.zeros(M, N)
    for i in range(0, M, T):
        for j in range(0, N, T):
            total = 0.0
            for k in range(0, K, T):
                total = total + A[i : i + T, k : k + T] @ B[k : k + T, j : j + T]
            C[i : i + T, j : j + T] = total
    return C


def _shapes(A: CountingArray, B: CountingArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if A.shape[1] != B.shape[0]:
        raise ValueError(
            f"A has {A.shape[1]} columns and B {B.shape[0]} rows; a product needs as many."
        )
    return A.shape, B.shape
