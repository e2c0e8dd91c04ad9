"""What all plots share: axes with an alt text, numbers of any library, words around the data."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from lib.notebook.colours import ink
from lib.notebook.figures import describe, new_axes

MARKERS = "osD^vPX*"
DASHES = (0, (4, 2))
LINE_STYLES = ("-", DASHES, (0, (1, 1)), (0, (5, 1, 1, 1)))


def axes_for(
    ax: Axes | None,
    alt: str | None,
    what: Collection[Any],
    size: tuple[int | float, int | float] = (6, 3.5),
) -> Axes:
    """The panel given, or a new figure, which needs an alt text."""
    if not len(what):
        raise ValueError("There is nothing to draw: the first argument is empty.")
    if ax is None and alt is None:
        raise ValueError(
            "A new figure needs an alt text: add alt=, a sentence that says what there is to see "
            "for readers who cannot see it."
        )
    if ax is None:
        return new_axes(alt, size)
    if alt is not None:
        describe(ax, alt)
    return ax


def write_around(ax: Axes, title: str, x: str, y: str, axes: Mapping[str, Any]) -> None:
    """Title, names of the axes, and whatever else ax.set() takes."""
    ax.set_title(title)
    ax.set(xlabel=x, ylabel=y, **axes)


def used_colours(ax: Axes) -> set[str]:
    """Colours of the lines that are there already, so that a second call takes others."""
    return {to_hex(line.get_color()) for line in ax.lines}


def numbers(values: Any) -> np.ndarray:
    """Floats from a list, an array or a tensor, wherever it lives."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()  # numpy knows neither bfloat16 nor gradients
    if not hasattr(values, "__len__"):
        values = list(values)
    return np.asarray(values, dtype=float)


def same_length(label: str, xs: Any, ys: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as numbers. Raises ValueError where they do not belong together or show nothing."""
    right, up = numbers(xs), numbers(ys)
    if right.shape != up.shape or right.ndim != 1:
        raise ValueError(
            f"{label!r} has {right.shape} values for x and {up.shape} for y: "
            "a line needs one list of each, equally long."
        )
    if not np.isfinite(right * up).any():
        raise ValueError(
            f"{label!r} has no point to draw: every value is missing, nan or infinite."
        )
    return right, up


def legend(ax: Axes, kinds: Mapping[str, str], below: bool = False) -> None:
    """Colour and shape of each kind of point, in MARKERS order; `below` puts them under the axes."""
    handles = [
        Line2D([], [], linestyle="", marker=MARKERS[i % len(MARKERS)], color=colour, label=kind)
        for i, (kind, colour) in enumerate(kinds.items())
    ]
    look = {"handles": handles, "labelcolor": [ink(c) for c in kinds.values()]}
    if below:
        ax.get_figure().legend(loc="outside lower left", ncols=len(kinds), **look)
    else:
        ax.legend(**look)
