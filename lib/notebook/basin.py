"""How much a choice of shape costs: losses of a sweep, as per cent above the best.

basin({"32 × 48": (1.5, [2.31, 2.33]), "8 × 96": (12, [2.28, 2.27]), ...}, ...)
"""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lib.notebook.colours import BLUE, GREY, ink
from lib.notebook.drawing import axes_for, write_around
from lib.notebook.labels import HALO
from lib.notebook.seeds import Spread, spread


def basin(
    sweep: Mapping[str, tuple[Real, Any]],
    *,
    title: str,
    x: str = "width / layers",
    alt: str | None = None,
    shade: tuple[Real, Real, str] | None = None,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """Each shape {name: (where on the log x axis, final loss of each seed)}: dots and mean.

    Heights are per cent above the lowest mean, and the band is the range over seeds: a valley
    flatter than the band is wide is not seen. `shade` (from, to, name) marks a range of x.
    """
    ax = axes_for(ax, alt, sweep, size=(6.4, 3.8))
    seen = dict(sorted(sweep.items(), key=lambda item: float(item[1][0])))
    places = [float(place) for place, _ in seen.values()]
    spreads = [spread(losses) for _, losses in seen.values()]
    if shade is not None:
        low, high, name = shade
        ax.axvspan(low, high, color=GREY, alpha=0.12, linewidth=0)
        corner = {"xytext": (3, -3), "textcoords": "offset points", "va": "top", "fontsize": 8.5}
        middle = np.clip(low, min(places), max(places))
        ax.annotate(
            name, (middle, 1), xycoords=("data", "axes fraction"), color=ink(GREY), **corner
        )
    low, mean, high = (
        above_best(spreads, [getattr(one, part) for one in spreads])
        for part in ("low", "mean", "high")
    )
    ax.fill_between(places, low, high, color=BLUE, alpha=0.18, linewidth=0)
    ax.plot(places, mean, color=BLUE)
    for place, one in zip(places, spreads):
        dots = above_best(spreads, one.values)
        ax.plot([place] * len(dots), dots, "o", color=BLUE, markersize=4, alpha=0.7)
    for name, place, top in zip(seen, places, high):
        above = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center", "fontsize": 8}
        ax.annotate(name, (place, top), path_effects=[HALO], **above)
    ax.margins(x=0.08, y=0.15)
    write_around(ax, title, x, "loss, % above the best mean", {"xscale": "log", **axes})
    return ax


def above_best(spreads: Sequence[Spread], losses: Iterable[float]) -> list[float]:
    """Losses as per cent above the lowest mean."""
    best = min(one.mean for one in spreads)
    return [100 * (loss / best - 1) for loss in losses]
