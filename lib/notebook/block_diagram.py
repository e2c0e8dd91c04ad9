"""One decoder block of a model, drawn as boxes along the residual stream, from the bottom up.

    block_diagram(config)                                  every part with its numbers
    block_diagrams({"pre-norm": a, "post-norm": b}, ...)   side by side, only what stands where

What stands on the vertical line changes the stream itself; what stands beside it reads the stream
and adds to it. All measures are in inches.
"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from lib.model.config import ModelConfig
from lib.notebook.block_parts import (
    Part,
    attention_parts,
    ffn_parts,
    in_words,
    input_part,
    norm_part,
    norms_after,
    norms_before,
    norms_stream,
    output_part,
)
from lib.notebook.block_pen import GAP, TURN, Pen
from lib.notebook.figures import new_axes

STREAM, STREAM_BOX = 0.56, 0.98  # where the stream runs, and the width of boxes on it
COLUMN, FORK = 1.22, 0.3  # left edge of the boxes beside it, height of a fork
WIDE, NARROW = 2.85, 1.1  # width of boxes with and without details
APART = 0.25  # between the columns of a parallel block


def block_diagram(config: ModelConfig, *, title: str | None = None, alt: str | None = None) -> Axes:
    """The block with its numbers, between embedding and output. Its `alt` tells it in words."""
    pen = Pen(details=True)
    height, width = draw_block(pen, config), block_width(config, WIDE)
    ax = new_axes(alt or in_words(config), (width + 0.3, height + 0.5))
    pen.put(ax, width, height)
    ax.set_title(title or f"One of {config.n_layers} blocks")
    return ax


def block_diagrams(
    configs: Mapping[str, ModelConfig], *, title: str, alt: str | None = None, columns: int = 3
) -> Axes:
    """Blocks {name: config} in rows of so many columns, showing only the places of their parts."""
    pen, names = Pen(details=False), list(configs)
    bottom, widest = 0.0, 0.0
    for start in reversed(range(0, len(names), columns)):  # the first row ends up on top
        left, top = 0.0, bottom
        for name in names[start : start + columns]:
            pen.text(left + 0.1, bottom + 0.14, name, fontsize=10, ha="left")
            top = max(top, draw_block(pen, configs[name], left, bottom + 0.32))
            left += block_width(configs[name], NARROW) + 0.15
        bottom, widest = top + 0.15, max(widest, left)
    said = " ".join(f"{name}: {in_words(config)}" for name, config in configs.items())
    ax = new_axes(alt or said, (widest + 0.2, bottom + 0.4))
    pen.put(ax, widest, bottom)
    ax.set_title(title)
    return ax


def block_width(config: ModelConfig, box: float) -> float:
    """Of a drawing with boxes of this width."""
    return COLUMN + box + (box + APART if config.parallel else 0) + 0.1


def draw_block(pen: Pen, config: ModelConfig, left: float = 0.0, bottom: float = 0.0) -> float:
    """Draw from this corner on; returns the height of the top."""
    block = _Block(pen, config, left)
    y = bottom + 0.05
    if pen.details:
        y = block.on_stream(y, input_part(config)) + 0.1
    first = y
    y = block.parallel(y) if config.parallel else block.serial(y)
    if pen.details:
        right = left + block_width(config, WIDE) - 0.02
        pen.frame(left + 0.03, first - 0.04, right, y + 0.02, f"× {config.n_layers}")
        y += 0.22
        if config.norm_placement != "post" and config.norm != "none":
            y = block.on_stream(y, norm_part(config)) + 0.12
        y = block.on_stream(y, output_part(config))
    pen.stream(left + STREAM, bottom, y + 0.18)
    return y + 0.24


class _Block:
    """Where the parts of one block stand."""

    def __init__(self, pen: Pen, config: ModelConfig, left: float) -> None:
        self.pen, self.config = pen, config
        self.stream, self.column = left + STREAM, left + COLUMN
        self.box = WIDE if pen.details else NARROW
        short = [Part("attention", "attention")], [Part("feed-forward", "feedforward")]
        long = attention_parts(config), ffn_parts(config)
        self.attention, self.ffn = long if pen.details else short

    def serial(self, y: float) -> float:
        """Attention, then feed-forward; each returns the height above it."""
        return self._sublayer(self._sublayer(y, self.attention), self.ffn)

    def _sublayer(self, y: float, parts: Sequence[Part]) -> float:
        """Fork, pass through the parts, come back and be added."""
        norm = norm_part(self.config)
        before = [norm] if norms_before(self.config) else []
        after = [norm] if norms_after(self.config) else []
        top = self._fork(y, [*before, *parts, *after])
        y = self._join(top)
        if norms_stream(self.config):
            y = self.on_stream(y + 0.06, norm) + 0.02
        return y + 0.04

    def parallel(self, y: float) -> float:
        """One norm, two columns that read it, one sum."""
        left, right = self.column, self.column + self.box + APART
        middle, other = left + self.box / 2, right + self.box / 2
        y = self._fork(y, [norm_part(self.config)] if norms_before(self.config) else [])
        start = y + 0.22
        self.pen.arrow((middle, y), (middle, start))
        self.pen.arrow((middle, start - TURN), (other, start - TURN), (other, start))
        tops = self._pile(left, start, self.attention), self._pile(right, start, self.ffn)
        top = max(tops)
        self.pen.line((middle, tops[0]), (middle, top))
        self.pen.line((other, tops[1]), (other, top + GAP), (middle, top + GAP))
        return self._join(top) + 0.04

    def _fork(self, y: float, parts: Sequence[Part]) -> float:
        """From the stream into the column."""
        middle, start = self.column + self.box / 2, y + FORK
        turn = [(self.stream, start - TURN), (middle, start - TURN)]
        if not parts:  # a parallel block without norm
            self.pen.line(*turn)
            return start - TURN
        self.pen.arrow(*turn, (middle, start))
        return self._pile(self.column, start, parts)

    def _pile(self, left: float, y: float, parts: Sequence[Part]) -> float:
        """Boxes on top of each other, joined by arrows; returns the height of the last top."""
        middle = left + self.box / 2
        for i, part in enumerate(parts):
            if i:
                self.pen.arrow((middle, y), (middle, y + GAP))
                y += GAP
            y = self.pen.box(left, y, self.box, part)
        return y

    def _join(self, top: float) -> float:
        """Back to the stream, into a plus sign; returns the height above it."""
        middle, y = self.column + self.box / 2, top + GAP
        self.pen.arrow((middle, top), (middle, y), (self.stream + 0.11, y))
        self.pen.plus(self.stream, y)
        return y + 0.12

    def on_stream(self, y: float, part: Part) -> float:
        """A box through which the stream itself passes."""
        return self.pen.box(self.stream - STREAM_BOX / 2, y, STREAM_BOX, part, beside=True)
