"""A funnel: bars in proportion, every byte accounted for, its numbers in words."""

import re

import pytest

from lib.notebook.funnel import Stage, funnel

STAGES = [
    Stage("pages", 750, {"errors": 250}),
    Stage("text", 250, {"menus": 100, "markup": 400}, predicted=375),
]


def widths(drawing):
    return [float(w) for w in re.findall(r'<rect [^>]*width="([\d.]+)" height="22"', drawing.html)]


def test_bars_are_as_long_as_what_they_stand_for():
    came, kept, came_next, kept_next = widths(funnel(STAGES, title="T"))
    assert kept == came_next == pytest.approx(0.75 * came, abs=0.01)
    assert kept_next == pytest.approx(0.25 * came, abs=0.01)


def test_it_says_what_was_lost_the_largest_first():
    drawing = funnel(STAGES, title="T")
    assert "text: 250 B kept, 33% of it (markup 400 B, menus 100 B)" in str(drawing)
    assert drawing.html.count("stroke-dasharray") == 1


def test_nothing_vanishes_between_two_stages():
    with pytest.raises(ValueError, match="takes in 700, but 'pages' kept 750"):
        funnel([STAGES[0], Stage("text", 700)], title="T")
