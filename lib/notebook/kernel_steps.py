"""A kernel's source beside what its programs load and store, one access after the other.

    with record_accesses(x=x, out=out) as trace:
        gelu_op(x)
    kernel_steps(trace, gelu_kernel)

The slider moves without a kernel. On a GPU all programs run at about the same time, in no order.
"""

import inspect
from html import escape
from textwrap import dedent
from typing import Any

import numpy as np

from lib.kernels.trace import Access, Program, Trace
from lib.notebook.arrays import number
from lib.notebook.frames import MAX_FRAMES, frames
from lib.notebook.highlight import highlighted
from lib.notebook.rendered import Rendered

SIDE = 8  # rows and columns of a tile that are written out
VERBS = {"load": "loads", "store": "stores", "atomic": "changes"}
GROUNDS = {  # translucent, for light and dark pages
    "load": "rgba(63,144,218,.30)",
    "store": "rgba(231,99,0,.30)",
    "atomic": "rgba(131,45,182,.30)",
}
ALT = (
    "The source of {name}, and what each of its programs loads and stores, one access at a time: "
    "the line, the elements of the tensor, which of them are masked, and the values."
)


def kernel_steps(trace: Trace, kernel: Any, *, first: int | None = None) -> Rendered:
    """A slider over the accesses of a kernel's launches, or the `first` so many of them."""
    name = kernel.fn.__name__
    accesses = [a for a in trace.accesses if trace.launches[a.launch].kernel == name][:first]
    if not accesses:
        seen = ", ".join(dict.fromkeys(launch.kernel for launch in trace.launches)) or "no kernel"
        raise ValueError(f"The trace has no access of {name}: it recorded {seen}.")
    if len(accesses) > MAX_FRAMES:
        raise ValueError(
            f"{name} made {len(accesses):,} accesses, and a slider has at most {MAX_FRAMES}: "
            f"record smaller tensors, or show the first with first={MAX_FRAMES}."
        )
    grids = [launch.grid for launch in trace.launches]
    said = [sentence(a, grids[a.launch]) for a in accesses]
    lines, start = inspect.getsourcelines(kernel.fn)
    code = highlighted(dedent("".join(lines)).rstrip()).split("\n")
    return frames(
        range(len(accesses)),
        lambda i: drawn(accesses[i], code, start),
        label=lambda i: f"Access {i + 1} of {len(accesses)}: {said[i]}.",
        alt=ALT.format(name=name),
    )


def sentence(access: Access, grid: Program) -> str:
    """program 2 loads elements 16 to 19 of x; 4 of its 8 lanes are masked"""
    touched = np.sort(access.offsets[access.mask].ravel())
    n, program = len(touched), f"program {program_name(access.program, grid)}"
    if not n:
        return f"{program} {VERBS[access.kind]} nothing of {access.tensor}: all lanes are masked"
    what = f"{n} elements between {touched[0]:,} and {touched[-1]:,}"
    if n > 1 and (np.diff(touched) == 1).all():
        what = f"elements {touched[0]:,} to {touched[-1]:,}"
    elif touched[0] == touched[-1]:
        what = f"element {touched[0]:,}"
    said = f"{program} {VERBS[access.kind]} {what} of {access.tensor}"
    masked = int((~access.mask).sum())
    return f"{said}; {masked:,} of its {access.mask.size:,} lanes are masked" if masked else said


def program_name(program: Program, grid: Program) -> str:
    """3, or (3, 1) where the grid has more than one program along its second axis."""
    n_axes = max([axis + 1 for axis, n in enumerate(grid) if n > 1], default=1)
    return str(program[0] if n_axes == 1 else tuple(program[:n_axes]))


def drawn(access: Access, code: list[str], start: int) -> str:
    """The source with the access's line marked, and its lanes beside it."""
    return "\n".join(
        [
            '<div style="display:flex;flex-wrap:wrap;gap:.4em 1.6em;align-items:flex-start">',
            f"<style>{STYLE}</style>",
            '<pre class="listing">',
            *(_line(text, start + i, access) for i, text in enumerate(code)),
            '</pre><div style="flex:1 1 20em">',
            *_lanes(access),
            "</div></div>",
        ]
    )


def _line(text: str, at: int, access: Access) -> str:
    numbered = f'<span style="opacity:.6">{at:>4}</span> {text}'
    if at != access.line:
        return numbered
    look = f"display:inline-block;min-width:100%;background:{GROUNDS[access.kind]}"
    return f'<span aria-current="step" style="{look}">{numbered}</span>'


def _lanes(access: Access) -> list[str]:
    """A cell for each lane: small the element that it touches, below it the value."""
    offsets, mask, values = (_shaped(x) for x in (access.offsets, access.mask, access.values))
    shown = offsets[:SIDE, :SIDE]
    rows = [
        "<tr>" + "".join(_cell(*lane) for lane in zip(*row)) + "</tr>"
        for row in zip(shown.tolist(), mask.tolist(), values.tolist())
    ]
    tensor = escape(access.tensor)
    shape = " × ".join(map(str, access.offsets.shape)) or "1"
    cut = f" The first {shown.size:,} of {offsets.size:,}." * (shown.size < offsets.size)
    return [
        f"<div>Tile of {shape}, {PAST[access.kind]} {tensor}</div>",
        f'<table class="lanes {access.kind}"><tbody>',
        *rows,
        "</tbody></table>",
        f"<small>Small: the element of {tensor}. Large: its value. Dashed: masked.{cut}</small>",
    ]


PAST = {"load": "loaded from", "store": "stored to", "atomic": "combined with"}
MONO = "font-family:var(--jp-code-font-family,ui-monospace,monospace)"
CELLS = "table.lanes.lanes"  # twice, to come before what notebooks say of tables
STYLE = (
    "pre.listing.listing{flex:0 1 auto;margin:0;overflow-x:auto;font-size:12.5px;line-height:1.5}"
    f"pre.listing.listing,.listing span{{{MONO}}}"
    f"{CELLS}{{border-collapse:separate;border-spacing:3px;margin:.3em 0}}"
    f"{CELLS} tr{{background:none}}"
    f"{CELLS} td{{text-align:center;padding:0 .4em;min-width:2.6em;border-radius:3px;"
    "border:1px solid transparent}"
    ".lanes i{display:block;font-style:normal;font-size:.8em;opacity:.8}"
    + "".join(f"{CELLS}.{kind} td{{background:{ground}}}" for kind, ground in GROUNDS.items())
    + f"{CELLS} td.no.no{{border:1px dashed currentColor;opacity:.65;background:none}}"
)


def _shaped(x: np.ndarray) -> np.ndarray:
    """Two axes: a tile as it is, a row of lanes folded after SIDE of them."""
    if x.ndim == 2:
        return x
    flat = x.ravel()
    if flat.size % SIDE and flat.size > SIDE:
        return flat[None, :]
    return flat.reshape(-1, min(SIDE, flat.size))


def _cell(offset: int, active: bool, value: bool | int | float) -> str:
    if not active:
        return f'<td class="no"><i>{offset}</i>–</td>'
    return f"<td><i>{offset}</i>{number(value)}</td>"
