"""A matrix as a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lib.notebook.drawing import axes_for, numbers, write_around


def heatmap(
    matrix: Any,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    x: str,
    y: str,
    scale: str,
    alt: str | None = None,
    format: str | None = ".2g",
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """A matrix as a field of colours with its numbers written in; `scale` names what they measure.

    `format` None leaves the numbers out. Values that are not finite stay empty.
    """
    cells = numbers(matrix)
    if cells.shape != (len(rows), len(columns)):
        raise ValueError(
            f"The matrix has shape {cells.shape}, and there are {len(rows)} names of rows and "
            f"{len(columns)} of columns: they must agree."
        )
    ax = axes_for(ax, alt, rows, size=(1.9 + 0.62 * len(columns), 1.1 + 0.36 * len(rows)))
    image = ax.imshow(np.ma.masked_invalid(cells), aspect="auto")
    for (row, column), value in np.ndenumerate(cells):
        if format and np.isfinite(value):
            text = "#000000" if sum(image.to_rgba(value)[:3]) > 1.5 else "#ffffff"
            ax.text(
                column, row, f"{value:{format}}", color=text, ha="center", va="center", fontsize=9
            )
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    if max(map(len, columns)) > 9:
        ax.tick_params(axis="x", labelrotation=35)
        for tick in ax.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.get_figure().colorbar(image, ax=ax, label=scale).outline.set_visible(False)
    write_around(ax, title, x, y, axes)
    return ax
