"""Divergence: the threads of a warp share one instruction, so both sides of a branch are executed.

A warp issues one instruction at a time, for all its lanes or for those that a mask leaves active.
Where lanes disagree about a branch, it runs one side with the others masked, then the other side.
A loop runs until the last lane is done.

A program here is a list of steps: an int is so many instructions in a row, a `Branch` and a `Loop`
contain programs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Mask = tuple[bool, ...]  # one per lane


@dataclass(frozen=True)
class Branch:
    """`if`: lanes for which the condition holds run `then`, the others `otherwise`."""

    condition: Sequence[bool]
    then: "Program"
    otherwise: "Program" = field(default_factory=list)


@dataclass(frozen=True)
class Loop:
    """`for`: every lane runs the body as often as it has trips."""

    trips: Sequence[int]
    body: "Program"


Program = Sequence[int | Branch | Loop]


@dataclass(frozen=True)
class Execution:
    """What a warp did: the mask of every instruction that it issued, in order."""

    masks: list[Mask]

    @property
    def slots(self) -> int:
        """Issue slots: the time it took."""
        return len(self.masks)

    @property
    def efficiency(self) -> float:
        """The share of lanes that were active, over all slots."""
        return sum(map(sum, self.masks)) / sum(map(len, self.masks))


def masked_execution(program: Program, lanes: int = 32) -> Execution:
    """Run a program on a warp of so many lanes."""
    return Execution(list(issue(program, (True,) * lanes)))


def issue(program: Program, mask: Mask) -> Iterator[Mask]:
    """The instructions of a program one by one, each as the mask of the lanes that execute it."""
    for step in program:
        if isinstance(step, int):
            yield from (mask for _ in range(step))
        elif isinstance(step, Branch):
            yield from _both_sides(step, mask)
        else:
            yield from _until_the_last(step, mask)


def _both_sides(branch: Branch, mask: Mask) -> Iterator[Mask]:
    _one_per_lane(branch.condition, mask)
    for side, wanted in ((branch.then, True), (branch.otherwise, False)):
        active = tuple(on and (yes == wanted) for on, yes in zip(mask, branch.condition))
        if any(active):  # a side that nobody takes is jumped over
            yield from issue(side, active)


def _until_the_last(loop: Loop, mask: Mask) -> Iterator[Mask]:
    _one_per_lane(loop.trips, mask)
    rounds = max((n for on, n in zip(mask, loop.trips) if on), default=0)
    for done in range(rounds):
        yield from issue(loop.body, tuple(on and done < n for on, n in zip(mask, loop.trips)))


def _one_per_lane(values: Sequence, mask: Mask) -> None:
    if len(values) != len(mask):
        raise ValueError(
            f"A warp of {len(mask)} lanes needs as many conditions or trips, not {len(values)}."
        )
