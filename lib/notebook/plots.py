"""Plots in one to three lines: each draws on `ax`, returns it, and leaves looks to house.mplstyle.

Without `ax` a plot makes its own figure and needs `alt`, a sentence that says what there is to see.
With `ax`, a panel from `new_axes`, `alt` adds to the figure's. What is called like a concept
of colours.py gets the concept's colour. `**axes` goes to ax.set(), as in xscale="log".
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lib.notebook.colours import BLUE, CARD, CYCLE, colours_for, concept_of, ink
from lib.notebook.drawing import (
    DASHES,
    DOTS,
    LINE_STYLES,
    MARKERS,
    axes_for,
    legend,
    numbers,
    plain_number,
    same_length,
    used_colours,
    write_around,
)
from lib.notebook.labels import HALO, name_end, place_around, spread_ends


def curves(
    series: Mapping[str, tuple[Any, Any]],
    *,
    title: str,
    x: str,
    y: str,
    alt: str | None = None,
    dashed: Collection[str] = (),
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    markers: bool = False,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """One line per entry {label: (xs, ys)}, named at its right end instead of in a legend.

    Predictions are `dashed`, measurements solid; `bands` {label: (low, high)} shade a range around
    lines, over seeds for example; `markers` shows the single measurements.
    """
    ax = axes_for(ax, alt, series)
    colours = colours_for(series, used_colours(ax))
    for i, (label, (xs, ys)) in enumerate(series.items()):
        xs, ys = same_length(label, xs, ys)
        style = "-" if i < len(CYCLE) else DOTS  # the second round of colours looks different
        if label in dashed or concept_of(label) == "prediction":
            style = DASHES
        marker = MARKERS[i % len(MARKERS)] if markers or len(xs) == 1 else ""
        ax.plot(xs, ys, color=colours[label], linestyle=style, marker=marker, label=label)
        if bands and label in bands:
            low, high = (numbers(edge) for edge in bands[label])
            ax.fill_between(xs, low, high, color=colours[label], alpha=0.18, linewidth=0)
        last = np.flatnonzero(np.isfinite(ys))[-1]  # a run that diverged ends before its last step
        name_end(ax, label, xs[last], ys[last], colours[label])
    write_around(ax, title, x, y, axes)
    spread_ends(ax)
    return ax


def stacked(
    xs: Any,
    parts: Mapping[str, Any],
    *,
    title: str,
    x: str,
    y: str,
    alt: str | None = None,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """Parts of a whole as areas on top of each other, the first at the bottom, named at the end."""
    ax = axes_for(ax, alt, parts)
    colours = colours_for(parts, used_colours(ax))
    below = np.zeros(len(numbers(xs)))
    for label, heights in parts.items():
        places, heights = same_length(label, xs, heights)
        above = below + heights
        ax.fill_between(places, below, above, color=colours[label], alpha=0.75, linewidth=0)
        ax.plot(places, above, color=CARD, linewidth=1.5)  # a seam: colour alone is not enough
        name_end(ax, label, places[-1], (below[-1] + above[-1]) / 2, colours[label])
        below = above
    ax.margins(x=0, y=0)
    write_around(ax, title, x, y, axes)
    spread_ends(ax)
    return ax


def points(
    places: Mapping[str, tuple[Real, Real]],
    *,
    title: str,
    x: str,
    y: str,
    alt: str | None = None,
    groups: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """One named point per entry {label: (x, y)}; `groups` {label: group} gives colour and shape."""
    ax = axes_for(ax, alt, places)
    kinds = list(dict.fromkeys(groups.values())) if groups else []
    colours = colours_for(kinds or [title], used_colours(ax))
    names = []
    for label, (right, up) in places.items():
        kind = groups[label] if groups else title
        shape = MARKERS[kinds.index(kind) % len(MARKERS)] if groups else "o"
        ax.plot([right], [up], marker=shape, linestyle="", color=colours[kind])
        text = {"color": ink(colours[kind]), "path_effects": [HALO], "fontsize": 9}
        names.append(
            ax.annotate(label, (right, up), textcoords="offset points", xytext=(7, 0), **text)
        )
    ax.margins(0.08)
    write_around(ax, title, x, y, axes)
    if groups:
        legend(ax, {kind: colours[kind] for kind in kinds}, below=True)
    place_around(ax, names)
    return ax


def bars(
    values: Mapping[str, Real],
    *,
    title: str,
    x: str,
    y: str = "",
    alt: str | None = None,
    dashed: Collection[str] = (),
    format: str | None = None,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """One horizontal bar per entry, the first on top, its value written at its end.

    `x` is what the bars measure, with its unit; bars of `dashed` labels are predictions.
    """
    ax = axes_for(ax, alt, values, size=(6, 0.9 + 0.36 * max(2, len(values))))
    colours = colours_for(values) if any(map(concept_of, values)) else {}
    for place, (label, value) in enumerate(values.items()):
        colour = colours.get(label, BLUE)
        predicted = label in dashed or concept_of(label) == "prediction"
        face = {"facecolor": CARD, "linestyle": DASHES} if predicted else {"facecolor": colour}
        ax.barh(place, value, height=0.68, edgecolor=colour, linewidth=1.4, **face)
        written = f"{value:{format}}" if format else plain_number(value)
        side, align = ((4, 0), "left") if value >= 0 else ((-4, 0), "right")
        text = {"textcoords": "offset points", "xytext": side, "ha": align, "va": "center"}
        ax.annotate(written, (value, place), fontsize=9, annotation_clip=False, **text)
    ax.set_yticks(range(len(values)), list(values), fontsize=10)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.margins(x=0.1)  # room for the numbers
    ax.grid(visible=False, axis="y")
    write_around(ax, title, x, y, axes)
    return ax


def histogram(
    samples: Mapping[str, Any],
    *,
    title: str,
    x: str,
    y: str = "count",
    alt: str | None = None,
    bins: int | Sequence[Real] | np.ndarray = 40,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """How often values occur, one outline per entry {label: values}, all over the same bins."""
    ax = axes_for(ax, alt, samples)
    colours = colours_for(samples, used_colours(ax))
    values = {label: numbers(sample).ravel() for label, sample in samples.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins)
    for (label, sample), style in zip(values.items(), cycle(LINE_STYLES)):
        counts, _ = np.histogram(sample, edges)
        ax.stairs(counts, edges, fill=True, color=colours[label], alpha=0.15)
        ax.stairs(counts, edges, color=colours[label], linewidth=1.8, linestyle=style, label=label)
    if len(values) > 1:
        ax.legend(labelcolor=[ink(colour) for colour in colours.values()])
    write_around(ax, title, x, y, axes)
    return ax
