"""When each rank of a pipeline did what, measured or computed, and what can be read off it.

Times are seconds on one clock, or any unit. A bubble is time in which a rank waits while the batch
is under way.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One action of one rank: F forward, B backward, W the gradients of the weights alone."""

    rank: int
    action: str
    microbatch: int
    chunk: int
    begin: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """All events of a batch."""

    events: list[Event]
    n_ranks: int

    @property
    def span(self) -> float:
        """From the first beginning to the last end."""
        return max(e.end for e in self.events) - min(e.begin for e in self.events)

    @property
    def busy(self) -> list[float]:
        """How long each rank worked."""
        return [sum(e.end - e.begin for e in self.of(rank)) for rank in range(self.n_ranks)]

    @property
    def bubble(self) -> float:
        """The share of all ranks' time that is bubble."""
        return 1 - sum(self.busy) / (self.n_ranks * self.span)

    @property
    def peak_live(self) -> list[int]:
        """The most microbatches of which each rank held activations; each chunk's are counted.

        F makes what the way back needs. The last action on the microbatch frees it.
        """
        return [_peak_live(self.of(rank)) for rank in range(self.n_ranks)]

    def of(self, rank: int) -> list[Event]:
        """The events of one rank, in their order."""
        return sorted((e for e in self.events if e.rank == rank), key=lambda event: event.begin)

    def from_zero(self) -> "Timeline":
        """The same with time counted from the first beginning."""
        zero = min(event.begin for event in self.events)
        moved = [
            Event(e.rank, e.action, e.microbatch, e.chunk, e.begin - zero, e.end - zero)
            for e in self.events
        ]
        return Timeline(moved, self.n_ranks)


def _peak_live(events: list[Event]) -> int:
    last = {(event.chunk, event.microbatch): event for event in events}
    held = peak = 0
    for event in events:
        held += event.action == "F"
        peak = max(peak, held)
        held -= event is last[event.chunk, event.microbatch]
    return peak
