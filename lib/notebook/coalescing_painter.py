"""Which words the threads of a warp read, and how many lines of memory have to come for them.

coalescing_painter()      paint words, choose a pattern, or type start and stride

Memory is drawn as 32 lines of 128 bytes, which is also a matrix of 32 x 32 numbers of float32, row
by row: reading a row touches one line, reading a column all of them.
"""

from html import escape

import numpy as np
from matplotlib.colors import ListedColormap

from lib.notebook.colours import BLUE, CARD, GREY, ORANGE, ink
from lib.notebook.figures import figure_of, new_axes, picture
from lib.notebook.page import fill, script_data
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE
from lib.tensors.transactions import LINE, SECTOR, sectors, transactions, used_share

LANES, WIDTH = 32, 4  # threads of a warp; bytes of a word
WORDS = LINE // WIDTH  # in a line
LINES = 32
WASTED = "#f5c9a3"  # comes along with what was asked for: a pale orange

PATTERNS = {  # the word that each thread reads
    "a row": list(range(5 * WORDS, 6 * WORDS)),
    "every second word": list(range(5 * WORDS, 7 * WORDS, 2)),
    "a row, shifted by one": list(range(5 * WORDS + 1, 6 * WORDS + 1)),
    "a row, backwards": list(range(6 * WORDS - 1, 5 * WORDS - 1, -1)),
    "one word, all threads": [5 * WORDS + 9] * LANES,
    "a column": list(range(9, LINES * WORDS, WORDS)),
    "scattered": [(397 * t + 11) % (LINES * WORDS) for t in range(LANES)],
}

ALT = (
    "32 lines of memory, 32 words each, with the words that the 32 threads of a warp read. Reading "
    "a row touches 1 line, all of whose bytes are used; reading a column touches 32 lines, and 7 "
    "of 8 bytes that come are thrown away."
)


def coalescing_painter() -> Rendered:
    """Buttons for patterns, two numbers for a stride, and a memory to paint on.

    Plain HTML: it works without a kernel. Where scripts do not run, two patterns stay.
    """
    data = {
        "lanes": LANES,
        "words": WORDS,
        "lines": LINES,
        "width": WIDTH,
        "sector": SECTOR,
        "presets": list(PATTERNS.items()),
        "colours": {"asked": ink(BLUE), "wasted": WASTED, "rest": PALE, "card": CARD},
        "inks": {"text": INK, "quiet": ink(GREY)},
    }
    still = picture(_drawn(), ALT)
    html = fill("coalescing_painter.html", ALT=escape(ALT), PICTURE=still, DATA=script_data(data))
    return Rendered(html, f"[{ALT}]")


def sentence(words: list[int]) -> str:
    """What a warp that reads these words costs."""
    addresses = [WIDTH * word for word in words]
    n_lines, n_sectors = transactions(addresses), sectors(addresses)
    moved = n_sectors * SECTOR
    used = round(used_share(addresses) * moved)
    return (
        f"{_lots(len(words), 'thread')}: {_lots(n_lines, 'line')} of {LINE} bytes, "
        f"{_lots(n_sectors, 'sector')} of {SECTOR}; {used} of the {moved} bytes moved are used "
        f"({round(100 * used / moved, 1):g}%)"
    )


def _lots(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _drawn() -> object:
    """A row and a column beside each other."""
    panels = new_axes(ALT, (7.6, 4.4), cols=2)
    figure_of(panels[0]).suptitle(
        "A warp that reads a row moves 128 bytes, one that reads a column 1,024",
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    for ax, name in zip(panels, ("a row", "a column")):
        words = PATTERNS[name]
        memory = np.zeros(LINES * WORDS)
        per_sector = SECTOR // WIDTH
        for word in words:
            start = word - word % per_sector
            memory[start : start + per_sector] = np.maximum(memory[start : start + per_sector], 1)
        memory[words] = 2
        colours = ListedColormap([PALE, WASTED, ink(BLUE)])
        ax.imshow(memory.reshape(LINES, WORDS), cmap=colours, vmin=0, vmax=2)
        edges = np.arange(1, LINES) - 0.5
        ax.hlines(edges, -0.5, WORDS - 0.5, color=CARD, linewidth=1)
        ax.vlines(edges, -0.5, LINES - 0.5, color=CARD, linewidth=0.4)
        ax.set(xticks=range(0, WORDS, 8), yticks=range(0, LINES, 8))
        ax.set(xlabel="word in its line (4 bytes)", ylabel="line of 128 bytes")
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        cost = sentence(words).partition(": ")[2].partition(" of ")[0]
        ax.set_title(f"{name}: {cost}", fontsize=10, fontweight="normal", color=ink(ORANGE))
    return panels[0]
