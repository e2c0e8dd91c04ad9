"""Pictures of attention masks: who sees whom in one layer, and through all layers.

mask_gallery({"full": causal_mask(16), "window of 4": ...}, title=..., alt=...)
receptive_field(layer_masks(config, 24), title=..., alt=...)
"""

from collections.abc import Collection, Mapping, Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap

from lib.notebook.colours import BLUE, CARD, GREY, ORANGE, ink
from lib.notebook.drawing import axes_for, write_around
from lib.notebook.figures import figure_of, new_axes
from lib.notebook.masks import Square, keys_seen, reach

PALE = "#e9eae5"  # what is hidden


def mask_gallery(
    masks: Mapping[str, Square],
    *,
    title: str,
    alt: str,
    no_positions: Collection[str] = (),
    columns: int = 3,
) -> np.ndarray:
    """One panel per entry {name: mask}, with the number of keys that a query sees.

    Names in `no_positions` are layers without position encoding (NoPE): they are hatched.
    """
    columns = min(columns, len(masks))
    rows = ceil(len(masks) / columns)
    size = (0.3 + 2.3 * columns, 0.6 + 2.75 * rows)
    panels = np.atleast_1d(new_axes(alt, size, rows=rows, cols=columns)).ravel()
    for panel, (name, mask) in zip(panels, masks.items()):
        mask_panel(panel, name, mask, name in no_positions)
    for panel in panels[len(masks) :]:
        panel.set_axis_off()
    figure_of(panels[0]).suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return panels[: len(masks)]


def mask_panel(ax: Axes, name: str, mask: Square, no_positions: bool = False) -> Axes:
    """One mask: a coloured square where the query of the row may look at the key of the column."""
    seen, colour = keys_seen(mask), ORANGE if no_positions else BLUE
    ax.imshow(mask.numpy(), cmap=ListedColormap([PALE, colour]), vmin=0, vmax=1)
    if no_positions:  # colour alone is not enough
        edges = np.arange(len(mask) + 1) - 0.5
        hatch = np.ma.masked_where(~mask.numpy(), np.ones(mask.shape))
        strokes = ax.pcolor(edges, edges, hatch, hatch="////", edgecolor=CARD, linewidth=0)
        strokes.set_facecolor("none")
    lines = np.arange(1, len(mask)) - 0.5
    ax.vlines(lines, -0.5, len(mask) - 0.5, color=CARD, linewidth=1)
    ax.hlines(lines, -0.5, len(mask) - 0.5, color=CARD, linewidth=1)
    ax.set(xticks=[], yticks=[], xlabel="key", ylabel="query")
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.set_title(name, fontsize=10, fontweight="normal", color=ink(colour), pad=4)
    pairs = f"{sum(seen)} of {len(mask) * (len(mask) + 1) // 2} pairs"
    ax.set_xlabel(f"key\n{min(seen)} to {max(seen)} keys per query,\n{pairs}", fontsize=8.5)
    return ax


def receptive_field(
    masks: Sequence[Square],
    *,
    alt: str | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Which inputs reach the last position through these layers, computed from their masks.

    Every dot is one position after one layer, every line a look of a query at a key; those that
    matter to the last position at the top are drawn in colour. Layers are the masks, lowest first.
    """
    n_layers, length = len(masks), len(masks[0])
    ax = axes_for(ax, alt, masks, size=(7, 1.2 + 0.55 * n_layers))
    counts = reach(masks).numpy()
    for layer, mask in enumerate(masks, start=1):
        queries, keys = np.nonzero(mask.numpy() & counts[layer][:, None])
        looks = [[(k, layer - 1), (q, layer)] for q, k in zip(queries, keys)]
        ax.add_collection(
            LineCollection(looks, colors=BLUE, linewidths=0.7, alpha=_alpha(len(looks)))
        )
    levels, places = np.nonzero(counts)
    ax.plot(*np.nonzero(~counts)[::-1], "o", color=CARD, markeredgecolor=GREY, markersize=4.5)
    ax.plot(places, levels, "o", color=BLUE, markersize=5)
    ax.plot([length - 1], [n_layers], "o", color=ORANGE, markersize=8)
    seen = int(counts[0].sum())
    written = title or f"Through {n_layers} layers the last position sees {seen} of {length} inputs"
    ax.set_yticks(range(n_layers + 1), ["input", *(_layer_name(i, m) for i, m in enumerate(masks))])
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.set_ylim(-0.35, n_layers + 0.35)
    write_around(ax, written, "position", "", {})
    return ax


def _alpha(n_lines: int) -> float:
    """Fainter where many lines cross, so that they do not fill the space between two layers."""
    return min(0.45, max(0.12, 40 / n_lines))


def _layer_name(layer: int, mask: Square) -> str:
    """A window is named by the largest number of keys a query sees."""
    most = max(keys_seen(mask))
    return f"layer {layer + 1}, " + ("full" if most == len(mask) else f"{most} keys")
