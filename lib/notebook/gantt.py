"""What the ranks of a pipeline did when, or would do: forward, backward, and waiting between.

    gantt(simulate_schedule("1f1b", 4, 8), title="1F1B", unit="forwards")
    gantt({"measured": run, "ideal": plan}, title="Two ranks, four microbatches")

Drawn from events with rank, action ("F", "B", "W" or any word), microbatch, begin and end, and with
chunk where a rank has several; a Timeline of lib/parallel/timeline.py has them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.notebook.rendered import Rendered
from lib.notebook.time_lanes import Bar, span, time_lanes
from lib.notebook.units import duration, rounded

ACTIONS = {"F": "forward", "B": "backward", "W": "weight gradients"}


def gantt(timelines: Any, *, title: str, unit: str = "s", alt: str | None = None) -> Rendered:
    """Lanes by rank with the microbatch on every bar; waiting is shaded, and its share is named.

    `timelines` is one, or {name: timeline} to compare several below each other on the same scale.
    Without `alt` the drawing describes itself in numbers.
    """
    several = timelines if isinstance(timelines, Mapping) else {"": timelines}
    events = {name: events_of(timeline) for name, timeline in several.items()}
    panels = {_named(name, found, unit): _bars(found) for name, found in events.items()}
    if len(panels) == 1:
        title, panels = f"{title}: {next(iter(panels))}", {"": next(iter(panels.values()))}
    said = "; ".join(_named(name, found, unit) for name, found in events.items())
    alt = alt or f"A lane for each rank with a bar for each action. {said}."
    return time_lanes(panels, title=title, alt=alt, unit=unit)


def events_of(timeline: Any) -> list[Any]:
    """The events of a timeline, or of a list of them, ranks in order."""
    events = list(getattr(timeline, "events", timeline))
    return sorted(events, key=lambda event: (event.rank, event.begin))


def bubble(events: Sequence[Any]) -> float:
    """The share of all ranks' time in which they wait."""
    bars = [Bar(str(event.rank), "", "", event.begin, event.end) for event in events]
    n_ranks = 1 + max(event.rank for event in events)
    whole = n_ranks * span(bars)
    return 1 - sum(bar.takes for bar in bars) / whole if whole else 0.0


def _named(name: str, events: Sequence[Any], unit: str) -> str:
    """measured: 27% bubble, 11 ms"""
    if not events:
        raise ValueError(f"The timeline {name!r} has no events: run the pipeline first.")
    whole = max(event.end for event in events) - min(event.begin for event in events)
    took = duration(whole) if unit == "s" else f"{rounded(whole)} {unit}".strip()
    said = f"{100 * bubble(events):.0f}% bubble, {took}"
    return f"{name}: {said}" if name else said


def _bars(events: Sequence[Any]) -> list[Bar]:
    """Chunks of a rank are told apart by shade, and by a letter behind the microbatch."""
    chunks = [getattr(event, "chunk", 0) for event in events]
    letters = ["abcdefgh"[chunk % 8] if any(chunks) else "" for chunk in chunks]
    return [
        Bar(
            f"rank {event.rank}",
            ACTIONS.get(event.action, event.action),
            f"{event.microbatch}{letter}",
            event.begin,
            event.end,
            shade=chunk,
        )
        for event, chunk, letter in zip(events, chunks, letters)
    ]
