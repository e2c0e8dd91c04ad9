"""Who did what when: a lane for everybody, a bar for everything that took time, on one clock.

time_lanes({"": [Bar("rank 0", "forward", "0", 0.0, 0.1), ...]}, title="...", alt="...")

What no bar covers is shaded: there a lane waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from lib.notebook.colours import CARD, GREY, colours_for, ink
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE, RULE, box, drawing, heading, rule, words
from lib.notebook.units import duration, rounded

WIDTH, RIGHT, LANE, BAR = 760, 14, 30, 24  # pixels
TINTS = (0.55, 0.3, 0.15, 0.05)  # how much of its colour a bar has: text on it stays readable

Number = int | float


@dataclass(frozen=True)
class Bar:
    """Something that took time. `kind` gives the colour, `label` is written where it fits."""

    lane: str
    kind: str
    label: str
    begin: Number
    end: Number
    shade: int = 0  # a larger one is paler, for parts of one kind

    @property
    def takes(self) -> Number:
        return self.end - self.begin


def time_lanes(
    panels: Mapping[str, Sequence[Bar]],
    *,
    title: str,
    alt: str,
    unit: str = "s",
    rest: str = "waits",
) -> Rendered:
    """Panels {heading: bars} below one another, all on the same scale, each beginning at zero.

    `unit` "s" says that times are seconds, written as ms or µs where that reads better; any other
    word stands behind the numbers as it is. `rest` is what a lane does where it has no bar.
    """
    panels = {name: bars for name, bars in panels.items() if bars}
    if not panels:
        raise ValueError("There is nothing to draw: no bar has a beginning and an end.")
    kinds = list(dict.fromkeys(bar.kind for bars in panels.values() for bar in bars))
    colours = colours_for(kinds)
    left = 24 + 7 * max(len(bar.lane) for bars in panels.values() for bar in bars)
    longest = max(map(span, panels.values()))
    scale = (WIDTH - left - RIGHT) / longest if longest else 1.0
    parts, y = [heading(title, WIDTH), *_keys({**colours, rest: ""}, 38)], 62
    for name, bars in panels.items():
        if name:
            parts.append(words(14, y + 12, name, 12.5, font_weight="bold"))
            y += 20
        drawn, y = _panel(bars, left, y, scale, longest, colours)
        parts += drawn
    parts += _clock(left, y, scale, longest, unit)
    return Rendered(drawing(WIDTH, y + 34, parts, alt=alt), f"[Drawing: {alt}]")


def span(bars: Sequence[Bar]) -> float:
    """From the first beginning to the last end."""
    return float(max(bar.end for bar in bars) - min(bar.begin for bar in bars))


def lanes_of(bars: Sequence[Bar]) -> list[str]:
    """In the order in which they first appear."""
    return list(dict.fromkeys(bar.lane for bar in bars))


def tinted(colour: str, share: float) -> str:
    """The colour mixed with the ground, so that dark text on it can be read."""
    mixed = (
        round(share * int(colour[i : i + 2], 16) + (1 - share) * int(CARD[i : i + 2], 16))
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _panel(
    bars: Sequence[Bar],
    left: Number,
    y: Number,
    scale: float,
    longest: float,
    colours: Mapping[str, str],
) -> tuple[list[str], Number]:
    """Lanes, and where the next panel may begin."""
    zero, parts = min(bar.begin for bar in bars), []
    rows = {lane: y + LANE * row for row, lane in enumerate(lanes_of(bars))}
    for lane, top in rows.items():
        parts.append(words(left - 10, top + 16, lane, 11.5, anchor="end"))
        parts.append(box(left, top, max(scale * span(bars), 1.0), BAR, PALE))
    # Bars are many: what they have in common is written once, and without double quotes, each of
    # which takes two characters in a stored notebook.
    looks: dict[tuple[str, int], list[str]] = {}
    labels = [f'<g fill="{INK}" font-size="11" text-anchor="middle">']
    for bar in bars:
        x, wide, top = left + scale * (bar.begin - zero), scale * bar.takes, rows[bar.lane]
        shape = f"<rect x='{x:.5g}' y='{top}' width='{max(wide, 1):.5g}' height='{BAR}'/>"
        looks.setdefault((bar.kind, min(bar.shade, len(TINTS) - 1)), []).append(shape)
        if wide >= 7 * len(bar.label) + 3:
            middle = f"x='{x + wide / 2:.5g}' y='{top + 16}'"
            labels.append(f"<text {middle}>{escape(bar.label)}</text>")
    for (kind, shade), shapes in looks.items():
        fill = tinted(colours[kind], TINTS[shade])
        parts += [f'<g fill="{fill}" stroke="{colours[kind]}">', *shapes, "</g>"]
    parts += [*labels, "</g>"]
    return parts, y + LANE * len(rows) + 8


def _keys(colours: Mapping[str, str], y: Number) -> list[str]:
    """What the colours mean, in a row below the title; the one without a colour is the shade."""
    parts, x = [], 14.0
    for kind, colour in colours.items():
        look = (tinted(colour, TINTS[0]), colour) if colour else (PALE, RULE)
        parts += [box(x, y, 12, 12, *look), words(x + 17, y + 10.5, kind, 11.5)]
        x += 36 + 6.6 * len(kind)
    return parts


def _clock(left: Number, y: Number, scale: float, longest: float, unit: str) -> list[str]:
    """Marks along the bottom, at round numbers."""
    parts = [rule(left, y, WIDTH - RIGHT, y, RULE)]
    for mark in round_marks(longest):
        x = float(left + scale * mark)
        said = duration(mark) if unit == "s" else f"{rounded(mark)} {unit}".strip()
        said = "0" if mark == 0 else said
        where = {"anchor": "middle" if mark else "start"}
        parts.append(rule(x, y, x, y + 5, INK))
        if x < WIDTH - 24:
            parts.append(words(x, y + 18, said, 11, ink(GREY), **where))
    return parts


def round_marks(longest: Number, most: int = 8) -> list[float]:
    """0, 1, 2 ... or 0, 20, 40 ... up to `longest`: at most so many steps of 1, 2 or 5 times a
    power of ten."""
    if longest <= 0:
        return [0.0]
    power = 10.0**-12
    while True:
        for step in (power, 2 * power, 5 * power):
            if longest / step <= most:
                return [step * i for i in range(int(longest / step + 1e-9) + 1)]
        power *= 10
