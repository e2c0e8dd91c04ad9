"""MinHash against its theory, the quick signatures against the obvious ones."""

import numpy as np
import pytest

from lib.curation.fast_minhash import band_keys, signatures, similar
from lib.curation.fast_shingles import Block, block_shingles
from lib.curation.lsh import Bands
from lib.curation.minhash import Hashes, estimate, signature, standard_deviation
from lib.curation.murmur3 import murmur3
from lib.curation.shingles import jaccard, shingles

TEXTS = ["the quick brown fox jumps over the lazy dog again", "", "two words", "ü " * 30]


def test_signatures_of_a_block_are_those_of_its_texts():
    hashes = Hashes(24, seed=5)
    found = signatures(block_shingles(TEXTS, 3), hashes)
    assert found.T.tolist() == [signature(shingles(text, 3), hashes) for text in TEXTS]
    empty = signatures(block_shingles([], 3), hashes)
    assert empty.shape == (24, 0)


@pytest.mark.parametrize("similarity", [0.1, 0.5, 0.8, 0.95])
def test_estimates_scatter_as_the_theory_says(similarity):
    """400 pairs of random sets: mean within three standard errors, spread within a fifth."""
    draw, n, k = np.random.default_rng(1), 300, 128
    shared = round(2 * n * similarity / (1 + similarity))
    exact = shared / (2 * n - shared)
    numbers = draw.integers(0, 2**64, (400, 2 * n - shared), dtype=np.uint64)
    one, other = numbers[:, :n], numbers[:, n - shared :]
    ends = n * np.arange(1, 401)
    hashes = Hashes(k)
    same = [signatures(Block(np.ravel(x), ends), hashes) for x in (one, other)]
    estimates = (same[0] == same[1]).mean(axis=0)
    wanted = standard_deviation(exact, k)
    assert abs(estimates.mean() - exact) < 3 * wanted / 400**0.5
    assert 0.8 < estimates.std() / wanted < 1.2


def test_the_worked_example():
    """{1,2,3,4} and {1,2,3,5}: 0.6, and 100 hashes miss it by 0.049 in a typical case."""
    one, other = ({murmur3(str(i)) for i in s} for s in ((1, 2, 3, 4), (1, 2, 3, 5)))
    hashes = Hashes(100, seed=1)
    found = estimate(signature(one, hashes), signature(other, hashes))
    assert standard_deviation(0.6, 100) == pytest.approx(0.049, abs=5e-4)
    assert abs(found - 0.6) < 3 * 0.049


def test_band_keys_are_equal_where_rows_are():
    draw = np.random.default_rng(2)
    signed = draw.integers(0, 2, (12, 200), dtype=np.uint32)
    keys = band_keys(signed, Bands(4, 3))
    for band in range(4):
        rows = [tuple(row) for row in signed[band * 3 : band * 3 + 3].T.tolist()]
        assert [[a == b for b in keys[band]] for a in keys[band]] == [
            [a == b for b in rows] for a in rows
        ]


def test_exact_similarity_of_sorted_sets():
    draw = np.random.default_rng(3)
    for _ in range(50):
        one, other = (
            np.unique(draw.integers(0, 30, draw.integers(0, 25))).astype(np.uint64) for _ in "ab"
        )
        assert similar(one, other) == jaccard(set(one.tolist()), set(other.tolist()))


def test_murmur3_gives_the_published_values():
    """The first as recorded from the mmh3 library; the others are test vectors of the reference."""
    assert murmur3("hello") == 613153351
    assert murmur3("", 0) == 0 and murmur3("", 1) == 0x514E28B7
    assert murmur3("test", 0) == 0xBA6BD213 and murmur3("test", 0x9747B28C) == 0x704B81DC
    assert murmur3("Hello, world!", 0) == 0xC0363E43
    assert murmur3("The quick brown fox jumps over the lazy dog", 0x9747B28C) == 0x2FA826CD
    with pytest.raises(ValueError, match="says nothing"):
        Hashes(0)
