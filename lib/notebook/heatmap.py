"""A matrix as a picture."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

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
    ax = axes_for(ax, alt, rows, size=_size(rows, columns))
    image = ax.imshow(np.ma.masked_invalid(cells), aspect="auto")
    ax.get_figure().colorbar(image, ax=ax, label=scale).outline.set_visible(False)
    if format is not None:
        _write_numbers(ax, image, cells, format)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    if _slanted(columns):
        plt.setp(ax.get_xticklabels(), rotation=35, ha="right", rotation_mode="anchor")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    write_around(ax, title, x, y, axes)
    return ax


def _write_numbers(ax: Axes, image: AxesImage, cells: np.ndarray, format: str) -> None:
    """Black on light cells, white on dark ones."""
    look = {"ha": "center", "va": "center", "fontsize": 9}
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            colour = "#000000" if sum(image.to_rgba(value)[:3]) > 1.5 else "#ffffff"
            ax.text(column, row, f"{value:{format}}", color=colour, **look)


def _size(rows: Sequence[str], columns: Sequence[str]) -> tuple[float, float]:
    """Inches: cells of the same size whatever the names."""
    below = 0.05 * max(map(len, columns)) if _slanted(columns) else 0.1
    width = 1.6 + 0.08 * max(map(len, rows)) + 0.62 * len(columns)
    return width, 1.0 + below + 0.36 * len(rows)


def _slanted(columns: Sequence[str]) -> bool:
    """Names of more than nine letters are wider than their cell."""
    return max(map(len, columns)) > 9
