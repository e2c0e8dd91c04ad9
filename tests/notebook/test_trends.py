"""Bars of a trend are as high as the shares."""

from collections import Counter

import matplotlib.pyplot as plt
import pytest

from lib.notebook.model_choices import families, shares
from lib.notebook.trends import trend


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_bars_are_the_shares_and_add_up():
    ax = trend("norm", title="t", alt="a", since=2022)
    heights = [-bar.get_height() for bar in ax.patches]
    drawn = [s for parts in list(shares("norm").values())[-4:] for s in parts.values() if s]
    assert heights == pytest.approx(drawn)
    lowest = {}
    for bar in ax.patches:  # from the top down, year by year
        lowest[bar.get_x()] = bar.get_y() + bar.get_height()
    assert list(lowest.values()) == pytest.approx([0] * 4)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2022", "2023", "2024", "2025"]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["LayerNorm", "RMSNorm"]  # nobody is unknown here


def test_what_is_not_known_is_shown():
    ax = trend("activation", title="t", alt="a")
    assert ax.get_legend().get_texts()[-1].get_text() == "not known"
    counts = Counter(year for _, year in families())
    above = [text.get_text() for text in ax.texts if text.get_position()[1] == 3]
    assert above == [str(counts[year]) for year in sorted(counts)]
