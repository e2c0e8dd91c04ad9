"""Patterns of reads, and what they cost by hand."""

import json
import re

import matplotlib.pyplot as plt
import pytest

from lib.notebook.coalescing_painter import PATTERNS, coalescing_painter, sentence


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("pattern", "cost"),
    [
        (
            "a row",
            "1 line of 128 bytes, 4 sectors of 32; 128 of the 128 bytes moved are used (100%)",
        ),
        ("every second word", "2 lines of 128 bytes, 8 sectors of 32; 128 of the 256"),
        ("a row, shifted by one", "2 lines of 128 bytes, 5 sectors of 32; 128 of the 160"),
        ("one word, all threads", "1 line of 128 bytes, 1 sector of 32; 4 of the 32"),
        ("a column", "32 lines of 128 bytes, 32 sectors of 32; 128 of the 1024"),
    ],
)
def test_what_a_pattern_costs(pattern, cost):
    assert sentence(PATTERNS[pattern]).removeprefix("32 threads: ").startswith(cost)


def test_two_patterns_stay_where_scripts_do_not_run():
    shown = coalescing_painter()
    open_part = shown.html.partition("<script>")[0]
    assert 'alt="32 lines of memory' in open_part and "<button" not in open_part
    data = json.loads(re.search(r"inks } = (\{.*\});", shown.html)[1])
    assert all(len(words) == 32 for _, words in data["presets"])
    assert len(shown.html) < 60_000
