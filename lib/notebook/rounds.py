"""Count the iterations of the loops in one call, from the order in which its statements run."""

from collections.abc import Iterator

from lib.notebook.recording import Round
from lib.notebook.statements import Statement


class Rounds:
    """Which iteration of which loops the current statement belongs to."""

    def __init__(self, source: int, entries: Iterator[int]) -> None:
        self._source = source
        self._entries = entries  # numbers that no other loop gets
        self._rounds: dict[int, tuple[int, int]] = {}  # line of a loop: (entry, iteration)
        self._first_offset: dict[Statement, int] = {}
        self._now: Statement | None = None

    def move(self, to: Statement, offset: int) -> None:
        """A statement begins, at this offset in the bytecode. Jumping back to a later offset than
        that of the first time is what tells the next iteration of a `for` from the loop being
        entered again.
        """
        begins = offset <= self._first_offset.setdefault(to, offset)
        for loop in _loops(to):
            entry, iteration = self._rounds.get(loop, (0, 0))
            if self._enters(loop, to, begins):
                self._rounds[loop] = next(self._entries), 1
            elif self._repeats(loop, to, begins):
                self._rounds[loop] = entry, iteration + 1
        self._now = to

    def _enters(self, loop: int, to: Statement, begins: bool) -> bool:
        came = self._now
        return (
            came is None or loop not in _loops(came) or (came == to and to.first == loop and begins)
        )

    def _repeats(self, loop: int, to: Statement, begins: bool) -> bool:
        came = self._now
        if came is None or loop not in came.loops:  # not from the body
            return False
        if to.is_loop and to.first == loop:  # back at the head
            return True
        nested = to.is_loop and to.first in came.loops
        return to.opens == loop and begins and not nested  # `while True` never returns to its head

    def now(self) -> tuple[Round, ...]:
        """The loops around the current statement, outermost first."""
        if self._now is None:
            return ()
        return tuple(
            Round(
                self._source,
                loop,
                *self._rounds[loop],
                at_head=loop == self._now.first and self._now.is_loop,
            )
            for loop in _loops(self._now)
        )


def _loops(statement: Statement) -> tuple[int, ...]:
    return (*statement.loops, statement.first) if statement.is_loop else statement.loops
