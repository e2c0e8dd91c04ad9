"""A ring all-reduce step by step: ranks, the parts of their tensors, what has just been sent.

    ring_view([torch.arange(4) + rank for rank in range(4)])

A stripe in a part is a rank whose values are in its sum; with the stripes of all it is finished.
"""

import math
from collections.abc import Sequence

from torch import Tensor

from lib.notebook.colours import GREY, PURPLE, ink
from lib.notebook.frames import frames
from lib.notebook.rank_cells import Point, arrow, cell, lettered, numbers_in, rank_colour
from lib.notebook.rendered import Rendered
from lib.notebook.svg import RULE, box, drawing, heading, words
from lib.parallel.ring import RingState, ring_all_reduce_states

WIDTH, HEIGHT, CENTRE, RADII = 760, 410, (266, 218), (180, 152)
BOX = 156  # pixels of a rank's tensor

ALT = (
    "{n} ranks in a ring, each with a tensor in {n} parts. In {steps} steps each sends a part "
    "to the next one: in the first {half} the parts are added up, then they are passed on."
)


def ring_view(xs: Sequence[Tensor]) -> Rendered:
    """A slider over the steps; the last one, where all have everything, stays."""
    n = len(xs)
    alt = ALT.format(n=n, steps=2 * (n - 1), half=n - 1)
    return frames(
        ring_all_reduce_states(list(xs)),
        lambda state: drawn(state, alt),
        label=lambda s: f"Step {s.step} of {2 * (n - 1)}.",
        alt=alt,
    )


def drawn(state: RingState, alt: str) -> str:
    """One state."""
    n = len(state.parts)
    parts = [heading(_title(state, n), WIDTH)]
    places = [_place(rank, n) for rank in range(n)]
    for rank, part in enumerate(state.sent):
        parts += _link(places[rank], places[(rank + 1) % n], part, n)
    for rank, (x, y) in enumerate(places):
        parts += _rank(rank, x, y, state, n)
    return drawing(WIDTH, HEIGHT, parts + _counts(state, n), alt=alt)


def _title(state: RingState, n: int) -> str:
    if state.step == 0:
        return "Before: every rank has values of its own"
    if state.phase == "reduce-scatter":
        done = " Rank r has part r of the sum" if state.step == n - 1 else ""
        return f"Reduce-scatter: every rank adds what has come to its own.{done}"
    done = " All have all" if state.step == 2 * (n - 1) else ""
    return f"All-gather: finished parts go around.{done}"


def _place(rank: int, n: int) -> Point:
    """The middle of a rank's box: clockwise, the first at the upper left."""
    angle = 2 * math.pi * rank / n - 0.75 * math.pi
    return CENTRE[0] + RADII[0] * math.cos(angle), CENTRE[1] + RADII[1] * math.sin(angle)


def _rank(rank: int, x: float, y: float, state: RingState, n: int) -> list[str]:
    """Its name, and its parts; the one that has just arrived has a thick edge."""
    left, top, wide = x - BOX / 2, y - 14, BOX / n
    name = words(left, top - 7, f"rank {rank}", 12, ink(rank_colour(rank)), font_weight="bold")
    parts = [box(left - 8, top - 22, BOX + 12, 58, "#ffffff", RULE, rx=6), name]
    cells = []
    for part, values in enumerate(state.parts[rank]):
        said, holds = numbers_in(values.tolist()), state.holds[rank][part]
        came = part == state.sent[rank - 1]
        cells += cell(left + wide * part, top, wide - 4, 28, said, holds, strong=came)
    return parts + lettered(cells)


def _link(start: Point, end: Point, part: int | None, n: int) -> list[str]:
    """A link of the ring, and the part that has just gone along it."""
    (x0, y0), (x1, y1) = start, end
    length = math.hypot(x1 - x0, y1 - y0)
    right, down = (x1 - x0) / length, (y1 - y0) / length
    # as far as from the middle of a box to its edge
    clear = 10 + min((BOX / 2 + 4) / max(abs(right), 1e-9), 32 / max(abs(down), 1e-9))
    start = (x0 + clear * right, y0 + clear * down)
    end = (x1 - clear * right, y1 - clear * down)
    if part is None:
        return arrow(start, end, RULE, 1.5)
    x, y = (start[0] + end[0]) / 2 + 30 * down, (start[1] + end[1]) / 2 - 16 * right
    said = words(x, y + 4, f"part {part}", 12, ink(PURPLE), anchor="middle")
    return [*arrow(start, end, PURPLE, 2.5), said]


def _counts(state: RingState, n: int) -> list[str]:
    """What every rank has sent so far, as a share of the tensor."""
    x, y, width = 575, 150, 165
    sent, most = state.step / n, 2 * (n - 1) / n
    return [
        words(x, y, "each rank has sent", 12.5),
        box(x, y + 12, width, 16, "none", RULE),
        box(x, y + 12, max(width * sent / most, 0.5), 16, PURPLE),
        words(x, y + 48, f"{state.step}/{n} of the tensor", 12.5, font_weight="bold"),
        words(x, y + 68, f"{state.step} step{'s' * (state.step != 1)}", 12, ink(GREY)),
    ]
