"""The best layout for every pair of sizes, as a map: how fast, or by how much it does not fit.

    planner_map(plan(...), title=..., alt=...)                    tensor by pipeline ranks
    planner_map(found, rows="tp", columns="dp", mark=layout)      and where a known layout is

`found` is a Plan of lib/parallel/planner.py.
"""

from typing import Any

from lib.notebook.colours import CARD, RED
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE, RULE, box, drawing, heading, words

CELL, HIGH = 96, 46  # pixels
LIGHT, DARK = (232, 240, 250), (17, 84, 150)  # the slowest of those that fit, and the fastest

NAMES = {
    "tp": "tensor ranks",
    "pp": "pipeline ranks",
    "dp": "data ranks",
    "cp": "context ranks",
    "ep": "expert ranks",
    "zero": "ZeRO stage",
    "microbatch": "sequences in a microbatch",
}


def planner_map(
    found: Any,
    *,
    title: str,
    rows: str = "tp",
    columns: str = "pp",
    mark: Any = None,
    alt: str | None = None,
) -> Rendered:
    """Cells say the MFU of the fastest layout and one of its sizes, or the bytes that it takes.

    Grey cells do not fit; where there is nothing, no layout divides evenly. `mark` is a layout
    whose cell gets a frame.
    """
    everything = [*found.fitting, *found.rejected]
    if not everything:
        raise ValueError("The plan has no layouts: nothing divides these GPUs and this batch.")
    tall, wide = (sorted({getattr(e.layout, name) for e in everything}) for name in (rows, columns))
    best = {(r, c): _cell(found, **{rows: r, columns: c}) for r in tall for c in wide}
    speeds = [e.mfu for e in best.values() if e and e.mfu]
    left, top = 86, 82
    drawn = [heading(title, width := max(480, left + CELL * len(wide) + 14))]
    drawn.append(words(left, 52, f"{NAMES.get(columns, columns)} →", 12))
    drawn.append(words(14, top - 12, f"{NAMES.get(rows, rows)} ↓", 12))
    for i, c in enumerate(wide):
        drawn.append(words(left + CELL * (i + 0.5), top - 10, str(c), 13, anchor="middle"))
    for j, r in enumerate(tall):
        drawn.append(words(left - 10, top + HIGH * (j + 0.6), str(r), 13, anchor="end"))
        for i, c in enumerate(wide):
            marked = mark is not None and (getattr(mark, rows), getattr(mark, columns)) == (r, c)
            drawn += _drawn(best[r, c], left + CELL * i, top + HIGH * j, speeds, marked)
    bottom = top + HIGH * len(tall)
    drawn.append(words(14, bottom + 20, _legend(found, mark), 11.5))
    alt = alt or _in_words(title, best, rows, columns)
    return Rendered(drawing(width, bottom + 32, drawn, alt=alt), f"[Drawing: {alt}]")


def _cell(found: Any, **choices: int) -> Any:
    """The fastest that fits, else the smallest that does not."""
    fitting, rejected = found.having(**choices)
    return next(iter([*fitting, *rejected]), None)


def _drawn(
    estimate: Any, x: float | int, y: float | int, speeds: list[float], marked: bool
) -> list[str]:
    if estimate is None:
        return [box(x + 1, y + 1, CELL - 2, HIGH - 2, fill=CARD, edge=RULE)]
    middle, fits = x + CELL / 2, bool(estimate.mfu)
    fill = _colour(estimate.mfu, speeds) if fits else PALE
    ink_on = "#ffffff" if fits and _share(estimate.mfu, speeds) > 0.55 else INK
    first = f"{estimate.mfu:.1%}" if fits else f"{estimate.bytes / 1e9:,.0f} GB"
    layout = estimate.layout
    second = (
        f"dp {layout.dp}" + (f", ZeRO-{layout.zero}" if layout.zero else "") if fits else "needed"
    )
    edge = {"edge": RED, "stroke_width": 3.5} if marked else {"edge": CARD}
    return [
        box(x + 2, y + 2, CELL - 4, HIGH - 4, fill=fill, **edge),
        words(middle, y + 21, first, 13, ink_on, anchor="middle", font_weight="bold"),
        words(middle, y + 36, second, 9.5, ink_on, anchor="middle"),
    ]


def _share(mfu: float | int, speeds: list[float]) -> float:
    low, high = min(speeds), max(speeds)
    return (mfu - low) / (high - low) if high > low else 1.0


def _colour(mfu: float | int, speeds: list[float]) -> str:
    share = _share(mfu, speeds)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(LIGHT, DARK))


def _legend(found: Any, mark: Any) -> str:
    said = f"Best MFU of each cell; grey: needs more than {found.cluster.room_bytes / 1e9:,.0f} GB."
    return said + (" Framed: the published layout." if mark is not None else "")


def _in_words(title: str, best: dict[tuple[int, int], Any], rows: str, columns: str) -> str:
    fitting = {place: e for place, e in best.items() if e and e.mfu}
    if not fitting:
        return f"{title}. None of {len(best)} cells fits."
    r, c = max(fitting, key=lambda place: fitting[place].mfu)
    return (
        f"{title}. A map of {len(best)} cells, {len(fitting)} of which fit; the fastest has "
        f"{rows} {r} and {columns} {c}, with {fitting[r, c].mfu:.1%}."
    )
