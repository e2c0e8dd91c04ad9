"""Wave quantization to explore: matrix size and tile size, waves of blocks, arithmetic wasted.

wave_explorer(gpu_spec("A100 80GB"))      inputs for the sizes; moves without a kernel
wave_picture(spec, 1793)                  the same as a picture
"""

from html import escape

import numpy as np
from matplotlib.axes import Axes

from lib.notebook.colours import BLUE, CARD, GREY, ORANGE, PURPLE
from lib.notebook.figures import figure_of, new_axes, picture
from lib.notebook.page import fill, script_data
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, RULE
from lib.tensors.gpu_spec import GPUSpec
from lib.tensors.waves import matmul_efficiency, tiles, wave_schedule

TILES = ((64, 64), (128, 64), (128, 128), (256, 128))
ROWS = 8  # waves that are drawn; of more the full ones in the middle are left out

ALT = (
    "Left: the blocks of an N by N matrix product on the {n} multiprocessors of an {name}, wave by "
    "wave, the last one partly empty. Right: the share of the arithmetic that is used over N, a "
    "saw that falls each time a new wave begins."
)


def wave_explorer(
    spec: GPUSpec, N: int = 1793, tile: tuple[int, int] = (256, 128), *, most: int = 4096
) -> Rendered:
    """Inputs for N up to `most`, the tile, and how many blocks a multiprocessor runs at a time.

    Plain HTML: it moves without a kernel. Where scripts do not run, the picture stays.
    """
    sizes = TILES if tile in TILES else (*TILES, tile)
    alt = ALT.format(n=spec.multiprocessors, name=spec.name)
    data = {
        "processors": spec.multiprocessors,
        "most": most,
        "sizes": sizes,
        "start": [N, sizes.index(tile)],
        "colours": {
            "busy": BLUE,
            "idle": GREY,
            "curve": PURPLE,
            "dot": ORANGE,
            "card": CARD,
            "rule": RULE,
        },
        "inks": {"text": INK},
    }
    still = picture(wave_picture(spec, N, tile, most=most), alt)
    html = fill("wave_explorer.html", ALT=escape(alt), PICTURE=still, DATA=script_data(data))
    return Rendered(html, f"[{alt} {sentence(spec, N, tile)}.]")


def sentence(spec: GPUSpec, N: int, tile: tuple[int, int]) -> str:
    """What the schedule comes to, in words."""
    plan = wave_schedule(tiles(N, N, *tile), spec.multiprocessors)
    share = matmul_efficiency(N, N, *tile, spec.multiprocessors)
    n_tiles, n_waves = sum(plan.waves), len(plan.waves)
    waves = f"{n_waves:,} wave{'s' * (n_waves > 1)}"
    last = f"the last with {plan.waves[-1]} of {plan.slots}"
    return (
        f"N = {N:,}: {n_tiles:,} tile{'s' * (n_tiles > 1)} in {waves}, {last}: "
        f"{100 * share:.1f}% of the arithmetic is used"
    )


def wave_picture(
    spec: GPUSpec, N: int = 1793, tile: tuple[int, int] = (256, 128), *, most: int = 4096
) -> Axes:
    """The waves for one N beside the curve over all of them."""
    alt = ALT.format(n=spec.multiprocessors, name=spec.name)
    waves, curve = new_axes(alt, (7.6, 3.2), cols=2)
    figure_of(waves).suptitle(
        sentence(spec, N, tile), x=0.01, ha="left", fontsize=10, fontweight="bold"
    )
    _waves(waves, wave_schedule(tiles(N, N, *tile), spec.multiprocessors).waves, spec)
    sizes = np.unique(np.linspace(1, most, 400).astype(int))
    shares = [100 * matmul_efficiency(n, n, *tile, spec.multiprocessors) for n in sizes.tolist()]
    curve.plot(sizes, shares, color=PURPLE, linewidth=1.3)
    here = 100 * matmul_efficiency(N, N, *tile, spec.multiprocessors)
    curve.plot([N], [here], "o", color=ORANGE, markersize=8)
    curve.set(xlabel="size N of the matrices", ylabel="arithmetic used, %", ylim=(0, 102))
    return curve


def _waves(ax: Axes, waves: list[int], spec: GPUSpec) -> None:
    """A bar per wave, filled as far as blocks run."""
    n = len(waves)
    rows = list(range(n)) if n <= ROWS else [*range(ROWS - 2), None, n - 1]
    names = ["…" if wave is None else f"wave {wave + 1}" for wave in rows]
    for row, wave in enumerate(rows):
        if wave is not None:
            whole = {"facecolor": "none", "edgecolor": GREY, "linestyle": (0, (3, 2))}
            ax.barh(row, spec.multiprocessors, height=0.7, **whole)
            ax.barh(row, waves[wave], height=0.7, color=BLUE)
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(max(len(rows), 4) - 0.4, -0.6)
    ax.set_xlabel(f"blocks that run, of {spec.multiprocessors}")
    ax.grid(visible=False)
