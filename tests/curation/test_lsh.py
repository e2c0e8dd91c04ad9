"""Bands against the formula, and measured."""

import numpy as np
import pytest

from lib.curation.lsh import Bands, LSHIndex, choose_bands, lsh_curve
from lib.curation.union_find import UnionFind, clusters_of


@pytest.mark.parametrize(
    ("s", "b", "r", "wanted"),
    [
        (0.70, 10, 10, 0.249), (0.80, 10, 10, 0.679), (0.85, 10, 10, 0.888), (0.90, 10, 10, 0.986),
        (0.70, 10, 20, 0.008), (0.80, 10, 20, 0.109), (0.85, 10, 20, 0.327), (0.90, 10, 20, 0.726),
        (0.70, 20, 20, 0.016), (0.80, 20, 20, 0.207), (0.85, 20, 20, 0.546), (0.90, 20, 20, 0.925),
        (0.95, 10, 20, 0.988),
    ],
)  # fmt: skip
def test_the_curve_in_numbers(s, b, r, wanted):
    assert lsh_curve(s, b, r) == pytest.approx(wanted, abs=6e-4)


def test_twenty_bands_of_450():
    """The setting of Lee et al. (2107.06499): a sharp step, where 0.64 of pairs are found."""
    bands = Bands(20, 450)
    assert bands.threshold == pytest.approx(0.9934, abs=1e-4)
    assert lsh_curve(bands.threshold, *bands) == pytest.approx(0.6415, abs=1e-4)
    assert bands.k == 9000


@pytest.mark.parametrize("recall", [0.5, 0.9, 0.99, 0.999])
def test_the_chosen_cut_finds_enough_and_one_row_more_or_band_less_would_not(recall):
    b, r = choose_bands(128, 0.8, recall)
    assert lsh_curve(0.8, b - 1, r) < recall
    assert lsh_curve(0.8, b, r) >= recall > lsh_curve(0.8, 128 // (r + 1), r + 1)


def test_pairs_meet_as_often_as_the_curve_says():
    """1,000 pairs of signatures that agree in each place with probability 0.8."""
    draw, bands, n = np.random.default_rng(0), Bands(6, 5), 1000
    one = draw.integers(0, 2**32, (n, bands.k))
    other = np.where(draw.random((n, bands.k)) < 0.8, one, draw.integers(0, 2**32, (n, bands.k)))
    index = LSHIndex(bands)
    for i, (x, y) in enumerate(zip(one.tolist(), other.tolist())):
        index.add(2 * i, x)
        index.add(2 * i + 1, y)
    found, wanted = len(index.candidates()) / n, lsh_curve(0.8, *bands)
    assert abs(found - wanted) < 3 * (wanted * (1 - wanted) / n) ** 0.5


def test_what_cannot_be_is_explained():
    with pytest.raises(ValueError, match="longer signatures"):
        choose_bands(2, 0.1, 0.99)
    with pytest.raises(ValueError, match="are shares"):
        choose_bands(128, 80.0, 0.99)
    with pytest.raises(ValueError, match="signatures of 6 numbers"):
        LSHIndex(Bands(2, 3)).add(0, [1, 2, 3])


def test_clusters_follow_chains():
    assert clusters_of(7, [(5, 1), (1, 2), (6, 3)]) == [[1, 2, 5], [3, 6]]
    links = UnionFind(4)
    links.union(3, 2)
    links.union(2, 1)
    assert [links.find(x) for x in range(4)] == links.roots().tolist() == [0, 1, 1, 1]
