"""How many bytes each variant of a computation moves: read and written, as stacked bars.

traffic_bars({"eager": eager, "fused": trace}, title=..., alt=...)

A variant is a trace of kernels (lib/kernels/accesses.py), a count of eager operations
(lib/tensors/moved.py), or (bytes read, bytes written).
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from lib.kernels.trace import Trace
from lib.notebook.colours import BLUE, CARD, ORANGE, ink
from lib.notebook.drawing import axes_for, plain_number, write_around

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))


def traffic_bars(
    variants: Mapping[str, Any], *, title: str, alt: str | None = None, ax: Axes | None = None
) -> Axes:
    """One bar per variant, the first on top: blue is read, orange written, the sum at the end.

    Behind the sum stands how many times as much it is as the variant that moves least.
    """
    ax = axes_for(ax, alt, variants, size=(7, 1.3 + 0.42 * max(2, len(variants))))
    moved = {name: read_and_written(variant) for name, variant in variants.items()}
    least, most = (f(map(sum, moved.values())) for f in (min, max))
    size, unit = next(u for u in UNITS if most >= u[0])
    for row, (read, written) in enumerate(moved.values()):
        look = {"height": 0.66, "edgecolor": CARD, "linewidth": 1.5}
        ax.barh(row, read / size, color=BLUE, **look)
        ax.barh(row, written / size, left=read / size, color=ORANGE, hatch="///", **look)
        times = (read + written) / least
        said = plain_number((read + written) / size) + (
            f"  ({plain_number(times)}×)" if times > 1 else ""
        )
        place = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
        ax.annotate(said, ((read + written) / size, row), **place)
    ax.set_yticks(range(len(moved)), list(moved), fontsize=10)
    ax.set_ylim(len(moved) - 0.4, -0.95)  # room for the two names
    ax.set_xlim(0, 1.25 * most / size)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    _keys(ax)
    write_around(ax, title, f"moved between memory and processor, {unit}", "", {})
    return ax


def read_and_written(variant: Any) -> tuple[int, int]:
    """Bytes, from whatever counted them."""
    if isinstance(variant, Trace):
        return sum(variant.bytes_read.values()), sum(variant.bytes_written.values())
    if isinstance(variant, tuple):
        read, written = variant
    else:
        read, written = variant.read, variant.written
    if min(read, written) < 0 or read + written == 0:
        raise ValueError(f"A variant moves something: {read} bytes read and {written} written.")
    return read, written


def _keys(ax: Axes) -> None:
    """What the colours mean, above the first bar."""
    for x, word, colour in ((0.0, "read", BLUE), (0.09, "written (hatched)", ORANGE)):
        place = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 9.5}
        ax.annotate(word, (x, -0.68), color=ink(colour), **place)
