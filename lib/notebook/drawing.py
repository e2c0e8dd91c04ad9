"""What all plots share: axes with an alt text, numbers of any library, words around the data."""

import textwrap
from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from lib.notebook.colours import ink
from lib.notebook.figures import describe, new_axes

MARKERS = "osD^vPX*"
DASHES, DOTS = (0, (4, 2)), (0, (1, 1))
LINE_STYLES = ("-", DASHES, DOTS, (0, (5, 1, 1, 1)))


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
    """Title, names of the axes, and whatever else ax.set() takes; log axes in plain numbers."""
    ax.set_title(_wrapped(title, ax))
    ax.set(xlabel=x, ylabel=y, **axes)
    for axis in (ax.xaxis, ax.yaxis):
        if axis.get_scale() == "log":
            _plain_log_ticks(axis)


def _wrapped(title: str, ax: Axes) -> str:
    """The title in as many lines as the axes are wide for, before anything is laid out.

    A bold character takes 0.094 inches, one of a label on the y axis 0.085.
    """
    columns = ax.get_gridspec().ncols if ax.get_subplotspec() else 1
    longest = max((len(label.get_text()) for label in ax.get_yticklabels()), default=0)
    inches = ax.get_figure(root=True).get_figwidth() / columns - max(0.8, 0.3 + 0.085 * longest)
    return textwrap.fill(title, max(20, int(inches / 0.094)))


def _plain_log_ticks(axis: Axis) -> None:
    """1, 10, 100 over many decades; 1, 2, 5, 10 over few; the data's own values where they fit."""
    low, high = axis.get_data_interval()
    own = _own_values(axis)
    if 0 < len(own) <= 9:
        axis.set_major_locator(FixedLocator(own))
        axis.set_minor_locator(NullLocator())
    else:
        steps = (1.0,) if high > 1000 * low else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    axis.set_minor_formatter(NullFormatter())


def _own_values(axis: Axis) -> list[float]:
    """The places measured, if they lie evenly on the log axis as 256, 512, 1024 do; else none."""
    if axis.axis_name != "x":
        return []
    places = {float(x) for line in axis.axes.lines for x in line.get_xdata() if x > 0}
    steps = np.diff(np.log(sorted(places)))
    return sorted(places) if len(steps) > 1 and steps.min() > 0.9 * steps.max() else []


def plain_number(value: Real) -> str:
    """12,000 rather than 1.2e+04; an exponent only where zeros would have to be counted."""
    size = abs(float(value))
    if size >= 1e6 or 0 < size < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        power = f"10^{{{int(exponent)}}}"
        return f"${power}$" if mantissa == "1" else rf"${mantissa} \times {power}$"
    text = f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def used_colours(ax: Axes) -> set[str]:
    """Colours of the lines that are there already, so that a second call takes others."""
    return {to_hex(line.get_color()) for line in ax.lines}


def numbers(values: Any) -> np.ndarray:
    """Floats from a list, an array or a tensor, wherever it lives."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()  # numpy knows neither bfloat16 nor gradients
    return np.asarray(values if hasattr(values, "__array__") else list(values), dtype=float)


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
    """Colour and shape of each kind of point, in MARKERS order; `below` the axes, in a row."""
    handles = [
        Line2D([], [], linestyle="", marker=MARKERS[i % len(MARKERS)], color=colour, label=kind)
        for i, (kind, colour) in enumerate(kinds.items())
    ]
    look = {"handles": handles, "labelcolor": [ink(c) for c in kinds.values()]}
    look |= {"handletextpad": 0.2, "columnspacing": 1.4}
    if below:
        ax.get_figure().legend(loc="outside lower left", ncols=len(kinds), **look)
    else:
        ax.legend(**look)
