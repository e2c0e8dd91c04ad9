"""Figures as learners meet them: a sharp, small picture on a light card, and words for the blind.

A figure drawn with pyplot is shown when its cell ends, or at plt.show(). It needs an alt text, a
sentence that says what there is to see: from `new_axes`, from a plot helper, or from `show`. One
without is shown and then fails its cell.
"""

import base64
import html
import io
from weakref import WeakKeyDictionary, WeakSet

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

COLOURS = 64  # enough for lines and a heat map; a third of the bytes of the full picture


class FigureError(ValueError):
    """A figure that cannot be shown to every reader; shown in a notebook as its one sentence."""

    def _render_traceback_(self) -> list[str]:
        return [f"FigureError: {self}"]


def new_axes(
    alt: str, size: tuple[int | float, int | float] = (6, 3.5), rows: int = 1, cols: int = 1
) -> Axes | np.ndarray:
    """Empty axes to draw on, or an array of them (rows, cols squeezed), `size` in inches."""
    words = _checked(alt)
    figure, axes = plt.subplots(rows, cols, figsize=size)
    _alt[figure] = words
    return axes


def show(figure: Figure | Axes, alt: str, caption: str | None = None) -> None:
    """Show a figure here and now, instead of at the end of the cell, and close it."""
    owner = figure_of(figure)
    _alt[owner] = _checked(alt)
    publish(owner, caption)


def describe(figure: Figure | Axes, alt: str) -> None:
    """Add to the alt text of a figure: several panels, several sentences."""
    owner = figure_of(figure)
    known = _alt.get(owner)
    _alt[owner] = f"{known} {_checked(alt)}" if known else _checked(alt)


def alt_text(figure: Figure | Axes) -> str | None:
    """What was said about the figure so far."""
    return _alt.get(figure_of(figure))


def picture(figure: Figure | Axes, alt: str, caption: str | None = None) -> str:
    """The figure as self-contained HTML, the same bytes every time. The figure is closed."""
    owner = figure_of(figure)
    width = round(owner.get_figwidth() * 96)  # CSS pixels: 96 per inch
    data = base64.b64encode(_png(owner)).decode("ascii")
    plt.close(owner)
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure style="margin:0.5em 0"><img alt="{html.escape(alt)}" width="{width}" '
        'style="max-width:100%;height:auto;border-radius:6px" '
        f'src="data:image/png;base64,{data}">{below}</figure>'
    )


def publish(figure: Figure, caption: str | None = None) -> None:
    """Send the figure to the notebook and close it; remember if its alt text was missing."""
    alt = _alt.get(figure)
    if alt is None:
        _without_alt.add(figure)
    words = alt or "figure without alt text"
    _shown.add(figure)
    display(
        {"text/html": picture(figure, words, caption), "text/plain": f"[Figure: {words}]"}, raw=True
    )


def publish_open_figures() -> None:
    """What plt.show() and the end of a cell do: every open pyplot figure, oldest first."""
    try:
        for number in plt.get_fignums():
            publish(plt.figure(number))
    finally:
        plt.close("all")  # a figure that cannot be drawn must not fail the next cell too


def shown_in_this_cell(figure: Figure) -> bool:
    """Whether the figure was shown since the last call of `finish_cell`."""
    return figure in _shown


def finish_cell() -> None:
    """Forget what the cell has shown. Raises FigureError if that had no alt text."""
    n_missing = len(_without_alt)
    _shown.clear()
    _without_alt.clear()
    if n_missing:
        which = "This figure has" if n_missing == 1 else f"{n_missing} figures of this cell have"
        raise FigureError(
            f"{which} no alt text: readers who cannot see it learn nothing. Say in a sentence what "
            'it shows: ax = new_axes(alt="...") before drawing, show(figure, alt="...") after it, '
            'or alt="..." in the plot helper (from lib.notebook.figures import new_axes, show).'
        )


def figure_of(figure: Figure | Axes) -> Figure:
    """The whole figure that axes belong to."""
    owner = figure.get_figure(root=True)
    if owner is None:
        raise FigureError("These axes were removed from their figure: draw on new ones.")
    return owner


_alt: WeakKeyDictionary[Figure, str] = WeakKeyDictionary()
_shown: WeakSet[Figure] = WeakSet()
_without_alt: WeakSet[Figure] = WeakSet()


def _checked(alt: str) -> str:
    words = " ".join(alt.split())
    if not words:
        raise FigureError("The alt text is empty: say in a sentence what there is to see.")
    return words


def _png(figure: Figure) -> bytes:
    """A picture of twice the dots per inch, reduced to a palette."""
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=192, metadata={"Software": None})
    picture = Image.open(raw).convert("RGB")
    # Without dithering: it would sprinkle dots over the flat ground and triple the size.
    small = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = io.BytesIO()
    small.save(out, format="png", optimize=True)
    return out.getvalue()
