"""Small drawings as SVG, one element per line, on the same light card as the figures.

    drawing(200, 100, [box(10, 10, 30, 20, fill=BLUE), words(50, 25, "a tile")], alt="...")

Lengths are CSS pixels from the upper left corner. One element per line, so that a series of
drawings shares its lines, see frames.py.
"""

from collections.abc import Iterable
from html import escape

from lib.notebook.colours import CARD

INK, PALE, RULE = "#2b3036", "#e9eae5", "#c9cbc4"
FONT = "'DejaVu Sans',Verdana,sans-serif"

Number = int | float


def drawing(width: Number, height: Number, parts: Iterable[str], *, alt: str) -> str:
    """The whole drawing; it shrinks with the page. `alt` says what there is to see."""
    head = (
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'font-family="{FONT}" style="display:block;width:100%;max-width:{_n(width)}px;'
        f'background:{CARD};border-radius:6px">'
    )
    return "\n".join([head, *parts, "</svg>"])


def box(
    x: Number, y: Number, w: Number, h: Number, fill: str = "none", edge: str = "", **more: object
) -> str:
    """A rectangle; `more` are attributes of SVG, `stroke_width=2` for stroke-width."""
    if edge:
        more = {"stroke": edge, **more}
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}"'
    return f'<rect {place} fill="{fill}"{_attributes(more)}/>'


def rule(x: Number, y: Number, to_x: Number, to_y: Number, colour: str, **more: object) -> str:
    """A straight line."""
    ends = f'x1="{_n(x)}" y1="{_n(y)}" x2="{_n(to_x)}" y2="{_n(to_y)}"'
    return f'<line {ends} stroke="{colour}"{_attributes(more)}/>'


def words(
    x: Number, y: Number, text: str, size: Number = 12, colour: str = INK, **more: object
) -> str:
    """Text from (x, y), the left end of its base line; `anchor="middle"` or "end" centres it."""
    if "anchor" in more:
        more["text_anchor"] = more.pop("anchor")
    place = f'x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}"'
    return f"<text {place}{_attributes(more)}>{escape(text, quote=False)}</text>"


def halo() -> dict[str, object]:
    """Attributes of words that stay readable where they lie on a line."""
    return {"paint_order": "stroke", "stroke": CARD, "stroke_width": 4, "stroke_linejoin": "round"}


def heading(text: str, width: Number) -> str:
    """What the drawing shows, as a sentence above it; a long one is written smaller."""
    return words(14, 25, text, min(14.0, (width - 28) / (0.68 * len(text))), font_weight="bold")


def _attributes(more: dict[str, object]) -> str:
    return "".join(f' {k.replace("_", "-")}="{escape(_said(v))}"' for k, v in more.items())


def _said(value: object) -> str:
    return _n(value) if isinstance(value, float) else str(value)


def _n(value: Number) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
