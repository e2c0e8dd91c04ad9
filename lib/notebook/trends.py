"""How common a choice was, year by year, among the models of the facts table."""

from collections import Counter
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from lib.notebook.colours import CARD, colours_for, contrast, ink
from lib.notebook.drawing import axes_for, write_around
from lib.notebook.model_choices import UNKNOWN, answers, families, shares

HATCHES = ("", "///", "\\\\\\", "...", "xxx", "---")


def trend(
    question: str,
    *,
    title: str,
    alt: str | None = None,
    since: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """One bar per year, cut into the shares of the choices, the first of the rules at the top.

    Above each bar stands how many model families it counts, each once, and its width follows that
    number; `since` leaves earlier years out. What counts as which choice is
    written in `model_choices.RULES`.
    """
    years = {year: parts for year, parts in shares(question).items() if year >= since}
    made = [a for a in answers(question) if any(parts[a] for parts in years.values())]
    ax = axes_for(ax, alt, years, size=(max(4, 1.2 + 0.75 * len(years)), 3.7))
    colours = colours_for(made)
    counts = Counter(year for _, year in families())
    for place, (year, parts) in enumerate(years.items()):
        width = 0.46 + 0.4 * counts[year] / max(counts.values())  # a year of one family weighs less
        _bar(ax, place, width, {answer: parts[answer] for answer in made}, colours)
        above = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
        ax.annotate(f"{counts[year]}", (place, 1), **above)
    ax.set_xticks(range(len(years)), [str(year) for year in years])
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    ax.set_ylim(0, 1.1)
    ax.grid(visible=False)
    ax.tick_params(axis="x", length=0)
    _legend(ax, made, colours)
    write_around(ax, title, "year (above the bars: model families)", "% of families", {})
    return ax


def _bar(
    ax: Axes, place: int, width: float, parts: Mapping[str, float], colours: Mapping[str, str]
) -> None:
    """One year, stacked from the top down; parts that are large enough carry their per cent."""
    top = 1.0
    for i, (answer, share) in enumerate(parts.items()):
        if not share:
            continue
        look = {"color": colours[answer], "edgecolor": CARD, "hatch": HATCHES[i % len(HATCHES)]}
        ax.bar(place, -share, bottom=top, width=width, linewidth=1.2, **look)
        if share > 0.08:
            ground = colours[answer]
            white = contrast("#ffffff", ground) > contrast("#000000", ground)
            text = {"ha": "center", "va": "center", "fontsize": 8.5}
            text["color"] = "#ffffff" if white else "#000000"
            text["bbox"] = {"facecolor": ground, "edgecolor": "none", "pad": 1.2}
            ax.text(place, top - share / 2, f"{100 * share:.0f}", **text)
        top -= share


def _legend(ax: Axes, made: list[str], colours: Mapping[str, str]) -> None:
    """Below the axes, in the order of the bars."""
    handles = [
        Patch(
            facecolor=colours[answer],
            edgecolor=CARD,
            hatch=HATCHES[i % len(HATCHES)],
            label="not known" if answer == UNKNOWN else answer,
        )
        for i, answer in enumerate(made)
    ]
    written = [ink(colours[answer]) for answer in made]
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 3}
    ax.legend(handles=handles, labelcolor=written, columnspacing=1.4, **place)
