"""Bars of bytes held: widths in proportion, sums in words, the line that may not be crossed."""

import re

import pytest

from lib.notebook.memory_bars import memory_bars

ROWS = {"formula": {"parameters": 2e9, "optimizer": 6e9}, "rank 0": {"parameters": 2e9, "gone": 0}}


def widths(drawing):
    boxes = re.findall(r'<rect [^>]*width="([\d.]+)" height="20"', drawing.html)
    return [float(width) for width in boxes]


def test_bars_are_as_long_as_their_parts():
    two, six, again = widths(memory_bars(ROWS, title="Held"))
    assert six == pytest.approx(3 * two, abs=0.05) and again == two


def test_the_drawing_says_its_numbers():
    drawing = memory_bars(ROWS, title="Held", limit=10e9, dashed={"formula"})
    assert "formula: 8 GB (parameters 2 GB, optimizer 6 GB)" in str(drawing)
    assert "The line is at 10 GB." in str(drawing) and ">memory: 10 GB<" in drawing.html
    assert drawing.html.count("stroke-dasharray") == 3  # two parts and the line
    assert "gone" not in str(drawing)


def test_one_scale_for_a_series():
    small = memory_bars({"a": {"parameters": 1e9}}, title="Held", longest=8e9)
    large = memory_bars({"a": {"parameters": 8e9}}, title="Held", longest=8e9)
    assert widths(large)[0] == pytest.approx(8 * widths(small)[0], abs=0.1)


def test_nothing_is_refused():
    with pytest.raises(ValueError, match="no row holds any bytes"):
        memory_bars({"a": {"parameters": 0}}, title="Held")
