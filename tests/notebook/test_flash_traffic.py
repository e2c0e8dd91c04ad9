"""Traffic of attention: the dots that were counted lie on the lines that were predicted."""

import matplotlib.pyplot as plt
import pytest

from lib.notebook.figures import alt_text
from lib.notebook.flash_traffic import STORED, TILED, count, flash_traffic


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_counted_dots_lie_on_the_lines():
    ax = flash_traffic([64, 256], head_width=16, block_q=32, itemsize=2, counted=[64, 256])
    lines = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    dots = [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([y for pair in zip(lines[STORED], lines[TILED]) for y in pair])
    assert lines[STORED][0] == pytest.approx(2e-6 * (4 * 64 * 16 + 4 * 64 * 64))


def test_the_title_says_the_ratio_at_the_end():
    ax = flash_traffic([64, 128], head_width=16, block_q=64)
    stored, tiled = 4 * 128 * 16 + 4 * 128**2, 2 * 128 * 16 + 128 + 2 * 128 * 16 * 2
    assert f"{stored / tiled:.2g} times fewer" in (ax.get_title(loc="left") or ax.get_title())
    assert "scores stored" in alt_text(ax)


def test_long_sequences_are_not_counted():
    with pytest.raises(ValueError, match="2048 positions are over 1024"):
        count(2048, 64, 64)
