"""The ladder of memories draws what it is given and nothing else."""

import math

import matplotlib.pyplot as plt
import pytest

from lib.notebook.memory_ladder import MemoryLevel, memory_ladder


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


LEVELS = [
    MemoryLevel("near", 1000, 2e-9),
    MemoryLevel("far", 4_000_000, 400e-9, 3e12),
    MemoryLevel("away", None, None, 5e11),
]


def test_values_in_nanoseconds_and_terabytes():
    left, right = memory_ladder(LEVELS, title="Farther is slower", alt="A ladder.").figure.axes
    assert [t.get_text() for t in left.texts] == ["2", "400", "unknown"]
    assert [t.get_text() for t in right.texts] == ["unknown", "3", "0.5"]
    drawn = list(left.lines[0].get_xdata())  # no line over what nobody knows
    assert drawn == pytest.approx([2, 400, math.nan], nan_ok=True)
    assert math.isnan(right.lines[0].get_xdata()[0])  # no dot for what is not known
    assert left.get_yticklabels()[1].get_text() == "far\n4 MB"


def test_nothing_known_is_refused():
    with pytest.raises(ValueError, match="nothing to draw"):
        memory_ladder([MemoryLevel("near", 1000)], title="?", alt="Nothing.")
