"""Events in time: a name beside every mark, in as many lanes as it takes for none to overlap."""

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from lib.notebook.colours import GREY, colours_for, ink
from lib.notebook.drawing import MARKERS, axes_for, legend, write_around
from lib.notebook.labels import HALO

LANE = 0.23  # inches


def timeline(
    events: Iterable[tuple[Real, str, str]],
    *,
    title: str,
    x: str = "year",
    alt: str | None = None,
    stretch_from: int | None = None,
    width: Real = 9,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """Draw (year, name, group) events, oldest on top; the group gives colour and shape.

    With `stretch_from`, the years before it share a quarter of the width, so that a long prehistory
    does not squeeze the present; a dotted line marks where the scale changes.
    """
    events = sorted(events, key=lambda event: float(event[0]))
    own_figure = ax is None
    ax = axes_for(ax, alt, events, size=(float(width), 3))
    groups = list(dict.fromkeys(group for _, _, group in events))
    colours = colours_for(groups)
    first, last = float(events[0][0]), float(events[-1][0])
    margin = 0.02 * (last - (stretch_from or first))
    if stretch_from is not None and first < stretch_from < last:
        _stretch(ax, first, stretch_from, last)
    ax.set_xlim(first - margin, last + margin)
    write_around(ax, title, x, "", axes)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    legend(ax, {group: colours[group] for group in groups}, below=True)
    marks = [_mark(ax, float(year), name, groups.index(g), colours[g]) for year, name, g in events]
    n_lanes = _into_lanes(ax, marks)
    if own_figure:
        ax.get_figure(root=True).set_figheight(1.25 + LANE * n_lanes)
    return ax


def lanes(spans: Sequence[tuple[Real, Real]]) -> list[int]:
    """A lane for every span (left, right), as few as possible, so that no two in a lane touch."""
    ends: list[Real] = []
    chosen = [0] * len(spans)
    for i in sorted(range(len(spans)), key=lambda i: spans[i][0]):
        left, right = spans[i]
        free = [lane for lane, end in enumerate(ends) if end < left]
        chosen[i] = free[0] if free else len(ends)
        ends[chosen[i] : chosen[i] + 1] = [right]  # in a free lane, or as a new one
    return chosen


Mark = tuple[Line2D, Annotation]


def _mark(ax: Axes, year: float, name: str, group: int, colour: str) -> Mark:
    (dot,) = ax.plot(
        [year], [0], MARKERS[group % len(MARKERS)], color=colour, markersize=5.5, clip_on=False
    )
    text = ax.annotate(
        name,
        (year, 0),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=ink(colour),
        path_effects=[HALO],
    )
    text.set_in_layout(False)
    return dot, text


def _into_lanes(ax: Axes, marks: list[Mark]) -> int:
    """Move every mark to its lane; returns the number of lanes."""
    ax.get_figure(root=True).draw_without_rendering()  # the widths of the names are known now
    frame = ax.get_window_extent()
    for _, text in marks:
        if text.get_window_extent().x1 > frame.x1:
            text.set(position=(-6, 0), ha="right")
    spans = []
    for dot, text in marks:
        box, here = text.get_window_extent(), ax.transData.transform(dot.get_xydata()[0])[0]
        spans.append((min(box.x0, here - 5), max(box.x1, here + 5) + 10))
    chosen = lanes(spans)
    for (dot, text), lane in zip(marks, chosen):
        dot.set_ydata([-lane])
        text.xy = (text.xy[0], -lane)
    n_lanes = 1 + max(chosen)
    ax.set_ylim(0.6 - n_lanes, 0.6)
    return n_lanes


def _stretch(ax: Axes, first: float, change: int, last: float) -> None:
    """A scale of two straight pieces: a quarter of the width for the years before `change`."""
    years, places = np.array([first, change, last]), np.array([0, 0.25, 1])

    def piecewise(values: Any, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        slopes = np.diff(after) / np.diff(before)
        slope = np.where(values < before[1], slopes[0], slopes[1])  # straight on beyond the ends
        return after[1] + slope * (values - before[1])

    ax.set_xscale(
        "function",
        functions=(lambda t: piecewise(t, years, places), lambda u: piecewise(u, places, years)),
    )
    early = np.arange(20 * np.ceil(first / 20), change - 4, 20)
    late = np.arange(change, last + 1, max(1, round((last - change) / 8)))
    ax.set_xticks([*early, *late], [f"{year:.0f}" for year in (*early, *late)])
    ax.axvline(change, color=GREY, linewidth=1, linestyle=(0, (1, 2)))
