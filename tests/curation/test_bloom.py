"""Bloom filters: never a wrong no, and wrong yeses as often as the formula says."""

import pytest

from lib.curation.bloom import BloomFilter, best_k, bloom_rate


def test_the_formula_in_numbers():
    """m = 1,000 bits, n = 100 items: ten hash functions set 0.632 of the bits; seven are best."""
    share = 1 - (1 - 1 / 1000) ** 1000
    assert share == pytest.approx(0.632, abs=5e-4)
    assert bloom_rate(1000, 10, 100) == pytest.approx(0.0102, abs=1e-4)
    assert best_k(1000, 100) == pytest.approx(6.93, abs=5e-3)
    assert bloom_rate(1000, best_k(1000, 100), 100) == pytest.approx(0.0082, abs=1e-4)


@pytest.mark.parametrize(("m", "k"), [(1000, 1), (1000, 7), (1000, 20), (500, 3)])
def test_wrong_yeses_are_as_frequent_as_predicted(m, k):
    """Over 20 filters of 100 items, 20,000 questions about others: within a tenth, or 0.002."""
    wrong = 0
    for trial in range(20):
        bloom = BloomFilter(m, k)
        for i in range(100):
            bloom.add(f"{trial} in {i}")
        assert all(f"{trial} in {i}" in bloom for i in range(100))
        wrong += sum(f"{trial} out {i}" in bloom for i in range(1000))
    assert wrong / 20_000 == pytest.approx(bloom_rate(m, k, 100), rel=0.1, abs=0.002)


def test_add_says_what_was_there():
    bloom = BloomFilter(1000, 5)
    assert [bloom.add(item) for item in ("a", b"a", "b")] == [False, True, False]
    assert bloom.n_added == 2


def test_a_filter_for_a_rate():
    bloom = BloomFilter.for_items(1000, 0.01)
    assert bloom.m == 9586 and bloom.k == 7
    assert bloom_rate(bloom.m, bloom.k, 1000) == pytest.approx(0.01, rel=0.02)
    for call in (lambda: BloomFilter(0, 1), lambda: BloomFilter.for_items(10, 1.0)):
        with pytest.raises(ValueError, match="choose"):
            call()
