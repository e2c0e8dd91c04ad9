"""Counted reads and writes, against closed forms."""

import numpy as np
import pytest

from lib.tensors.counting import CountingArray, kernel, naive_matmul, tiled_matmul

M, K, N = 6, 12, 18
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(M, K)), RNG.normal(size=(K, N))


def test_naive_reads_everything_once_per_output():
    a, b = CountingArray(A), CountingArray(B)
    c = naive_matmul(a, b)
    np.testing.assert_allclose(c.values, A @ B)
    assert (a.reads, b.reads, c.writes) == (M * N * K, M * N * K, M * N)
    assert (a.read_counts == N).all() and (b.read_counts == M).all()


@pytest.mark.parametrize("T", [1, 2, 3, 6])
def test_tiles_divide_the_reads(T):
    a, b = CountingArray(A), CountingArray(B)
    c = tiled_matmul(a, b, T)
    np.testing.assert_allclose(c.values, A @ B)
    assert (a.read_counts == N // T).all() and (b.read_counts == M // T).all()
    assert (c.writes, c.reads) == (M * N, 0)


def test_tiles_that_do_not_fit():
    a = CountingArray(A)
    np.testing.assert_allclose(tiled_matmul(a, CountingArray(B), 5).values, A @ B)
    assert a.reads == M * K * 4  # four columns of tiles


def test_a_kernel_reads_and_writes_once():
    x, y = CountingArray(A), CountingArray(A)
    z = kernel(np.add, x, y)
    assert (x.reads, y.reads, z.writes, z.reads) == (M * K, M * K, M * K, 0)
    np.testing.assert_allclose(z.values, 2 * A)


def test_shapes_that_do_not_fit_are_explained():
    with pytest.raises(ValueError, match="A has 12 columns and B 6 rows"):
        naive_matmul(CountingArray(A), CountingArray(A))
