"""What a step-through is made of: plain text and numbers, nothing of the watched code's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lib.notebook.statements import Statement
from lib.notebook.values import Shown

CELL = "this cell"  # the name of a cell's own lines, where a call has the name of its function


@dataclass(frozen=True)
class Source:
    """A stretch of a file that is shown: a whole cell, or one function."""

    title: str
    filename: str
    first: int  # line of the file
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a call stands: its number in order of time, its name, its source, the statement it is
    in."""

    call: int
    name: str
    source: int
    statement: Statement


@dataclass(frozen=True)
class Round:
    """An iteration of a loop. `entry` numbers the times that any loop was entered."""

    source: int
    line: int
    entry: int
    iteration: int
    at_head: bool  # still at the `for` or `while` line, which may end the loop


@dataclass(frozen=True)
class Step:
    """What one statement did."""

    stack: tuple[Place, ...]  # outermost first; the last is where the step happened
    kind: str  # "line", "start", "call", "return", "yield" or "error"
    note: str
    changed: Mapping[str, Shown]  # variables that are new or changed
    gone: tuple[str, ...]  # variables that were deleted
    rounds: tuple[Round, ...]  # the loops this is part of, outermost first


@dataclass
class Recording:
    """Everything that was seen."""

    limit: int
    sources: list[Source] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    complete: bool = True  # False when the limit was reached
