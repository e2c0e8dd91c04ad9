"""Seeds: what may be said of runs that differ in nothing else."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.notebook.seeds import compare_seeds, seed_curves, seed_dots, spread

APART = {"ReLU": [5.0, 7.0, 6.0], "SwiGLU": [4.0, 2.0]}
MIXED = {"ReLU": [5.0, 7.0, 6.0], "SwiGLU": [4.0, 5.5]}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_mean_and_range_by_hand():
    seen = spread([2.0, 5.0, 3.5, 3.5])
    assert (seen.mean, seen.low, seen.high, seen.range) == (3.5, 2.0, 5.0, 3.0)
    assert str(seen) == "3.5 (2 to 5, 4 seeds)"


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [[1.0], [2.0]]])
def test_a_spread_needs_numbers(values):
    with pytest.raises(ValueError, match="one finite number per seed"):
        spread(values)


def test_ranges_apart_are_an_effect():
    found = compare_seeds(APART)
    assert (found.difference, found.scatter, found.overlap) == (-3.0, 2.0, False)
    assert "SwiGLU is 3 lower than ReLU" in found.sentence
    assert "in every pair of seeds" in found.sentence and "20 %" in found.sentence


def test_ranges_that_overlap_say_nothing():
    found = compare_seeds(MIXED)
    assert found.overlap and "do not say which is better" in found.sentence
    for first, second in ([1.0, 2.0], [2.0, 3.0]), ([2.0, 3.0], [1.0, 2.0]):
        assert compare_seeds({"a": first, "b": second}).overlap  # touching is overlap


def test_chance_is_the_share_of_shuffles_without_overlap():
    ranks = range(5)
    clear = [
        max(three) < min(set(ranks) - set(three)) or min(three) > max(set(ranks) - set(three))
        for three in combinations(ranks, 3)
    ]
    assert compare_seeds(APART).by_chance == np.mean(clear) == 0.2


def test_two_at_a_time():
    with pytest.raises(ValueError, match="two at a time"):
        compare_seeds({"one": [1.0]})


def test_the_band_is_the_range_and_the_line_the_mean():
    ax = seed_curves({"mine": ([1, 2], [[3, 4], [5, 8]])}, title="t", alt="a")
    assert ax.lines[0].get_ydata().tolist() == [4, 6]
    (band,) = ax.collections
    corners = {tuple(point) for point in band.get_paths()[0].vertices}
    assert corners == {(1, 3), (2, 4), (2, 8), (1, 5)}


def test_every_seed_has_its_dot():
    ax = seed_dots(APART, title="t", alt="a")
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [[5.0, 7.0, 6.0], [4.0, 2.0]]
    assert [text.get_text() for text in ax.texts] == ["6", "3"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(APART)
