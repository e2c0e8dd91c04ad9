"""What a pipeline keeps, stage by stage: a bar of what came in, in it what goes on, and the losses.

funnel([Stage("main text", 2_300, {"menus and markup": 4_100}), ...], title="...", unit="bytes")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lib.notebook.colours import BLUE, GREY, SLATE, ink
from lib.notebook.rendered import Rendered
from lib.notebook.svg import PALE, box, drawing, heading, rule, words
from lib.notebook.units import quantity

LEFT, WIDE, TOP, ROW, BAR = 14, 470, 50, 62, 22  # pixels
WIDTH = 860


@dataclass(frozen=True)
class Stage:
    """What is left after a stage, what it lost and to what, and what had been predicted to stay."""

    name: str
    kept: float | int
    lost: Mapping[str, float | int] = field(default_factory=dict)
    predicted: float | int | None = None

    @property
    def came(self) -> float | int:
        return self.kept + sum(self.lost.values())


def funnel(stages: Sequence[Stage], *, title: str, unit: str = "B") -> Rendered:
    """One row per stage, all on one scale; dashes mark predictions.

    Raises ValueError where a stage does not take in what the stage before it kept.
    """
    check(stages)
    scale = WIDE / stages[0].came
    parts = [heading(title, WIDTH)]
    for row, stage in enumerate(stages):
        y = TOP + ROW * row
        came, kept = stage.came * scale, stage.kept * scale
        parts += slope(y, came, kept, last=row == len(stages) - 1)
        parts.append(words(LEFT, y + 12, stage.name, 12, font_weight="bold"))
        parts.append(box(LEFT, y + 18, came, BAR, fill=PALE, edge=GREY))
        parts.append(box(LEFT, y + 18, max(kept, 1.0), BAR, fill=BLUE))
        if stage.predicted is not None:
            x = LEFT + stage.predicted * scale
            parts.append(rule(x, y + 14, x, y + 44, SLATE, stroke_width=2, stroke_dasharray="5 3"))
        parts.append(words(LEFT + WIDE + 16, y + 26, kept_words(stage, unit), 12, ink(BLUE)))
        parts.append(words(LEFT + WIDE + 16, y + 41, lost_words(stage, unit), 11, ink(GREY)))
    alt = f"{title}: " + "; ".join(
        f"{stage.name}: {kept_words(stage, unit)}"
        + (f" ({lost_words(stage, unit)})" if stage.lost else "")
        for stage in stages
    )
    height = TOP + ROW * len(stages)
    return Rendered(drawing(WIDTH, height, parts, alt=alt), f"[Drawing: {alt}.]")


def check(stages: Sequence[Stage]) -> None:
    """Nothing appears or vanishes between two stages."""
    for before, stage in pairwise(stages):
        if round(stage.came) != round(before.kept):
            raise ValueError(
                f"The stage {stage.name!r} takes in {stage.came:,}, but {before.name!r} kept "
                f"{before.kept:,}. Name what was lost between the two in `lost`."
            )


def slope(y: float | int, came: float | int, kept: float | int, *, last: bool) -> list[str]:
    """Lines from the end of what is kept to the next row, which is as long."""
    if last:
        return []
    return [rule(LEFT + kept, y + 18 + BAR, LEFT + kept, y + ROW + 18, GREY, stroke_width=0.7)]


def kept_words(stage: Stage, unit: str) -> str:
    """How much, and what share of what came in."""
    share = f", {stage.kept / stage.came:.0%} of it" if stage.lost else ""
    return f"{quantity(stage.kept, unit)} kept{share}"


def lost_words(stage: Stage, unit: str) -> str:
    """Every loss by its reason, the largest first."""
    order = sorted(stage.lost.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} {quantity(amount, unit)}" for reason, amount in order)
