"""The models of the facts table as points: choose the axes, the colours and the years.

    model_explorer()                                          menus, years, names on hover
    model_scatter("year", "width / layers", "norm", ...)      one choice as a picture

Models without a published number on one of the axes are counted, not guessed.
"""

from collections.abc import Collection
from html import escape

import numpy as np
from matplotlib.axes import Axes

from lib.notebook.colours import CARD, colours_for, ink
from lib.notebook.drawing import MARKERS, axes_for, legend, write_around
from lib.notebook.facts import Row, facts
from lib.notebook.figures import picture
from lib.notebook.labels import HALO, place_around
from lib.notebook.model_choices import RULES, answers, choice
from lib.notebook.model_numbers import QUANTITIES, number_of, years_apart
from lib.notebook.page import fill, script_data
from lib.notebook.rendered import Rendered

FAMOUS = (
    "GPT-2 XL",
    "T5-11B",
    "GPT-3 175B",
    "PaLM 540B",
    "BLOOM 176B",
    "LLaMA 1 65B",
    "Llama 3.1 8B",
    "Gemma 2 2B",
    "Qwen3 0.6B",
    "DeepSeek-V3",
)


def model_explorer(
    x: str = "year", y: str = "parameters", colour: str = "norm", label: Collection[str] = FAMOUS
) -> Rendered:
    """Points with menus for both axes and the colour, and two sliders for the years.

    Names appear on hover, and in a menu for the keyboard; those in `label` are always written.
    Plain HTML: it moves without a kernel. Where scripts do not run, the first picture stays.
    """
    rows = facts("models")
    for quantity in (x, y):
        number_of(rows[0], quantity)  # a wrong name is an error here, not in the browser
    alt = f"The models of the table: {y} against {x}, coloured by {colour}."
    still = model_scatter(x, y, colour, label=label, title=f"{y} and {x}, by {colour}", alt=alt)
    data = {
        "names": [row["name"] for row in rows],
        "years": [row["year"] for row in rows],
        "numbers": {quantity: _axis(rows, quantity) for quantity in QUANTITIES},
        "answers": {question: [choice(row, question) for row in rows] for question in RULES},
        "looks": {question: _looks(question) for question in RULES},
        "start": {"x": x, "y": y, "colour": colour},
        "label": list(label),
        "card": CARD,
    }
    html = fill(
        "model_explorer.html", ALT=escape(alt), PICTURE=picture(still, alt), DATA=script_data(data)
    )
    return Rendered(html, f"[{alt}]")


def _axis(rows: list[Row], quantity: str) -> list[int | float | None]:
    """All models on one axis, ratios shortened; years are spread."""
    year = quantity == "year"
    found = years_apart(rows) if year else [number_of(row, quantity) for row in rows]
    return [float(f"{value:.7g}") if isinstance(value, float) else value for value in found]


def _looks(question: str) -> list[tuple[str, str, str]]:
    """Every answer with its colour, for shapes and for text."""
    colours = colours_for(answers(question))
    return [(answer, colours[answer], ink(colours[answer])) for answer in answers(question)]


def model_scatter(
    x: str,
    y: str,
    colour: str,
    *,
    title: str,
    alt: str | None = None,
    label: Collection[str] = FAMOUS,
    years: tuple[int, int] | None = None,
    ax: Axes | None = None,
    **axes: object,
) -> Axes:
    """One point per model of these years (first, last), in the colour and shape of what it chose.

    `x` and `y` are QUANTITIES, `colour` a question of RULES; names in `label` are written beside
    their points. A log axis is taken where values differ by more than a factor of 20.
    """
    rows = [r for r in facts("models") if years is None or years[0] <= r["year"] <= years[1]]
    ax = axes_for(ax, alt, rows, size=(7.2, 4.6))
    xs, ys = (np.array(_axis(rows, quantity), dtype=float) for quantity in (x, y))
    chose = [choice(row, colour) for row in rows]
    colours, names = colours_for(answers(colour)), []
    made = [answer for answer in answers(colour) if answer in chose]
    for answer, shape in zip(made, MARKERS):
        mine = [i for i, other in enumerate(chose) if other == answer]
        look = {"color": colours[answer], "markeredgecolor": CARD, "markersize": 7}
        ax.plot(xs[mine], ys[mine], linestyle="", marker=shape, alpha=0.9, **look)
    for i, row in enumerate(rows):
        if row["name"] in label and np.isfinite(xs[i] * ys[i]):
            look = {"color": ink(colours[chose[i]]), "fontsize": 8.5, "path_effects": [HALO]}
            place = {"textcoords": "offset points", "xytext": (7, 0)}
            names.append(ax.annotate(str(row["name"]), (xs[i], ys[i]), **place, **look))
    ax.margins(0.06)
    for axis, quantity, values in (("x", x, xs), ("y", y, ys)):
        if quantity != "year" and np.nanmax(values) > 20 * np.nanmin(values):
            axes.setdefault(f"{axis}scale", "log")
    n_missing = int((~np.isfinite(xs * ys)).sum())
    without = f"   ({n_missing} models without a published value)" if n_missing else ""
    write_around(ax, title, x + without, y, axes)
    legend(ax, {answer: colours[answer] for answer in made}, below=True)
    drawn = np.isfinite(xs * ys)
    place_around(ax, names, list(zip(xs[drawn], ys[drawn])))
    return ax
