"""Online softmax, block by block: the largest number so far, the sum so far, and its correction.

softmax_states([1.0, 3.0, 0.5, 4.0, 2.0, 1.5], block=2)
"""

from collections.abc import Sequence

import torch

from lib.notebook.colours import BLUE, GREY, ORANGE, RED, ink
from lib.notebook.frames import frames
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE, RULE, box, drawing, halo, heading, rule, words
from lib.tensors.online_softmax import State, online_softmax

WIDTH, TOP, BOTTOM = 760, 62, 212  # pixels; the bars lie between TOP and BOTTOM
MOST = 32

ALT = (
    "{n} numbers as bars, seen in blocks of {block}. After each block: the largest number so far, "
    "the sum of exponentials relative to it, and the factor that corrected the older sum."
)


def softmax_states(row: Sequence[float] | torch.Tensor, block: int) -> Rendered:
    """A slider over the states of lib.tensors.online_softmax."""
    x = torch.as_tensor(row, dtype=torch.float64)
    if not 1 <= len(x) <= MOST or not x.isfinite().all():
        raise ValueError(
            f"A row to look at has 1 to {MOST} finite numbers; this one has {len(x)}: {x.tolist()}."
        )
    states = list(online_softmax(x, block))
    alt = ALT.format(n=len(x), block=block)
    return frames(
        range(len(states)),
        lambda at: drawn(x.tolist(), states, at, alt),
        label=lambda at: f"After block {at + 1} of {len(states)}.",
        alt=alt,
    )


def drawn(row: list[float], states: list[State], at: int, alt: str) -> str:
    """The row, and what is known of it after this block."""
    state = states[at]
    parts = [heading(_message(states, at), WIDTH), *_bars(row, state), *_sums(states, at)]
    return drawing(WIDTH, 352, parts, alt=alt)


def _message(states: list[State], at: int) -> str:
    state = states[at]
    if at == 0:
        return f"The first block sets the maximum to {state.m:.3g} and starts the sum"
    if state.scale == 1:
        return f"No number of block {at + 1} is above {state.m:.3g}: the older sum stays as it is"
    shrinks = f"the older sum shrinks to {state.scale:.1%}"
    return f"Block {at + 1} raises the maximum to {state.m:.3g}: {shrinks}"


def _bars(row: list[float], state: State) -> list[str]:
    """Orange is the block, blue what was seen before it, outlined what is not yet known."""
    low, high = min(0.0, *row), max(0.0, *row)
    left, right = 46, WIDTH - 170
    step = (right - left) / len(row)

    def height(value: int | float) -> float:
        return BOTTOM - (value - low) / (high - low or 1) * (BOTTOM - TOP)

    line = height(state.m)
    dashes = {"stroke_width": 1.6, "stroke_dasharray": "5 3"}
    parts = [
        rule(left, height(0), right, height(0), INK, stroke_width=1),
        rule(left, line, right + 8, line, RED, **dashes),
        words(right + 14, line + 4, f"maximum {state.m:.3g}", 12, ink(RED)),
    ]
    for i, value in enumerate(row):
        seen, now = i < state.stop, i >= state.start
        fill, edge = (ORANGE if now else BLUE, "") if seen else (PALE, RULE)
        top, x = min(height(0), height(value)), left + step * i + 0.15 * step
        size = max(1.0, abs(height(value) - height(0)))
        parts.append(box(x, top, 0.7 * step, size, fill, edge))
        place = top - 5 if value >= 0 else top + size + 13
        colour = ink(fill) if seen else ink(GREY)
        look = {"anchor": "middle", **halo()}
        size = min(12.0, 0.53 * step)
        parts.append(words(x + 0.35 * step, place, f"{value:.3g}", size, colour, **look))
    return parts


def _sums(states: list[State], at: int) -> list[str]:
    """The update in letters and in numbers."""
    state = states[at]
    before = states[at - 1].l if at else 0.0
    new = state.l - state.scale * before
    rows = (
        ("maximum m", f"{state.m:.4g}", INK),
        (
            "correction exp(m before − m)",
            f"{state.scale:.4g}" if at else "nothing before",
            ink(BLUE),
        ),
        ("the block's own exp(x − m), summed", f"{new:.4g}", ink(ORANGE)),
        ("sum l", f"{state.scale:.4g} × {before:.4g} + {new:.4g} = {state.l:.4g}", INK),
    )
    parts = []
    for i, (name, value, colour) in enumerate(rows):
        y = BOTTOM + 42 + 26 * i
        parts += [words(46, y, name, 12.5, colour), words(330, y, value, 12.5, colour)]
    return parts
