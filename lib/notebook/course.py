"""The course itself: its lectures as data, as a table of what exists today, and as one picture."""

import csv
from functools import cache
from html import escape
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from lib.notebook.colours import colour
from lib.notebook.figures import new_axes
from lib.notebook.rendered import Rendered
from lib.notebook.tables import table

REPO = Path(__file__).resolve().parents[2]

# What each unit turns into what, and the one thing worth remembering from it.
UNITS = {
    "basics": (
        "text becomes numbers,\nnumbers become a model",
        "every choice is judged by\nwhat it gives per FLOP",
    ),
    "systems": (
        "the model runs at the\nspeed of the hardware",
        "a B200 can do 281 FLOPs\nfor each byte it reads",
    ),
    "scaling": (
        "small runs decide how\nto spend a large budget",
        "predicting the result matters\nas much as improving it",
    ),
    "data": (
        "the web becomes\ntraining text",
        "what we evaluate defines\nwhat data is for",
    ),
    "alignment": (
        "a text predictor becomes\nan assistant",
        "judging an answer is easier\nthan writing it",
    ),
}

MAP_ALT = (
    "The course as a chain of five boxes: basics, systems, scaling, data, alignment, each with its "
    "lectures. A dashed arrow leads from alignment to data: failures say which data to look for."
)


@cache
def course() -> list[dict[str, str]]:
    """One row per lecture, in order; `notebook` names its file, whether or not it exists yet."""
    path = REPO / "lib" / "assets" / "course.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def exists(lecture: dict[str, str]) -> bool:
    """Whether this lecture can be opened today."""
    return (REPO / "lectures" / f"{lecture['notebook']}.ipynb").exists()


def lecture_table() -> None:
    """Show every lecture: the question it answers, where it is, how long it runs, what it needs."""
    table([_row(lecture) for lecture in course()], caption="Those without a link are planned")


def course_map(alt: str = MAP_ALT) -> Axes:
    """Draw the five units as a chain, and the way back from the assistant to data."""
    ax = new_axes(alt, size=(10, 3.3))
    for i, (unit, (does, remember)) in enumerate(UNITS.items()):
        left = 2.0 * i
        _unit_box(ax, left, unit, does, remember)
        if i:
            ax.annotate("", (left, 2.05), (left - 0.18, 2.05), arrowprops={"arrowstyle": "-|>"})
    way_back = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=0.28", "linestyle": "--"}
    ax.annotate("", (6.6, 3.02), (8.9, 3.02), arrowprops=way_back)
    ax.text(7.75, 3.5, "failures say which data to look for", ha="center", fontsize=9)
    ax.set(xlim=(-0.1, 9.95), ylim=(0.2, 3.75))
    ax.set_axis_off()
    ax.set_title("Every link asks the same question: what do we get for what we pay?", loc="left")
    return ax


def _row(lecture: dict[str, str]) -> dict[str, str | Rendered]:
    there = exists(lecture)
    return {
        "": lecture["number"],
        "lecture": _link(lecture) if there else lecture["title"],
        "the question it answers": lecture["question"],
        "package": f"lib/{lecture['package']}" if there else "planned",
        "minutes": lecture["minutes"] if there else "",
        "needs a GPU": lecture["gpu"],
    }


def _link(lecture: dict[str, str]) -> Rendered:
    target, title = f"{lecture['notebook']}.ipynb", lecture["title"]
    return Rendered(f'<a href="{escape(target)}">{escape(title)}</a>', title)


def _unit_box(ax: Axes, left: float, unit: str, does: str, remember: str) -> None:
    """One unit: its name and purpose in a box with its lectures, and below it its one thought."""
    width = 1.82
    shape = FancyBboxPatch((left, 1.1), width, 1.9, boxstyle="round,pad=0,rounding_size=0.12")
    shape.set(facecolor=colour(unit), alpha=0.16, edgecolor="none")
    ax.add_patch(shape)
    numbers = ", ".join(lecture["number"] for lecture in course() if lecture["unit"] == unit)
    middle = {"x": left + width / 2, "ha": "center", "va": "center"}
    ax.text(y=2.72, s=unit, weight="bold", fontsize=11, **middle)
    ax.text(y=2.15, s=does, fontsize=8.5, **middle)
    ax.text(y=1.45, s=f"lectures {numbers}", fontsize=8.5, **middle)
    ax.text(y=0.6, s=remember, fontsize=8, style="italic", **middle)
