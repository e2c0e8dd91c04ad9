"""A list of steps, cut into stages: what each shard can do without knowing of the others.

A stage begins with what the barrier before it has decided, goes through steps that look at one
record at a time, and ends with what the next barrier has to know, or with what comes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lib.curation.barriers import Barrier
from lib.curation.sinks import Sink, Write
from lib.curation.sources import Source
from lib.curation.steps import Each, Step


@dataclass
class Stage:
    """The steps between two barriers. `labels` has a name for each of `steps`."""

    number: int
    begin: Source | Barrier  # a source, or the barrier that was before
    each: list[Each] = field(default_factory=list)
    barrier: Barrier | None = None  # at the end
    sinks: list[Sink] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        """All that are counted here: a barrier is counted where it is carried out."""
        return [self.begin, *self.each, *self.sinks]

    @property
    def title(self) -> str:
        """What a progress bar says."""
        return ", ".join(self.labels)


def stages_of(steps: Sequence[object]) -> list[Stage]:
    """Cut at the barriers. Raises ValueError if the order makes no sense."""
    if not steps or not isinstance(steps[0], Source):
        raise ValueError("A pipeline begins with a source: read files, or given records.")
    stages, sinks = [Stage(0, steps[0])], []
    for step in steps[1:]:
        if isinstance(step, Source):
            raise ValueError(f"A pipeline has one source, and {step.kind} is a second one.")
        if isinstance(step, Sink):
            sinks.append(step)
        elif sinks:
            raise ValueError(
                f"{step.kind} comes behind {sinks[-1].kind}. Put what writes at the end."
            )
        elif isinstance(step, Barrier):
            stages[-1].barrier = step
            stages.append(Stage(len(stages), step))
        elif isinstance(step, Each):
            stages[-1].each.append(step)
        else:
            raise ValueError(f"{step!r} is no step. Wrap a function: Apply(function, name=...).")
    stages[-1].sinks = sinks or [Write()]
    folders = [sink.path(0).parent for sink in stages[-1].sinks]
    if len(set(folders)) < len(folders):
        raise ValueError(f"Two steps write to {folders[0]}. Give one another name.")
    _name(stages)
    return stages


def _name(stages: list[Stage]) -> None:
    """Two steps with the same label become "rules" and "rules 2"."""
    taken: set[str] = set()
    for stage in stages:
        stage.labels = []
        for step in stage.steps:
            label, number = step.label, 2
            while label in taken:
                label, number = f"{step.label} {number}", number + 1
            taken.add(label)
            stage.labels.append(label)
