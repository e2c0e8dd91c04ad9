"""Plots draw the numbers they are given, in the colour of the concept, with the name beside."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from lib.notebook.colours import BLUE, CONCEPTS, CYCLE, SLATE
from lib.notebook.figures import alt_text, new_axes
from lib.notebook.heatmap import heatmap
from lib.notebook.plots import bars, curves, histogram, points, stacked

WORDS = {"title": "A title", "x": "size [MB]", "y": "time [s]", "alt": "What there is to see."}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_curves_draw_the_numbers_and_name_the_ends():
    ax = curves({"BPE": ([1, 2, 3], [4, 5, 7]), "mine": ([1, 2], [3, np.nan])}, **WORDS)
    bpe, mine = ax.lines
    assert bpe.get_xydata().tolist() == [[1, 4], [2, 5], [3, 7]]
    assert (bpe.get_color(), mine.get_color()) == (CONCEPTS["bpe"], CYCLE[1])
    assert texts(ax) == ["BPE", "mine"]
    assert [text.xy for text in ax.texts] == [(3, 7), (1, 3)]  # the last point there is
    assert (ax.get_title(loc="left") or ax.get_title()) == "A title"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("size [MB]", "time [s]")
    assert alt_text(ax) == "What there is to see."


def test_predictions_are_dashed_and_measurements_solid():
    xs = [1, 2]
    ax = curves(
        {"measured": (xs, xs), "Prediction": (xs, xs), "guess": (xs, xs)}, dashed={"guess"}, **WORDS
    )
    assert [line.is_dashed() for line in ax.lines] == [False, True, True]
    assert [line.get_color() for line in ax.lines][:2] == [BLUE, SLATE]


def test_bands_shade_from_low_to_high():
    ax = curves({"loss": ([0, 1], [5, 4])}, bands={"loss": ([3, 2], [9, 8])}, **WORDS)
    (band,) = ax.collections
    assert {tuple(point) for point in band.get_paths()[0].vertices} == {
        (0, 3),
        (1, 2),
        (1, 8),
        (0, 9),
    }


def test_more_lines_than_colours_still_differ():
    ax = curves({f"line {i}": ([0, 1], [0, i]) for i in range(12)}, **WORDS)
    looks = {(line.get_color(), line.is_dashed()) for line in ax.lines}
    assert len(looks) == 12


def test_a_second_call_on_the_same_axes_takes_other_colours():
    ax = curves({"one": ([0, 1], [0, 1])}, **WORDS)
    curves({"two": ([0, 1], [1, 0])}, ax=ax, **WORDS | {"alt": "And back."})
    assert len({line.get_color() for line in ax.lines}) == 2
    assert alt_text(ax) == "What there is to see. And back."


@pytest.mark.parametrize(
    ("plot", "value"), [(curves, ([1], [2])), (points, (1, 2)), (bars, 1), (histogram, [1])]
)
def test_a_new_figure_without_alt_text_is_refused(plot, value):
    with pytest.raises(ValueError, match="needs an alt text"):
        plot({"a": value}, title="t", x="x", y="y")


def test_bars_are_as_long_as_their_values():
    ax = bars({"words": 8.8, "BPE, predicted": 1234.5}, dashed={"BPE, predicted"}, **WORDS)
    assert [bar.get_width() for bar in ax.patches] == [8.8, 1234.5]
    assert texts(ax) == ["8.8", "1,234"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["words", "BPE, predicted"]
    assert ax.yaxis_inverted()  # the first on top
    assert to_hex(ax.patches[0].get_facecolor()) == CONCEPTS["word"]
    assert texts(bars({"a": -2, "b": 1}, format="+.1f", **WORDS)) == ["-2.0", "+1.0"]


def test_stacked_areas_add_up():
    ax = stacked([1, 2], {"low": [1, 2], "high": [10, 20]}, **WORDS)
    low, high = ax.lines
    assert low.get_ydata().tolist() == [1, 2]
    assert high.get_ydata().tolist() == [11, 22]
    assert [text.xy for text in ax.texts] == [(2, 1), (2, 12)]  # the middle of each part


def test_points_of_a_group_share_colour_and_shape():
    ax = points(
        {"a": (1, 2), "b": (3, 5), "c": (7, 11)},
        groups={"a": "open", "b": "closed", "c": "open"},
        **WORDS,
    )
    a, b, c = ax.lines
    assert a.get_xydata().tolist() == [[1, 2]]
    assert (a.get_color(), a.get_marker()) == (c.get_color(), c.get_marker())
    assert a.get_color() == CONCEPTS["open"] and a.get_marker() != b.get_marker()
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["open", "closed"]


def test_histogram_counts_into_shared_bins():
    ax = histogram({"a": [0.1, 0.2, 1.5], "b": [2.5]}, bins=[0, 1, 2, 3], **WORDS)
    counts = [patch.get_data().values.tolist() for patch in ax.patches]
    assert counts == [[2, 1, 0]] * 2 + [[0, 0, 1]] * 2  # an area and an outline each


def test_heatmap_writes_numbers_that_can_be_read():
    ax = heatmap(
        [[0, 0.5, np.nan], [1, 2, 3]], rows="ab", columns="xyz", scale="bytes per token", **WORDS
    )
    assert texts(ax) == ["0", "0.5", "1", "2", "3"]
    assert ax.texts[0].get_color() == "#ffffff" and ax.texts[-1].get_color() == "#000000"
    with pytest.raises(ValueError, match=r"shape \(1, 2\), and there are 2 names of rows and 2"):
        heatmap([[1, 2]], rows="ab", columns="xy", scale="", **WORDS)


def test_panels_keep_the_alt_text_of_their_figure():
    left, right = new_axes("Both.", cols=2)
    words = {key: value for key, value in WORDS.items() if key != "alt"}
    assert curves({"a": ([1, 2], [3, 4])}, ax=left, **words) is left
    assert bars({"a": 1}, ax=right, **words) is right
    assert alt_text(right) == "Both."
