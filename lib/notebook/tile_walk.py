"""A tiled matrix product, tile by tile: what shared memory holds, and what was loaded so far.

tile_walk(N=12, T=4)      C = A B of N x N matrices, in tiles of T x T numbers

Every number that enters shared memory is used T times there, so memory is read T times less often
than if every product fetched its own two numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lib.notebook.colours import BLUE, CARD, GREY, ORANGE, PURPLE, TEAL, ink
from lib.notebook.frames import MAX_FRAMES, frames
from lib.notebook.rendered import Rendered
from lib.notebook.svg import PALE, RULE, box, drawing, heading, rule, words

SIDE = 150  # pixels of a matrix
PLACES = {"A": (40, 230), "B": (205, 66), "C": (205, 230)}  # B above C, A left of it
COLOURS = {"A": ORANGE, "B": TEAL, "C": BLUE}


@dataclass(frozen=True)
class Walk:
    """The product after one pair of tiles; tiles are counted from 0."""

    N: int
    T: int
    i: int
    j: int
    k: int
    loaded: int  # numbers read from memory so far
    multiplied: int  # products of two numbers so far

    @property
    def n_tiles(self) -> int:
        """Along one side."""
        return -(-self.N // self.T)

    @property
    def done(self) -> int:
        """Tiles of C that are finished."""
        return self.i * self.n_tiles + self.j + (self.k == self.n_tiles - 1)


def walk(N: int, T: int) -> Iterator[Walk]:
    """Each pair of tiles, in the order of the loops; the last of a row or column may be cut."""
    loaded = multiplied = 0
    sides = [min(T, N - start) for start in range(0, N, T)]
    for i, height in enumerate(sides):
        for j, width in enumerate(sides):
            for k, depth in enumerate(sides):
                loaded += height * depth + depth * width
                multiplied += height * depth * width
                yield Walk(N, T, i, j, k, loaded, multiplied)


ALT = (
    "Three matrices A, B and C of {N} by {N} numbers in tiles of {T} by {T}. At each step one tile "
    "of A and one of B lie in shared memory, and their product is added to a tile of C."
)


def tile_walk(N: int = 12, T: int = 4, *, itemsize: int = 4, shared_bytes: int = 0) -> Rendered:
    """A slider over the pairs of tiles. `shared_bytes` is what a multiprocessor has, to compare."""
    n = -(-N // T)
    if n**3 > MAX_FRAMES or T < 1:
        raise ValueError(
            f"{N} / {T} makes {n} tiles along each side, so {n} x {n} x {n} = {n**3} steps, and a "
            f"slider has at most {MAX_FRAMES}: choose a larger T or a smaller N."
        )
    alt = ALT.format(N=N, T=T)
    return frames(
        walk(N, T),
        lambda state: drawn(state, itemsize, shared_bytes, alt),
        label=lambda s: f"Tile ({s.i}, {s.j}) of C, pair {s.k + 1} of {n}.",
        alt=alt,
    )


def drawn(state: Walk, itemsize: int, shared_bytes: int, alt: str) -> str:
    """One step."""
    i, j, k = state.i, state.j, state.k
    parts = [
        heading(f"A({i}, {k}) and B({k}, {j}) come in, C({i}, {j}) grows by their product", 760)
    ]
    for name, active in {"A": (i, k), "B": (k, j), "C": (i, j)}.items():
        parts += _matrix(name, state, active)
    parts += _shared(state, itemsize, shared_bytes) + _counts(state)
    return drawing(760, 400, parts, alt=alt)


def _matrix(name: str, state: Walk, active: tuple[int, int]) -> list[str]:
    (x, y), colour = PLACES[name], COLOURS[name]
    cell = SIDE / state.N
    parts = [box(x, y, SIDE, SIDE, PALE)]

    def tile(row: int, column: int, **look: object) -> str:
        w, h = (min(state.T, state.N - state.T * at) * cell for at in (column, row))
        return box(x + column * state.T * cell, y + row * state.T * cell, w, h, colour, **look)

    if name == "C":
        done = [divmod(at, state.n_tiles) for at in range(state.done)]
        parts += [tile(*place, opacity=0.35) for place in done]
    if name != "C" or state.k < state.n_tiles - 1:
        share = (state.k + 1) / state.n_tiles if name == "C" else 1
        parts.append(tile(*active, opacity=0.2 + 0.8 * share))
    else:
        parts.append(tile(*active))
    for at in range(state.N + 1):
        wide = 1.4 if at % state.T == 0 else 0.4
        place = at * cell
        parts.append(rule(x, y + place, x + SIDE, y + place, CARD, stroke_width=wide))
        parts.append(rule(x + place, y, x + place, y + SIDE, CARD, stroke_width=wide))
    left = (x - 14, y + SIDE / 2) if name == "A" else (x + SIDE + 14, y + SIDE / 2)
    return [*parts, words(*left, name, 15, ink(colour), anchor="middle", font_weight="bold")]


def _shared(state: Walk, itemsize: int, shared_bytes: int) -> list[str]:
    """The two tiles in shared memory, and how many bytes they take there."""
    x, y, side = 420, 66, 62
    taken = 2 * state.T * state.T * itemsize
    of = f" of {shared_bytes:,} ({taken / shared_bytes:.1%})" if shared_bytes else ""
    parts = [
        box(x, y, 320, 132, "none", RULE, stroke_width=1.5, rx=6),
        words(x + 12, y + 22, "shared memory of one multiprocessor", 12.5),
        words(x + 12, y + 120, f"2 tiles of {state.T} × {state.T}: {taken:,} bytes{of}", 11.5),
    ]
    for at, (name, place) in enumerate({"A": (state.i, state.k), "B": (state.k, state.j)}.items()):
        left = x + 12 + at * 150
        parts.append(box(left, y + 34, side, side, COLOURS[name], rx=3))
        label = f"{name}({place[0]}, {place[1]})"
        parts.append(words(left + side + 8, y + 70, label, 13, ink(COLOURS[name])))
    return parts


def _counts(state: Walk) -> list[str]:
    """Read so far, against two numbers for every product."""
    single = 2 * state.multiplied
    x, y, width = 420, 240, 225
    rows = (("read, in tiles", state.loaded, PURPLE), ("read, one by one", single, GREY))
    parts = [words(x, y, "numbers read from memory so far", 12.5)]
    for at, (label, count, colour) in enumerate(rows):
        top = y + 14 + 46 * at
        parts.append(words(x, top + 12, label, 11.5, ink(colour)))
        parts.append(box(x, top + 18, max(2.0, width * count / (2 * state.N**3)), 14, colour))
        parts.append(words(x + width + 90, top + 30, f"{count:,}", 12, anchor="end"))
    return [*parts, words(x, y + 122, f"{single / state.loaded:.3g} times fewer in tiles", 12.5)]
