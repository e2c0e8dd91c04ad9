"""What all plots share: numbers of any kind, and ticks a reader does not have to decode."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.text import Text

from lib.notebook.drawing import axes_for, numbers, plain_number, same_length, write_around
from lib.notebook.plots import bars

HOUSE_STYLE = Path(__file__).parents[2] / "lib" / "notebook" / "house.mplstyle"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.67, "1.67"),
        (12345.6, "12,346"),
        (-2, "−2"),
        (0.001, "0.001"),
        (1e6, "$10^{6}$"),
        (2.5e7, r"$2.5 \times 10^{7}$"),
        (1e-5, "$10^{-5}$"),
    ],
)
def test_numbers_are_plain_where_they_can_be(value, text):
    assert plain_number(value) == text


def test_numbers_come_from_anywhere():
    for values in ([1, 2], range(1, 3), iter([1, 2]), np.array([1, 2]), {1: "a", 2: "b"}.keys()):
        assert numbers(values).tolist() == [1, 2]
    held = torch.tensor([1, 2], dtype=torch.bfloat16, requires_grad=True)
    assert numbers(held).tolist() == [1, 2]


def test_lines_of_unequal_lists_are_refused():
    with pytest.raises(ValueError, match=r"'loss' has \(3,\) values for x and \(2,\) for y"):
        same_length("loss", [1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="'loss' has no point to draw"):
        same_length("loss", [1, 2], [np.nan, np.nan])


def test_a_new_figure_needs_words_and_data():
    with pytest.raises(ValueError, match="needs an alt text: add alt="):
        axes_for(None, None, ["data"])
    with pytest.raises(ValueError, match="nothing to draw"):
        axes_for(None, "words", [])
    assert not plt.get_fignums()


def ticks(ax) -> list[str]:
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    return [t.get_text() for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]


@pytest.mark.parametrize(
    ("xs", "labels"),
    [
        ([256, 512, 1024, 2048], ["256", "512", "1,024", "2,048"]),
        (range(1, 2000), ["1", "10", "100", "1,000"]),
        ([3, 4, 40, 77], ["5", "10", "20", "50"]),
    ],
    ids=["the sizes measured", "powers of ten", "one, two, five"],
)
def test_log_axes_say_plain_numbers(xs, labels):
    ax = plt.subplots()[1]
    ax.plot(xs, xs)
    write_around(ax, "title", "x", "y", {"xscale": "log"})
    assert ticks(ax) == labels
    assert not [text for text in ax.xaxis.get_minorticklabels() if text.get_text()]


TITLE = "The model has learned most of what can be known about these texts, and of others little"


@pytest.mark.parametrize("labels", [["a", "b"], ["all tokens equally likely", "a perfect model"]])
def test_a_long_title_is_wrapped_instead_of_cut_off(labels):
    with plt.style.context(HOUSE_STYLE):
        ax = bars(dict.fromkeys(labels, 1.5), title=TITLE, x="x", alt="a")
        figure = ax.get_figure(root=True)
        figure.canvas.draw()
        (title,) = [text for text in ax.findobj(Text) if text.get_text().startswith("The model")]
        assert title.get_window_extent().x1 <= figure.bbox.x1
        assert title.get_text().replace("\n", " ") == TITLE
