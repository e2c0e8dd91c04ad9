"""Which program touches which element of a tensor, from a recorded trace.

program_map(trace, "out")                    as the tensor lies in memory
program_map(trace, "x", (8, 32))             a vector folded into rows, to have room

Moving over an element names its programs; a slider picks one program and shows what it touches.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from html import escape
from math import prod
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from lib.kernels.trace import Program, Trace
from lib.notebook.colours import BLUE, CARD, CYCLE, RED
from lib.notebook.figures import new_axes, picture
from lib.notebook.kernel_steps import program_name
from lib.notebook.page import fill, script_data
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE

MOST = 16_384  # elements
VERBS = {"load": ("load", "loaded"), "store": ("store", "stored"), "atomic": ("change", "changed")}


@dataclass(frozen=True)
class Touches:
    """What the programs of one launch do with one tensor, in one way."""

    tensor: str
    kind: str
    shape: tuple[int, int]
    programs: dict[str, np.ndarray]  # by name: the elements it touches, sorted

    @property
    def counts(self) -> np.ndarray:
        """By how many programs each element is touched."""
        counts = np.zeros(prod(self.shape), dtype=int)
        for elements in self.programs.values():
            counts[elements] += 1
        return counts.reshape(self.shape)

    @property
    def is_race(self) -> bool:
        """Whether two programs store to one element: the last one wins, whichever that is."""
        return self.kind == "store" and bool(self.counts.max() > 1)

    def sentence(self) -> str:
        """The picture's message."""
        low, high = int(self.counts.min()), int(self.counts.max())
        verb = VERBS[self.kind][1]
        n = len(self.programs)
        programs = f"{n} program{'s' * (n > 1)}"
        if high == 1 and low == 1:
            return f"Every element of {self.tensor} is {verb} by one of {programs}"
        if high == 1:
            return f"{programs}; {self._how_many(self.counts == 0)} {verb} by none"
        if self.is_race:
            return f"{self._how_many(self.counts > 1)} stored by more than one program: a race"
        times = f"{low} to {high}" if low < high else f"{high}"
        return f"Each element of {self.tensor} is {verb} by {times} of {programs}"

    def _how_many(self, which: np.ndarray) -> str:
        n = int(which.sum())
        return f"{n} element{'s' * (n > 1)} of {self.tensor} {'are' if n > 1 else 'is'}"


def touches(
    trace: Trace, tensor: str, kind: str, shape: tuple[int, ...] | None = None, launch: int = 0
) -> Touches:
    """Who does that to which elements, counted along memory from the tensor's first."""
    known = {k.name: k for k in trace.launches[launch].tensors.values()}
    if tensor not in known:
        raise ValueError(
            f"Launch {launch}, of {trace.launches[launch].kernel}, has no tensor {tensor!r}: "
            f"choose from {', '.join(known)}."
        )
    rows = _two_axes(shape or known[tensor].shape)
    found: dict[Program, set[int]] = defaultdict(set)
    for access in trace.accesses:
        if (access.launch, access.tensor, access.kind) == (launch, tensor, kind):
            found[access.program].update(access.offsets[access.mask].tolist())
    last = max((max(elements, default=0) for elements in found.values()), default=0)
    if last >= prod(rows) or prod(rows) > MOST:
        raise ValueError(
            f"{tensor} has elements up to {last:,}, and the shape {rows} makes {prod(rows):,}; "
            f"the map shows all of them, and at most {MOST:,}. Record a smaller tensor, or give "
            "the shape in which it lies in memory."
        )
    grid = trace.launches[launch].grid
    named = {program_name(p, grid): np.array(sorted(e), dtype=int) for p, e in found.items()}
    return Touches(tensor, kind, rows, named)


def _two_axes(shape: tuple[int, ...]) -> tuple[int, int]:
    return (prod(shape[:-1]), shape[-1]) if shape else (1, 1)


ALT = "{sentence}. A map of the {rows} by {columns} elements, coloured by who {does} them."


def program_map(
    trace: Trace, tensor: str, shape: tuple[int, ...] | None = None, *, launch: int = 0
) -> Rendered:
    """A map for each way in which the tensor is touched: loads, stores, atomic operations.

    Plain HTML: it works without a kernel. Where scripts do not run, the pictures stay.
    """
    kinds = Counter(a.kind for a in trace.accesses if (a.launch, a.tensor) == (launch, tensor))
    maps = [touches(trace, tensor, kind, shape, launch) for kind in kinds or ["load"]]
    pages = [page_of(one) for one in maps]
    return Rendered("\n".join(pages), " ".join(f"[{_alt(one)}]" for one in maps))


def _alt(one: Touches) -> str:
    does = VERBS[one.kind][0] + "s"
    rows, columns = one.shape
    return ALT.format(sentence=one.sentence(), rows=rows, columns=columns, does=does)


def page_of(one: Touches) -> str:
    """The picture, and what its script needs."""
    data = {
        "shape": one.shape,
        "tensor": one.tensor,
        "verb": VERBS[one.kind][1],
        "title": one.sentence(),
        "programs": [[name, _runs(elements)] for name, elements in one.programs.items()],
        "colours": {"cycle": CYCLE, "card": CARD, "rest": PALE, "one": BLUE, "race": RED},
        "race": one.is_race,
    }
    still = picture(_drawn(one), _alt(one))
    return fill("program_map.html", ALT=escape(_alt(one)), PICTURE=still, DATA=script_data(data))


def _runs(elements: np.ndarray) -> list[int]:
    """First and length of every stretch of neighbours, one after the other."""
    if not len(elements):
        return []
    starts = np.flatnonzero(np.diff(elements, prepend=elements[0] - 2) > 1)
    lengths = np.diff([*starts, len(elements)])
    return [int(n) for pair in zip(elements[starts], lengths) for n in pair]


def _drawn(one: Touches) -> Axes:
    """A colour and a name for every set of programs that share elements; a race in red."""
    rows, columns = one.shape
    height = min(6.0, max(1.6, 6.0 * rows / columns + 1.0))
    ax = new_axes(_alt(one), (7.2, height))
    painted = np.zeros(rows * columns, dtype=int)
    groups = _groups(one)
    for i, (names, elements) in enumerate(groups.items()):
        painted[elements] = 1 + (len(names) > 1) if one.is_race else 1 + i % len(CYCLE)
    colours = ListedColormap([PALE, *([BLUE, RED] if one.is_race else CYCLE)])
    ax.imshow(
        painted.reshape(rows, columns), cmap=colours, vmin=0, vmax=colours.N - 1, aspect="auto"
    )
    for names, elements in groups.items():
        _name(ax, _joined(names), elements, columns)
    ax.set(xlabel="column", ylabel="row")
    if rows < 5:
        ax.set_yticks(range(rows))
    ax.grid(visible=False)
    ax.set_title(one.sentence())
    return ax


def _groups(one: Touches) -> dict[tuple[str, ...], np.ndarray]:
    """For every set of programs the elements that they and no others touch."""
    by: dict[int, list[str]] = defaultdict(list)
    for name, elements in one.programs.items():
        for element in elements.tolist():
            by[element].append(name)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for element in sorted(by):
        groups[tuple(by[element])].append(element)
    return {names: np.array(elements) for names, elements in groups.items()}


def _joined(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) < 3 else f"{names[0]} … {names[-1]}"


def _name(ax: Axes, name: str, elements: np.ndarray, columns: int) -> None:
    """Who touches them, in the middle of the elements, if there is room for it."""
    x, y = _solid(elements, columns)
    width = 7.0 * (x.max() - x.min() + 1) / columns  # inches, about
    if width > 0.085 * len(name):
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9, "color": INK}
        box = {"facecolor": CARD, "edgecolor": "none", "pad": 1.5, "alpha": 0.9}
        ax.text((x.min() + x.max()) / 2, (y.min() + y.max()) / 2, name, bbox=box, **look)


def _solid(elements: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of a tile; of what is no tile, those of its longest stretch in a row."""
    x, y = elements % columns, elements // columns
    if len(elements) == (x.max() - x.min() + 1) * (y.max() - y.min() + 1):
        return x, y
    ends = np.flatnonzero((np.diff(elements) > 1) | (np.diff(y) > 0)) + 1
    longest = max(np.split(np.arange(len(elements)), ends), key=len)
    return x[longest], y[longest]
