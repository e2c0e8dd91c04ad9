"""A tree all-reduce on one page: ranks from left to right, rounds from top to bottom.

tree_view([torch.tensor(rank) for rank in range(8)])
"""

from collections.abc import Sequence

from torch import Tensor

from lib.notebook.colours import GREY, PURPLE, ink
from lib.notebook.rank_cells import arrow, cell, lettered, numbers_in, rank_colour
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, drawing, heading, words
from lib.parallel.tree import tree_all_reduce_states

LEFT, TOP, ROW = 150, 66, 54  # pixels


def tree_view(xs: Sequence[Tensor], *, title: str) -> Rendered:
    """Every rank's value after every round; arrows are messages, stripes the ranks in the sum."""
    states = list(tree_all_reduce_states(list(xs)))
    n = len(xs)
    column = min(92, 590 / n)
    width = LEFT + column * n + 10
    cells, parts = [], [heading(title, width)]
    for rank in range(n):
        x = LEFT + column * (rank + 0.5)
        name = f"rank {rank}" if column > 60 else str(rank)
        parts.append(words(x, TOP - 12, name, 12, ink(rank_colour(rank)), anchor="middle"))
    for row, state in enumerate(states):
        y = TOP + ROW * row
        said = "before" if row == 0 else f"{state.step}. {state.phase}"
        parts.append(words(14, y + 18, said, 12, ink(GREY) if row == 0 else INK))
        for rank in range(n):
            x, value = LEFT + column * rank + 6, numbers_in(state.values[rank].flatten().tolist())
            came = any(rank == receiver for _, receiver in state.sent)
            cells += cell(x, y, column - 12, 26, value, state.holds[rank], strong=came)
        for sender, receiver in state.sent:
            start, end = (LEFT + column * (rank + 0.5) for rank in (sender, receiver))
            parts += arrow((start, y - ROW + 28.0), (end, y - 3.0), PURPLE, 1.8)
    parts += lettered(cells)
    alt = (
        f"An all-reduce of {n} ranks along a tree in {len(states) - 1} rounds: pairs are added up "
        "until rank 0 has the sum, then the sum goes back the same way."
    )
    return Rendered(
        drawing(width, TOP + ROW * len(states) - 14, parts, alt=alt), f"[Drawing: {alt}]"
    )
