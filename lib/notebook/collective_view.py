"""What a collective does: the ranks before and after it, every number in the colours of its origin.

    collectives()                                 a slider over all eight, and the last one stays
    before_and_after("all_gather", given)         one of them as a drawing
    collective_table()                            all of them in numbers

Colours are computed, not drawn by hand: the collective itself is run on powers of two, one bit for
every rank, so that each sum says which ranks are in it.
"""

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor

from lib.notebook.colours import GREY, ink
from lib.notebook.frames import frames
from lib.notebook.rank_cells import cell, lettered, numbers_in, rank_colour
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, drawing, heading, words
from lib.notebook.tables import table
from lib.parallel.on_lists import ON_LISTS

EIGHT = (
    "broadcast", "scatter", "gather", "reduce", "all_gather", "reduce_scatter", "all_reduce",
    "all_to_all",
)  # fmt: skip
CELL, ROW, TOP, LEFT = 42, 38, 70, 84  # pixels

Given = list[Tensor | None]


def example(op: str, n: int = 4) -> Given:
    """A small input for each collective. Rank r has 0, 1, 2 ... plus r where things are added."""
    places = torch.arange(n)
    if op in ("broadcast", "scatter"):
        return [places if rank == 0 else None for rank in range(n)]
    if op in ("gather", "all_gather"):
        return [torch.tensor([rank]) for rank in range(n)]
    if op == "all_to_all":
        return [n * rank + places for rank in range(n)]
    return [places + rank for rank in range(n)]


def outcome(op: str, given: Given) -> Given:
    """What all ranks have afterwards."""
    return ON_LISTS[op](given)


def origins(op: str, given: Given) -> list[list[set[int]]]:
    """For every rank and every number that it has afterwards: the ranks that it comes from."""
    bits = [None if x is None else torch.full_like(x, 2**rank) for rank, x in enumerate(given)]
    return [
        [{r for r in range(len(given)) if value >> r & 1} for value in listed(x)]
        for x in ON_LISTS[op](bits)
    ]


def meaning(op: str) -> str:
    """The sentence that the collective has in its own code."""
    return inspect.getdoc(ON_LISTS[op]).partition(".")[0] + "."


def before_and_after(op: str, given: Given | None = None) -> Rendered:
    """Two columns of ranks; a number has the colour of the rank that it comes from."""
    given = example(op) if given is None else given
    n, after = len(given), outcome(op, given)
    own = [[{rank}] * len(listed(x)) for rank, x in enumerate(given)]
    widest = max(len(listed(x)) for x in (*given, *after))
    right = LEFT + CELL * widest + 130
    width = max(right + CELL * widest + 20, 480)
    cells, parts = [], [heading(f"{op.replace('_', '-')}: {meaning(op)}", width)]
    for x, word in ((LEFT, "before"), (right, "after")):
        parts.append(words(x, TOP - 10, word, 12, ink(GREY)))
    for rank in range(n):
        y = TOP + ROW * rank
        parts.append(
            words(LEFT - 12, y + 20, f"rank {rank}", 12, ink(rank_colour(rank)), anchor="end")
        )
        cells += _cells(LEFT, y, given[rank], own[rank], widest)
        cells += _cells(right, y, after[rank], origins(op, given)[rank], widest)
    middle = LEFT + CELL * widest + 65
    parts.append(words(middle, TOP + ROW * n / 2 + 4, "→", 26, INK, anchor="middle"))
    parts += lettered(cells)
    alt = f"{op}. Before: {_said(given)}. After: {_said(after)}."
    return Rendered(drawing(width, TOP + ROW * n + 8, parts, alt=alt), f"[Drawing: {alt}]")


def collectives(n: int = 4) -> Rendered:
    """A slider over the eight."""
    return frames(
        EIGHT,
        lambda op: before_and_after(op, example(op, n)),
        label="collective",
        alt=f"The eight collectives on {n} ranks: what each rank has before and after.",
    )


def collective_table(ops: Sequence[str] = EIGHT, n: int = 4) -> None:
    """The same in numbers: two rows for each collective, a column for each rank."""
    rows = []
    for op in ops:
        given = example(op, n)
        for when, xs in (("before", given), ("after", outcome(op, given))):
            name = op.replace("_", "-") if when == "before" else ""
            numbers = {f"rank {r}": numbers_in(listed(x)) for r, x in enumerate(xs)}
            rows.append({"collective": name, "": when, **numbers})
    table(rows)


def listed(x: Tensor | None) -> list[int | float]:
    """The numbers of a tensor; none of no tensor."""
    return [] if x is None else x.flatten().tolist()


def _cells(x: int, y: int, values: Tensor | None, ranks: list[set[int]], widest: int) -> list[str]:
    """The numbers that a rank has, or an empty place."""
    if values is None:
        return cell(x, y, CELL * widest - 4, ROW - 10, "", ())
    return [
        part
        for i, (value, come_from) in enumerate(zip(listed(values), ranks))
        for part in cell(x + CELL * i, y, CELL - 4, ROW - 10, f"{value:g}", come_from)
    ]


def _said(xs: Given) -> str:
    return "; ".join(
        f"rank {rank} {numbers_in(listed(x)) or 'nothing'}" for rank, x in enumerate(xs)
    )
