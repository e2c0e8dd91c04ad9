"""What happens in every layer at every step, as a field of colours: gradient norms, scores.

For one moment, curves(..., x="layer") is enough; here time is the second axis.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from lib.notebook.colours import GREY
from lib.notebook.drawing import axes_for, numbers, write_around


def layer_map(
    values: Any,
    *,
    title: str,
    scale: str,
    steps: Sequence[Real] | None = None,
    alt: str | None = None,
    limits: tuple[Real, Real] | None = None,
    log: bool = True,
    x: str = "step",
    y: str = "layer",
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """One row per layer, the first at the bottom as the stream flows, one column per step.

    `scale` names what is measured; `limits` (lowest, highest) make several maps comparable. Where
    there is no number (a run that diverged, a zero on a log scale) the field stays hatched.
    """
    cells = numbers(values)
    places = numbers(range(cells.shape[-1]) if steps is None else steps)
    if cells.ndim != 2 or len(places) != cells.shape[1]:
        raise ValueError(
            f"The values have shape {cells.shape} and there are {len(places)} steps: a map needs "
            "one row per layer and in each row one value per step."
        )
    shown = np.ma.masked_invalid(np.where(cells > 0, cells, np.nan) if log else cells)
    low, high = limits or (shown.min(), shown.max())
    norm = LogNorm(low, high) if log else Normalize(low, high)
    ax = axes_for(ax, alt, cells, size=(6.4, 1.5 + min(2.5, 0.22 * len(cells))))
    ax.patch.set(hatch="///", edgecolor=GREY)
    edges = np.arange(len(cells) + 1) + 0.5
    field = ax.pcolormesh(_edges(places), edges, shown, norm=norm, rasterized=True)
    ax.get_figure(root=True).colorbar(field, ax=ax, label=scale).outline.set_visible(False)
    ax.set_yticks(np.unique(np.linspace(1, len(cells), min(len(cells), 6)).round()))
    ax.grid(visible=False)
    write_around(ax, title, x, y, axes)
    return ax


def _edges(places: np.ndarray) -> np.ndarray:
    """Borders half-way between the steps."""
    if len(places) == 1:
        return places[0] + np.array([-0.5, 0.5])
    half = np.diff(places) / 2
    middle = places[:-1] + half
    return np.concatenate([[places[0] - half[0]], middle, [places[-1] + half[-1]]])
