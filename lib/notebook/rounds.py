"""Count the iterations of the loops in one call, from the order in which its statements run.

Each iteration comes past the head of its loop, that of `while True` too: Python reports every line
that is reached (PEP 626).
"""

from collections.abc import Iterator

from lib.notebook.recording import Round
from lib.notebook.statements import Statement


class Rounds:
    """Which iteration of which loops the current statement belongs to."""

    def __init__(self, source: int, entries: Iterator[int]) -> None:
        self._source = source
        self._entries = entries  # numbers that no other loop gets
        self._rounds: dict[int, tuple[int, int]] = {}  # line of a loop: (entry, iteration)
        self._now: Statement | None = None

    def move(self, to: Statement) -> None:
        """A statement begins."""
        came = self._now
        for loop in _loops(to):
            if came is None or loop not in _loops(came):
                self._rounds[loop] = next(self._entries), 1
            elif to.first == loop:  # from the body back to the head
                entry, iteration = self._rounds[loop]
                self._rounds[loop] = entry, iteration + 1
        self._now = to

    def now(self) -> tuple[Round, ...]:
        """The loops around the current statement, outermost first."""
        if self._now is None:
            return ()
        return tuple(
            Round(self._source, loop, *self._rounds[loop], at_head=loop == self._now.first)
            for loop in _loops(self._now)
        )


def _loops(statement: Statement) -> tuple[int, ...]:
    return (*statement.loops, statement.first) if statement.is_loop else statement.loops
