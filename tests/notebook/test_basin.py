"""The basin: per cent above the best, in order of the shape."""

import matplotlib.pyplot as plt
import pytest

from lib.notebook.basin import basin


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_heights_are_per_cent_above_the_lowest_mean():
    sweep = {"wide": (100, [2.2, 2.2]), "deep": (1, [2.1, 2.3]), "between": (10, [1.9, 2.1])}
    ax = basin(sweep, title="t", alt="a", shade=(2, 50, "elsewhere"))
    mean, *dots = ax.lines
    assert list(mean.get_xdata()) == [1, 10, 100]
    assert list(mean.get_ydata()) == pytest.approx([10, 0, 10])
    assert list(dots[0].get_ydata()) == pytest.approx([5, 15])
    assert [text.get_text() for text in ax.texts] == ["elsewhere", "deep", "between", "wide"]
    assert ax.get_xscale() == "log"
