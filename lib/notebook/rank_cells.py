"""Cells of a tensor that say where their values come from: a stripe for every rank in the sum.

With arrows for messages: what collective_view, ring_view and tree_view draw with.
"""

import math
from collections.abc import Collection
from html import escape

from lib.notebook.colours import CYCLE
from lib.notebook.svg import INK, RULE, rule
from lib.notebook.time_lanes import tinted

Number = int | float

TINT = 0.5


def rank_colour(rank: int) -> str:
    """The same rank has the same colour in every drawing of a lecture."""
    return CYCLE[rank % len(CYCLE)]


def cell(
    x: Number,
    y: Number,
    w: Number,
    h: Number,
    text: str,
    ranks: Collection[int],
    strong: bool = False,
) -> list[str]:
    """A box with a number in it; empty and dashed without ranks. A `strong` one has just come.

    Put cells into `lettered`. They are many, and stored in JSON, where a double quote takes two or
    four characters: so they are written with single ones.
    """
    if not ranks:
        return [_rect(x, y, w, h, "none", f"stroke='{RULE}' stroke-dasharray='3 3'")]
    edge = f"stroke='{INK}' stroke-width='2'" if strong else f"stroke='{RULE}'"
    wide, fills = w / len(ranks), [tinted(rank_colour(rank), TINT) for rank in sorted(ranks)]
    if len(ranks) == 1:
        parts = [_rect(x, y, w, h, fills[0], edge)]
    else:
        parts = [_rect(x + wide * i, y, wide, h, fill) for i, fill in enumerate(fills)]
        parts.append(_rect(x, y, w, h, "none", edge))
    return [*parts, f"<text x='{x + w / 2:.5g}' y='{y + h / 2 + 4.5:.5g}'>{escape(text)}</text>"]


def lettered(cells: list[str]) -> list[str]:
    """Cells with the look of their text, which is the same for all."""
    return [f"<g font-size='12' text-anchor='middle' fill='{INK}'>", *cells, "</g>"]


def _rect(x: Number, y: Number, w: Number, h: Number, fill: str, edge: str = "") -> str:
    return f"<rect x='{x:.5g}' y='{y:.5g}' width='{w:.5g}' height='{h:.5g}' fill='{fill}' {edge}/>"


def numbers_in(values: Collection[Number]) -> str:
    """6, 10 rather than 6.0, 10.0."""
    return ", ".join(f"{value:g}" for value in values)


Point = tuple[float, float]


def arrow(start: Point, end: Point, colour: str, wide: Number = 2) -> list[str]:
    """A message on its way."""
    (x0, y0), (x1, y1) = start, end
    angle = math.atan2(y1 - y0, x1 - x0)
    tips = [
        (x1 + 9 * math.cos(angle + turn), y1 + 9 * math.sin(angle + turn)) for turn in (2.7, -2.7)
    ]
    lines = [rule(x0, y0, x1, y1, colour, stroke_width=wide)]
    return lines + [rule(x1, y1, x, y, colour, stroke_width=wide) for x, y in tips]
