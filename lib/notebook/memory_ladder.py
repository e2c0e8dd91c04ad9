"""The levels of a memory hierarchy: how large, how far away, how fast, all on log axes.

memory_ladder([MemoryLevel("registers", size=27_648 * 2**10, latency=..., bandwidth=...), ...])

Only what is given is drawn: a level whose latency is unknown has a gap there, not a guess.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from lib.notebook.colours import BLUE, GREY, ORANGE, ink
from lib.notebook.drawing import axes_for, plain_number
from lib.notebook.figures import figure_of, new_axes
from lib.notebook.units import memory


@dataclass(frozen=True)
class MemoryLevel:
    """One level; None for what nobody has measured or told."""

    name: str
    size: int | None = None  # bytes, on the whole device
    latency: float | None = None  # seconds until a number that was asked for is there
    bandwidth: float | None = None  # bytes/s, all readers together


def memory_ladder(levels: Sequence[MemoryLevel], *, title: str, alt: str) -> Axes:
    """Two panels over the same levels, the nearest on top: latency, and bandwidth."""
    known = [level for level in levels if level.latency or level.bandwidth]
    if not known:
        axes_for(None, alt, known)  # says that there is nothing to draw
    panels = new_axes(alt, (7.6, 1.5 + 0.46 * len(levels)), cols=2)
    figure_of(panels[0]).suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    latencies = [level.latency and 1e9 * level.latency for level in levels]
    bandwidths = [level.bandwidth and level.bandwidth / 1e12 for level in levels]
    _panel(panels[0], latencies, "latency, ns", BLUE)
    _panel(panels[1], bandwidths, "bandwidth, TB/s", ORANGE)
    panels[0].set_yticks(range(len(levels)), [_named(level) for level in levels], fontsize=9.5)
    panels[1].set_yticks(range(len(levels)), [])
    return panels[0]


def _named(level: MemoryLevel) -> str:
    return level.name if level.size is None else f"{level.name}\n{memory(level.size)}"


def _panel(ax: Axes, values: Sequence[float | None], what: str, colour: str) -> None:
    """A dot per level, with its value; lines lead the eye down, but over no unknown level."""
    known = [value for value in values if value]
    ax.set_xscale("log")
    if known:
        places = [value or math.nan for value in values]
        ax.plot(places, range(len(values)), "o-", color=colour, linewidth=1.2, markersize=7)
        smallest, largest = min(known), max(known)
        ax.set_xlim(smallest / 2.5, largest * 9)  # room for the last number
    for row, value in enumerate(values):
        place = (value, row) if value else (0.5, row)
        said = plain_number(value) if value else "unknown"
        how = {} if value else {"xycoords": ("axes fraction", "data"), "ha": "center"}
        look = {"color": ink(colour if value else GREY), "fontsize": 9.5, "va": "center"}
        ax.annotate(
            said, place, xytext=(9 if value else 0, 0), textcoords="offset points", **look, **how
        )
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(what)
