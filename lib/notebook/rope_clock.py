"""RoPE as clocks: every pair of coordinates is a hand that turns with the position, at its speed.

    rope_clock(head_width=16)                   sliders for two positions and a common shift
    rope_dials(query_at=25, key_at=17)          the same as a picture

The dot product of a turned query and a turned key is a sum over pairs of |q| |k| cos(angle between
their hands), and the angles depend on the two positions only through their difference (Su et al.,
arXiv 2104.09864). Letters: H width of one head.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Arc, Circle

from lib.notebook.colours import BLUE, CARD, GREY, ORANGE, PURPLE, ink
from lib.notebook.figures import figure_of, new_axes, picture
from lib.notebook.page import fill, script_data
from lib.notebook.rendered import Rendered


@dataclass(frozen=True)
class Clock:
    """A query and a key as hands: one length and one angle for each pair of coordinates."""

    speeds: tuple[float, ...]  # radians per position
    query: tuple[tuple[float, float], ...]  # (length, angle) of every pair
    key: tuple[tuple[float, float], ...]

    def product(self, distance: int | float) -> float:
        """Of the query, and the key so many positions before it."""
        pairs = zip(self.speeds, self.query, self.key)
        return sum(q * k * math.cos(at - to + distance * s) for s, (q, at), (k, to) in pairs)


def clock(
    head_width: int = 16,
    theta: int | float = 10_000,
    query: Sequence[float] | None = None,
    key: Sequence[float] | None = None,
) -> Clock:
    """Hands for vectors of H numbers, coordinates 2i and 2i + 1 a pair; default: 1, 0, 1, 0, ..."""
    usual = [1.0, 0.0] * (head_width // 2)
    hands = [_hands(head_width, usual if each is None else each) for each in (query, key)]
    speeds = tuple(float(theta) ** (-2 * i / head_width) for i in range(head_width // 2))
    return Clock(speeds, *hands)


def _hands(head_width: int, vector: Sequence[float]) -> tuple[tuple[float, float], ...]:
    if head_width % 2 or len(vector) != head_width:
        raise ValueError(
            f"A head of width {head_width} with a vector of {len(vector)} numbers: RoPE turns "
            "pairs of coordinates, so both must be the same even number."
        )
    pairs = [(float(x), float(y)) for x, y in zip(vector[::2], vector[1::2])]
    return tuple((math.hypot(x, y), math.atan2(y, x)) for x, y in pairs)


ALT = (
    "{n} dials, one per pair of coordinates, each with the hands of a query and a key; below, "
    "their dot product as a curve over the distance between the two positions."
)


def rope_clock(
    head_width: int = 16,
    theta: int | float = 10_000,
    *,
    query: Sequence[float] | None = None,
    key: Sequence[float] | None = None,
    query_at: int = 25,
    key_at: int = 17,
    span: int = 64,
) -> Rendered:
    """Dials and the curve of the product, with sliders for both positions and for a common shift.

    Plain HTML: it moves without a kernel. Where scripts do not run, the picture stays.
    """
    hands = clock(head_width, theta, query, key)
    alt = ALT.format(n=len(hands.speeds))
    still = picture(_drawn(hands, query_at, key_at, span, alt), alt)
    curve = [hands.product(distance) for distance in _distances(span)]
    data = {
        "speeds": hands.speeds,
        "query": hands.query,
        "key": hands.key,
        "curve": [round(value, 4) for value in curve],
        "at": [query_at, key_at],
        "span": span,
        "colours": {"query": BLUE, "key": ORANGE, "angle": PURPLE, "card": CARD, "rule": GREY},
        "inks": {"query": ink(BLUE), "key": ink(ORANGE), "angle": ink(PURPLE)},
    }
    html = fill("rope_clock.html", ALT=escape(alt), PICTURE=still, DATA=script_data(data))
    return Rendered(html, f"[{alt}]")


def rope_dials(
    query_at: int = 25,
    key_at: int = 17,
    *,
    head_width: int = 16,
    theta: int | float = 10_000,
    query: Sequence[float] | None = None,
    key: Sequence[float] | None = None,
    span: int = 64,
    alt: str | None = None,
) -> Axes:
    """The dials at two positions, and where their product lies on the curve over distances."""
    hands = clock(head_width, theta, query, key)
    return _drawn(hands, query_at, key_at, span, alt or ALT.format(n=len(hands.speeds)))


def _distances(span: int) -> np.ndarray:
    """Four points for each position, so that the fastest wave looks round."""
    return np.linspace(-span, span, 8 * span + 1)


def _drawn(hands: Clock, query_at: int, key_at: int, span: int, alt: str) -> Axes:
    n = len(hands.speeds)
    columns = min(n, 8)
    rows = math.ceil(n / columns)
    main = new_axes(alt, (7.6, 2.9 + 1.25 * rows))
    figure = figure_of(main)
    main.remove()
    above, below = figure.subfigures(2, 1, height_ratios=[1.25 * rows, 2.9])
    dials = np.atleast_1d(above.subplots(rows, columns)).ravel()
    for pair, dial in enumerate(dials[:n]):
        _dial(dial, hands, pair, query_at, key_at)
    for dial in dials[n:]:
        dial.set_axis_off()
    ax = below.subplots()
    distances = _distances(span)
    ax.plot(distances, [hands.product(d) for d in distances], color=PURPLE)
    here = query_at - key_at
    ax.plot([here], [hands.product(here)], "o", color=PURPLE, markersize=9)
    ax.set(xlabel="distance: query's position minus key's", ylabel="query · key")
    ax.set_title(
        f"Query at {query_at} (solid), key at {key_at} (dashed): product {hands.product(here):.2f}"
    )
    return ax


def _dial(ax: Axes, hands: Clock, pair: int, query_at: int, key_at: int) -> None:
    """One pair of coordinates: the query's hand, the key's, and the angle between them."""
    speed = hands.speeds[pair]
    ax.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor=GREY, linewidth=0.8))
    angles = []
    for (length, start), at, colour in (
        (hands.key[pair], key_at, ORANGE),
        (hands.query[pair], query_at, BLUE),
    ):
        longest = max(max(q for q, _ in hands.query), max(k for k, _ in hands.key))
        angles.append(start + at * speed)
        x, y = (0.95 * length / longest * f(angles[-1]) for f in (math.cos, math.sin))
        style = "-" if colour == BLUE else (0, (3, 1.5))
        ax.plot([0, x], [0, y], color=colour, linewidth=2.2, linestyle=style)
    between = math.remainder(angles[1] - angles[0], 2 * math.pi)
    first, last = sorted((angles[0], angles[0] + between))
    look = {"color": PURPLE, "linewidth": 1.6}
    ends = {"theta1": math.degrees(first), "theta2": math.degrees(last)}
    ax.add_patch(Arc((0, 0), 0.9, 0.9, **ends, **look))
    ax.set_title(f"{speed:.2g} rad", fontsize=8.5, fontweight="normal", loc="center", pad=2)
    ax.text(0, -1.35, f"{math.degrees(between):.0f}°", color=ink(PURPLE), fontsize=9, ha="center")
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.5, 1.1), aspect="equal")
    ax.set_axis_off()
