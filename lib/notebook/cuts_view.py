"""The three ways to cut the training of a stack of layers: rows, columns, layers.

three_cuts(n_ranks=2, layers=4)

Each panel has the rows of the batch below the layers, in the colour of the rank that has them.
"""

from lib.notebook.colours import GREY, ink
from lib.notebook.rank_cells import TINT, cell, lettered, rank_colour
from lib.notebook.rendered import Rendered
from lib.notebook.svg import RULE, box, drawing, words
from lib.notebook.time_lanes import tinted

WIDTH, PANEL, LEFT, SIDE, LAYER, TOP = 760, 245, 34, 176, 30, 62  # pixels

Number = int | float


def three_cuts(n_ranks: int = 2, layers: int = 4) -> Rendered:
    """Data, tensor and pipeline parallelism side by side."""
    alt = (
        f"{layers} layers and a batch cut over {n_ranks} ranks in three ways. Data parallel: each "
        "has all layers and some rows. Tensor parallel: each has some columns of every layer, and "
        "sees all rows. Pipeline parallel: each has some whole layers."
    )
    height = TOP + (LAYER + 8) * layers + 98
    parts = []
    for at, draw in enumerate((_data, _tensor, _pipeline)):
        parts += draw(LEFT + PANEL * at, n_ranks, layers)
    for rank in range(n_ranks):
        x, colour = LEFT + 90 * rank, rank_colour(rank)
        parts.append(box(x, height - 24, 12, 12, tinted(colour, TINT), colour))
        parts.append(words(x + 18, height - 14, f"rank {rank}", 12))
    return Rendered(drawing(WIDTH, height, parts, alt=alt), f"[Drawing: {alt}]")


def _data(x: Number, n: int, layers: int) -> list[str]:
    """A whole stack for each rank, and its rows below it."""
    parts = _title(x, "data parallel", "a copy of all layers each")
    wide = SIDE / n
    for rank in range(n):
        left = x + (wide + 5) * rank
        for layer in range(layers):
            said = f"layer {layer + 1}"
            parts += lettered(cell(left, _y(layer, layers), wide - 5, LAYER, said, [rank]))
        parts += _batch(left, wide - 5, layers, "its rows", tinted(rank_colour(rank), TINT))
    return parts


def _tensor(x: Number, n: int, layers: int) -> list[str]:
    parts = _title(x, "tensor parallel", "a part of every layer each")
    for layer in range(layers):
        said = f"layer {layer + 1}"
        parts += lettered(cell(x, _y(layer, layers), SIDE, LAYER, said, range(n)))
    return parts + _batch(x, SIDE, layers, "all rows")


def _pipeline(x: Number, n: int, layers: int) -> list[str]:
    parts = _title(x, "pipeline parallel", "some whole layers each")
    for layer in range(layers):
        owner, said = layer * n // layers, f"layer {layer + 1}"
        parts += lettered(cell(x, _y(layer, layers), SIDE, LAYER, said, [owner]))
    return parts + _batch(x, SIDE, layers, "all rows, one after the other")


def _title(x: Number, name: str, meaning: str) -> list[str]:
    return [
        words(x, 26, name, 14, font_weight="bold"),
        words(x, 45, meaning, 11.5, ink(GREY)),
    ]


def _y(layer: int, layers: int) -> Number:
    """The first layer lies at the bottom."""
    return TOP + (LAYER + 8) * (layers - 1 - layer)


def _batch(x: Number, wide: Number, layers: int, said: str, fill: str = "none") -> list[str]:
    """The rows that are seen."""
    y = TOP + (LAYER + 8) * layers + 12
    middle = (x + wide / 2, y + 20)
    return [
        box(x, y, wide, 32, fill, RULE, stroke_dasharray="4 3"),
        words(*middle, said, 11.5, anchor="middle"),
    ]
