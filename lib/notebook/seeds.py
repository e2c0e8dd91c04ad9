"""Runs that differ only in their seed: how far they scatter, and whether an effect is larger.

    seed_curves({"SwiGLU": (steps, losses_of_each_seed), ...}, title=..., alt=...)
    seed_dots({"SwiGLU": [2.31, 2.33, 2.30], "ReLU": [2.36, 2.38, 2.35]}, title=..., alt=...)
    compare_seeds({"SwiGLU": [...], "ReLU": [...]}).sentence

A few seeds have no useful standard deviation; the range, from the lowest to the highest, is what
was seen and no more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lib.notebook.colours import BLUE, colours_for, ink
from lib.notebook.drawing import axes_for, numbers, used_colours, write_around
from lib.notebook.plots import curves


@dataclass(frozen=True)
class Spread:
    """What a few runs of one kind came to."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def range(self) -> float:
        """From the lowest to the highest."""
        return self.high - self.low

    def __str__(self) -> str:
        n = len(self.values)
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g}, {n} seed{'s' * (n > 1)})"


def spread(values: Any) -> Spread:
    """Mean and range of one number per seed. Raises ValueError without a finite number each."""
    found = numbers(values)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise ValueError(f"A spread needs one finite number per seed, not {values!r}.")
    return Spread(tuple(found.tolist()))


@dataclass(frozen=True)
class SeedComparison:
    """Two ways, several seeds each."""

    names: tuple[str, str]
    spreads: tuple[Spread, Spread]
    of: str

    @property
    def difference(self) -> float:
        """Of the means, the second minus the first."""
        return self.spreads[1].mean - self.spreads[0].mean

    @property
    def scatter(self) -> float:
        """The larger of the two ranges."""
        return max(one.range for one in self.spreads)

    @property
    def overlap(self) -> bool:
        """Whether some seed of the one that is lower on average reaches the other's range."""
        one, other = self.spreads
        return one.low <= other.high and other.low <= one.high

    @property
    def by_chance(self) -> float:
        """How often two equal ways show no overlap: all seeds of either come first in a shuffle."""
        one, other = (len(each.values) for each in self.spreads)
        return 2 / comb(one + other, one)

    @property
    def sentence(self) -> str:
        """What may be said."""
        (first, second), by = self.names, abs(self.difference)
        side = "lower" if self.difference < 0 else "higher"
        seen = f"{self.of}: {second} is {by:.2g} {side} than {first} on average"
        if self.overlap:
            return (
                f"{seen}, and seeds of one alone differ by up to {self.scatter:.2g}: the ranges "
                "overlap, so these runs do not say which is better."
            )
        return (
            f"{seen}, in every pair of seeds; seeds of one alone differ by up to "
            f"{self.scatter:.2g}. Of two equal ways {100 * self.by_chance:.2g} % would look as "
            "clear by chance."
        )


def compare_seeds(finals: Mapping[str, Any], of: str = "final loss") -> SeedComparison:
    """Compare two entries {name: one number per seed}; `of` says what the numbers measure."""
    if len(finals) != 2:
        raise ValueError(
            f"Two ways are compared, and {list(finals)} are {len(finals)}: pass two at a time."
        )
    first, second = finals
    return SeedComparison((first, second), (spread(finals[first]), spread(finals[second])), of)


def seed_curves(
    runs: Mapping[str, tuple[Any, Sequence[Any]]],
    *,
    title: str,
    x: str = "step",
    y: str = "loss, nats per token",
    alt: str | None = None,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """The mean over seeds as a line, their range as a band: {label: (xs, one ys per seed)}.

    A run that diverged leaves a gap: where one seed has no number, there is no mean.
    """
    lines, bands = {}, {}
    for label, (xs, of_seeds) in runs.items():
        table = np.stack([numbers(ys) for ys in of_seeds])
        lines[label] = (xs, table.mean(axis=0))
        bands[label] = (table.min(axis=0), table.max(axis=0))
    return curves(lines, title=title, x=x, y=y, alt=alt, bands=bands, ax=ax, **axes)


def seed_dots(
    finals: Mapping[str, Any],
    *,
    title: str,
    x: str = "final loss, nats per token",
    y: str = "",
    alt: str | None = None,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """One row per entry {label: one number per seed}: a dot for each seed, a bar at their mean.

    Few rows have the colours that their curves have; with many, all have the same.
    """
    ax = axes_for(ax, alt, finals, size=(6, 1.1 + 0.5 * max(2, len(finals))))
    many = len(finals) > 5
    colours = dict.fromkeys(finals, BLUE) if many else colours_for(finals, used_colours(ax))
    for row, (label, values) in enumerate(finals.items()):
        seen, colour = spread(values), colours[label]
        ax.plot([seen.low, seen.high], [row, row], color=colour, linewidth=5, alpha=0.25)
        ax.plot(seen.values, [row] * len(seen.values), "o", color=colour, alpha=0.75, label=label)
        ax.plot([seen.mean], [row], "|", color=colour, markersize=20, markeredgewidth=2.2)
        place = {"textcoords": "offset points", "xytext": (0, 12), "ha": "center", "fontsize": 9}
        ax.annotate(f"{seen.mean:.4g}", (seen.mean, row), color=ink(colour), **place)
    ax.set_yticks(range(len(finals)), list(finals), fontsize=10)
    ax.set_ylim(len(finals) - 0.6, -0.75)  # the first on top, with room for its number
    ax.tick_params(axis="y", length=0)
    ax.margins(x=0.1)
    ax.grid(visible=False, axis="y")
    write_around(ax, title, x, y, axes)
    return ax
