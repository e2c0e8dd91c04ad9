"""Banks of shared memory: who waits when a warp reads a row, a column or a tile of a matrix.

bank_grid()      the same reads of a small matrix, stored plainly and with the XOR swizzle

A small machine, so that all of it can be seen: as many banks as threads in a warp, 8 instead of 32.
"""

from collections.abc import Callable

import numpy as np

from lib.notebook.colours import BLUE, GREY, RED, ink
from lib.notebook.frames import frames
from lib.notebook.rendered import Rendered
from lib.notebook.svg import PALE, RULE, box, drawing, heading, words
from lib.tensors.banks import WORD, bank_conflicts, swizzled

CELL, TOP, LEFTS = 30, 82, (56, 436)

READS: dict[str, Callable[[int], list[tuple[int, int]]]] = {  # (row, column) of every thread
    "a row": lambda n: [(2, t) for t in range(n)],
    "one number, all threads": lambda n: [(2, 3)] * n,
    "the diagonal": lambda n: [(t, t) for t in range(n)],
    "a tile of two columns": lambda n: [(t // 2, t % 2) for t in range(n)],
    "a column": lambda n: [(t, 3) for t in range(n)],
}

ALT = (
    "An {n} by {n} matrix in shared memory of {n} banks, stored plainly on the left and with the "
    "XOR swizzle on the right. Marked are the words a warp reads; below, who waits at which bank."
)


def bank_grid(banks: int = 8) -> Rendered:
    """A slider over reads; `banks` is a power of two up to 8, and the warp has as many threads."""
    if banks not in (4, 8):
        raise ValueError(f"The picture has room for 4 or 8 banks, not {banks}.")
    alt = ALT.format(n=banks)
    return frames(
        READS,
        lambda name: drawn(name, banks, alt),
        label=lambda name: f"The warp reads {name}.",
        alt=alt,
    )


def turns(name: str, banks: int, swizzle: bool) -> int:
    """In how many turns the warp gets its words."""
    return bank_conflicts([WORD * w for w in _words_read(name, banks, swizzle)], banks=banks)


def drawn(name: str, banks: int, alt: str) -> str:
    """Both layouts beside each other."""
    plain, crossed = (turns(name, banks, swizzle) for swizzle in (False, True))
    said = f"Reading {name} takes {_turns(plain)} in plain storage, {crossed} with the swizzle"
    parts = [heading(said, 760)]
    for left, swizzle in zip(LEFTS, (False, True)):
        layout = "stored at column XOR row" if swizzle else "stored as it is"
        parts.append(words(left, TOP - 28, layout, 12.5))
        parts += _grid(left, name, banks, swizzle) + _queues(left, name, banks, swizzle)
    return drawing(760, TOP + CELL * banks + 222, parts, alt=alt)


def _turns(n: int) -> str:
    return f"{n} turn{'s' * (n > 1)}"


def _words_read(name: str, banks: int, swizzle: bool) -> list[int]:
    """Which word of memory each thread reads."""
    places = READS[name](banks)
    return [r * banks + (swizzled(r, c, banks) if swizzle else c) for r, c in places]


def _grid(left: int, name: str, banks: int, swizzle: bool) -> list[str]:
    """Memory: a column is a bank. In each cell the element that lies there, as row and column."""
    read = set(_words_read(name, banks, swizzle))
    size = CELL * 8 / banks
    parts = [words(left - 10, TOP - 6, "bank", 11, ink(GREY), anchor="end")]
    for bank in range(banks):
        x = left + size * (bank + 0.5)
        parts.append(words(x, TOP - 6, str(bank), 11, ink(GREY), anchor="middle"))
    for word in range(banks * banks):
        row, column = divmod(word, banks)
        element = swizzled(row, column, banks) if swizzle else column  # XOR is its own inverse
        x, y = left + size * column, TOP + size * row
        parts.append(box(x, y, size - 2, size - 2, ink(BLUE) if word in read else PALE, rx=2))
        colour = "#ffffff" if word in read else ink(GREY)
        parts.append(
            words(
                x + size / 2 - 1, y + size / 2 + 3, f"{row},{element}", 10, colour, anchor="middle"
            )
        )
    return parts


def _queues(left: int, name: str, banks: int, swizzle: bool) -> list[str]:
    """One square per turn under each bank: those after the first have to wait."""
    size = CELL * 8 / banks
    top = TOP + CELL * 8 + 34
    waiting = np.bincount(
        [w % banks for w in set(_words_read(name, banks, swizzle))], minlength=banks
    )
    parts = [words(left, top - 12, "words that each bank has to give, one per turn", 12)]
    for bank, n in enumerate(waiting):
        x = left + size * bank
        parts.append(box(x, top, size - 2, 2, RULE))
        for turn in range(n):
            fill = RED if turn else ink(BLUE)
            parts.append(box(x + 3, top + 5 + 18 * turn, size - 8, 15, fill, rx=2))
    return parts
