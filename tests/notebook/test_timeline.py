"""The timeline: every event at its year, no name on another."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.transforms import Bbox

from lib.notebook.timeline import lanes, timeline

EVENTS = [
    (2017, "an architecture with a long name", "open"),
    (1951, "entropy of a language", "open"),
    (2017.5, "another architecture", "weights"),
    (2020, "big", "closed"),
    (2025, "a name that does not fit to the right", "weights"),
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_lanes_are_as_few_as_possible():
    assert lanes([(0, 3), (1, 2), (4, 5), (2.5, 6)]) == [0, 1, 0, 1]
    assert lanes([(5, 6), (0, 9)]) == [1, 0]  # from left to right, whatever the order
    assert lanes([(0, 1), (1, 2)]) == [0, 1]  # touching is too close


@pytest.mark.parametrize("stretch_from", [None, 2015])
def test_every_event_is_at_its_year_and_every_name_is_free(stretch_from):
    ax = timeline(EVENTS, title="History", alt="Words.", stretch_from=stretch_from)
    ax.figure.draw_without_rendering()
    dots = [line for line in ax.lines if line.get_marker() not in ("", "None")]
    assert [line.get_xdata()[0] for line in dots] == [1951, 2017, 2017.5, 2020, 2025]
    assert [text.xy[1] for text in ax.texts] == [line.get_ydata()[0] for line in dots]
    boxes = [text.get_window_extent() for text in ax.texts]
    for i, box in enumerate(boxes):
        assert box.x1 <= ax.figure.bbox.x1
        for other in boxes[:i]:
            assert not Bbox.intersection(box, other)


def test_stretching_gives_the_prehistory_a_quarter():
    ax = timeline(EVENTS, title="History", alt="Words.", stretch_from=2015)
    first, change, middle, last = (
        ax.transData.transform((year, 0))[0] for year in (1951, 2015, 2020, 2025)
    )
    assert (change - first) / (last - first) == pytest.approx(0.25)
    assert (middle - change) / (last - change) == pytest.approx(0.5)


def test_groups_have_their_own_colour_and_shape():
    ax = timeline(EVENTS, title="History", alt="Words.")
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines}
    assert len(looks) == len({line.get_marker() for line in ax.lines}) == 3


def test_the_legend_shows_the_shapes_that_are_drawn():
    events = [(2001, "one", "zebra"), (2002, "two", "ant"), (2003, "three", "model")]
    ax = timeline(events, title="t", alt="a")
    (legend,) = ax.figure.legends
    named = {h.get_label(): (h.get_marker(), h.get_color()) for h in legend.legend_handles}
    marks = zip(events, ax.lines, strict=True)
    drawn = {group: (m.get_marker(), m.get_color()) for (_, _, group), m in marks}
    assert named == drawn
