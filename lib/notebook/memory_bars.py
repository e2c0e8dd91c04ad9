"""What each rank holds, part by part, as bars: formula and measurement, beside what would fit.

    memory_bars({"formula": {"parameters": 14e9}, "rank 0": {...}}, title="...", dashed=["formula"])

Names of `dashed` rows are predictions, drawn pale with a dashed edge.
"""

from collections.abc import Collection, Mapping

from lib.notebook.colours import CARD, RED, colours_for, ink
from lib.notebook.rendered import Rendered
from lib.notebook.svg import box, drawing, halo, heading, rule, words
from lib.notebook.units import memory

WIDTH, ROW, BAR, RIGHT = 760, 30, 20, 96  # pixels; at the right stands the sum

Number = int | float
Parts = Mapping[str, Number]


def memory_bars(
    rows: Mapping[str, Parts],
    *,
    title: str,
    alt: str | None = None,
    limit: Number | None = None,
    limit_name: str = "memory",
    dashed: Collection[str] = (),
    longest: Number | None = None,
) -> Rendered:
    """One bar per row, its parts one after the other, the sum at its end.

    `limit` in bytes draws the line that a bar may not cross; `longest` is the scale's end, for
    series of drawings on one scale. Without `alt` the drawing describes itself in numbers.
    """
    sums = {name: sum(parts.values()) for name, parts in rows.items()}
    if not sums or max(sums.values()) <= 0:
        raise ValueError("There is nothing to draw: no row holds any bytes.")
    kinds = dict.fromkeys(k for parts in rows.values() for k, n in parts.items() if n)
    colours = colours_for(kinds)
    left = 26 + 7.2 * max(map(len, rows))
    scale = (WIDTH - left - RIGHT) / (longest or max(*sums.values(), limit or 0))
    top = 74 if limit is None else 92
    drawn = [heading(title, WIDTH), *_keys(colours)]
    bottom = top + ROW * len(rows)
    if limit is not None:
        drawn += _limit(left + scale * limit, top, bottom, f"{limit_name}: {memory(limit)}")
    for i, (name, parts) in enumerate(rows.items()):
        y = top + ROW * i
        drawn.append(words(left - 8, y + 15, name, 12, anchor="end"))
        drawn += _bar(parts, left, y, scale, colours, name in dashed)
        end = left + scale * sums[name]
        drawn.append(words(end + 6, y + 15, memory(sums[name]), 12, **halo()))
    alt = alt or _in_words(title, rows, limit)
    return Rendered(drawing(WIDTH, bottom + 8, drawn, alt=alt), f"[Drawing: {alt}]")


def _bar(
    parts: Parts, x: Number, y: Number, scale: Number, colours: Mapping[str, str], is_dashed: bool
) -> list[str]:
    drawn = []
    for kind, n_bytes in parts.items():
        width = scale * n_bytes
        if width <= 0:
            continue
        look: dict[str, object] = {"fill": colours[kind], "edge": CARD}
        if is_dashed:
            look |= {"fill_opacity": 0.25, "edge": colours[kind], "stroke_dasharray": "4 3"}
        drawn.append(box(x, y, width, BAR, **look))
        x += width
    return drawn


def _keys(colours: Mapping[str, str]) -> list[str]:
    """The colours' names in a row, a new one where the card ends."""
    drawn, x, y = [], 14.0, 42.0
    for kind, colour in colours.items():
        width = 34 + 7.0 * len(kind)
        if x + width > WIDTH:
            x, y = 14.0, y + 18
        drawn += [box(x, y, 12, 12, fill=colour), words(x + 17, y + 10, kind, 12, ink(colour))]
        x += width
    return drawn


def _limit(x: Number, top: Number, bottom: Number, name: str) -> list[str]:
    far = x > WIDTH / 2
    place = {"anchor": "end"} if far else {}
    return [
        rule(x, top - 8, x, bottom, RED, stroke_width=2, stroke_dasharray="6 3"),
        words(x - 5 if far else x + 5, top - 10, name, 11.5, ink(RED), **place),
    ]


def _in_words(title: str, rows: Mapping[str, Parts], limit: Number | None) -> str:
    said = [
        f"{name}: {memory(sum(parts.values()))} ("
        + ", ".join(f"{kind} {memory(n)}" for kind, n in parts.items() if n)
        + ")"
        for name, parts in rows.items()
    ]
    fits = "" if limit is None else f" The line is at {memory(limit)}."
    return f"{title}. Bars, {'; '.join(said)}.{fits}"
