"""How many warps a multiprocessor can hold: sliders for what a block needs.

occupancy_calculator()                                   every GPU of the facts, the H100 first
occupancy_calculator(threads=256, registers=128, shared_bytes=64 * 1024)
"""

import math
from dataclasses import dataclass
from html import escape

from lib.notebook.colours import BLUE, ORANGE, PURPLE, ink
from lib.notebook.page import fill, script_data
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE, box, drawing, words
from lib.tensors.gpu_spec import GPUSpec, gpu_spec, gpu_specs
from lib.tensors.occupancy import REGISTER_PORTION, SHARED_PORTION, block_limits, occupancy

LEFT, WIDTH = 150, 260  # of the bars, in pixels
CELL, PER_ROW = 34, 8

ALT = (
    "How many blocks fit on a multiprocessor for each of four limits, as bars, and the warps that "
    "it then holds, as filled squares."
)


@dataclass(frozen=True)
class Needs:
    """Of one block."""

    threads: int
    registers: int  # per thread
    shared_bytes: int


def occupancy_calculator(
    gpu: str = "H100", *, threads: int = 256, registers: int = 64, shared_bytes: int = 32 * 1024
) -> Rendered:
    """Sliders for a block's threads, registers per thread and KiB of shared memory.

    Plain HTML: it moves without a kernel. Where scripts do not run, the first picture stays.
    """
    needs, names = Needs(threads, registers, shared_bytes), list(gpu_specs())
    first = gpu_spec(gpu)
    alt = f"{ALT} {sentence(needs, first)}."
    data = {
        "gpus": [_facts(spec) for spec in gpu_specs().values()],
        "start": [threads, registers, shared_bytes, names.index(gpu)],
        "portions": [REGISTER_PORTION, SHARED_PORTION],
        "colours": {"limit": ORANGE, "other": BLUE, "empty": PALE, "block": [PURPLE, ink(BLUE)]},
    }
    still = drawn(needs, first, alt)
    parts = {"ALT": escape(alt), "PICTURE": still, "DATA": script_data(data)}
    return Rendered(fill("occupancy_calculator.html", **parts), f"[{alt}]")


def _facts(spec: GPUSpec) -> dict[str, str | int]:
    return {
        "name": spec.name,
        "shared": spec.shared_bytes,
        "registers": spec.registers,
        "threads": spec.threads,
        "blocks": spec.blocks,
        "warp": spec.warp,
        "schedulers": spec.schedulers,
        "reserved": spec.reserved_bytes,
    }


def sentence(needs: Needs, spec: GPUSpec) -> str:
    """What fits, and why no more."""
    fits = occupancy(needs.threads, needs.registers, needs.shared_bytes, spec)
    if not fits.blocks:
        return f"Not even one block fits: too much {fits.limit}"
    blocks = f"{fits.blocks} block{'s' * (fits.blocks > 1)}"
    share = math.floor(100 * fits.fraction + 0.5)
    return f"{blocks}, {fits.warps} of {spec.warps} warps ({share}%): the limit is {fits.limit}"


def drawn(needs: Needs, spec: GPUSpec, alt: str) -> str:
    """The four limits, and the warps."""
    limits = block_limits(needs.threads, needs.registers, needs.shared_bytes, spec)
    fits = occupancy(needs.threads, needs.registers, needs.shared_bytes, spec)
    look = {"class": "said", "font_weight": "bold"}
    parts = [words(14, 25, sentence(needs, spec), 13.5, **look)]
    parts.append(words(14, 56, "blocks that fit, if only this were scarce", 12))
    for row, (name, n) in enumerate(limits.items()):
        y, size = 70 + 32 * row, WIDTH * n / max(limits.values())
        colour = ORANGE if name == fits.limit else BLUE
        parts.append(words(LEFT - 10, y + 15, name, 12, anchor="end"))
        parts.append(box(LEFT, y, max(1.0, size), 20, colour, **{"class": "bar"}))
        parts.append(words(LEFT + size + 8, y + 15, str(n), 12, INK, **{"class": "number"}))
    parts.append(words(468, 56, "warps on the multiprocessor, by block", 12))
    for warp in range(spec.warps):
        x, y = 468 + CELL * (warp % PER_ROW), 66 + 17 * (warp // PER_ROW)
        fill_colour = PALE
        if warp < fits.warps:
            fill_colour = (PURPLE, ink(BLUE))[warp * fits.blocks // fits.warps % 2]
        parts.append(box(x, y, CELL - 3, 14, fill_colour, rx=2, **{"class": "warp"}))
    return drawing(760, 216, parts, alt=alt)
