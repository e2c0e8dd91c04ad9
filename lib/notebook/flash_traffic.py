"""Memory traffic of attention over the sequence length: scores stored, or tile by tile.

flash_traffic([128, 512, 2048, 8192])                   formulas as lines
flash_traffic(lengths, counted=[64, 128, 256])          and dots: run at these lengths and counted

One head, without a mask, as in lib/tensors/attention_traffic.py. The third line is what no order of
tiles can go below: each tensor once, as if a cache kept all keys and values.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from lib.notebook.colours import BLUE, ORANGE
from lib.notebook.drawing import plain_number
from lib.notebook.plots import curves
from lib.tensors.attention_traffic import (
    flash_attention,
    flash_numbers,
    naive_attention,
    naive_numbers,
)

STORED, TILED, ONCE = "scores stored", "flash, in tiles", "each tensor once"
MOST = 1024  # positions: longer sequences take too long to count


def flash_traffic(
    lengths: Sequence[int] = (128, 256, 512, 1024, 2048, 4096, 8192, 16384),
    *,
    head_width: int = 128,
    block_q: int = 128,
    itemsize: int = 2,
    counted: Sequence[int] = (),
    title: str | None = None,
    alt: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Megabytes between memory and processor, both ways, for numbers of `itemsize` bytes."""
    lengths = sorted(lengths)
    to_mb = itemsize / 1e6
    predicted = {
        STORED: [to_mb * naive_numbers(T, head_width) for T in lengths],
        TILED: [to_mb * flash_numbers(T, head_width, block_q) for T in lengths],
        ONCE: [to_mb * flash_numbers(T, head_width, T) for T in lengths],
    }
    ratio = predicted[STORED][-1] / predicted[TILED][-1]
    said = title or f"At {lengths[-1]:,} positions flash moves {ratio:.2g} times fewer bytes"
    ends = ", ".join(f"{name} {plain_number(mb[-1])} MB" for name, mb in predicted.items())
    dots = " Dots, counted by running both, lie on the lines." if len(counted) else ""
    ax = curves(
        {name: (lengths, values) for name, values in predicted.items()},
        title=said,
        x="positions",
        y="MB moved per head",
        alt=alt or f"Traffic of attention over the sequence length, at the end: {ends}.{dots}",
        dashed=predicted,
        ax=ax,
        xscale="log",
        yscale="log",
    )
    for T in counted:
        moved = count(T, head_width, block_q)
        for colour, n in zip(_colours(ax), moved):
            ax.plot([T], [to_mb * n], "o", color=colour)
    return ax


def count(T: int, head_width: int, block_q: int) -> tuple[int, int]:
    """Numbers moved, by running both ways on arrays that count."""
    if T > MOST:
        raise ValueError(f"Counting runs attention in numpy: {T} positions are over {MOST}.")
    q, k, v = np.random.default_rng(0).standard_normal((3, T, head_width))
    stored = naive_attention(q, k, v)[1]
    tiled = flash_attention(q, k, v, block_q, block_q)[1]
    return stored.total, tiled.total


def _colours(ax: Axes) -> tuple[str, str]:
    """Of the two lines, as they were drawn."""
    named = {line.get_label(): line.get_color() for line in ax.lines}
    return named.get(STORED, BLUE), named.get(TILED, ORANGE)
