"""Follow one call: turn the events of its frame into steps."""

import dis
import inspect
import linecache
import re
from types import CodeType, FrameType, ModuleType
from typing import Any

from lib.notebook.arrays import gradient
from lib.notebook.changes import mark
from lib.notebook.recording import CELL, Place, Step
from lib.notebook.rounds import Rounds
from lib.notebook.statements import Statement, statements
from lib.notebook.tiles import Pointers, program_of
from lib.notebook.values import Shown, describe, short

ERROR_WIDTH = 240  # characters of an error's message
# Where a generator pauses: at the one instruction, from Python 3.13 on at the other.
YIELDS = ("YIELD", "RESUME")


class Call:
    """One call being followed. It is its frame's own trace function, so both live equally long.

    A step is written when its statement has ended: at the next statement, or when the frame is
    left.
    """

    def __init__(
        self, tracing: Any, code: CodeType, source: int, names: tuple[str, ...] | None, theirs: Any
    ) -> None:
        self.tracing = tracing
        self.theirs = theirs  # what another tracer wants to hear about this frame with
        self.number, self.name, self.source = next(tracing.calls), _name(code), source
        self.rounds = Rounds(source, tracing.entries)
        self._names = names  # of a cell, whose namespace is the whole notebook's
        self._statements = _statements_of(code.co_filename)
        self._now = self._statement(code.co_firstlineno)
        self._pending = False  # it has begun and its step is not written
        self._yielded = False  # its step is written, but it goes on
        self._raised = ""  # the error that is on its way, or was the last
        self._raising = False
        self._marks: dict[str, object] = {}
        self._pointers: Pointers | None = None
        self._program: str | None = None

    def __call__(self, frame: FrameType, event: str, arg: Any) -> "Call":
        if self.theirs is not None:
            self.theirs = self.theirs(frame, event, arg) or self.theirs
        if self.tracing.active:
            if event == "line":
                self._line(frame)
            elif event == "return":
                self._leave(frame, arg)
            elif event == "exception":
                self._exception(*arg[:2])
        return self

    def enter(self, frame: FrameType) -> None:
        """Show what a function was given, or what a cell found."""
        if _is_function(frame):
            self._pointers, self._program = Pointers(frame.f_locals), program_of(frame)
            begins = f"starts as {self._program}" if self._program else "is called"
            self._write(frame, "call", f"{self.name} {begins}")
            if self._program:
                self.name += f", {self._program.rpartition(',')[0]}"
        elif self._variables(frame):
            self._write(frame, "start", "before the first line")

    def place(self) -> Place:
        """Where the call stands now."""
        return Place(self.number, self.name, self.source, self._now)

    def _line(self, frame: FrameType) -> None:
        """A line is about to run: the statement before has ended, unless the line is part of it."""
        statement = self._statement(frame.f_lineno)
        if self._pending and statement == self._now:
            return
        note = f"raises {self._raised}" if self._raising and self._raised else ""
        self._end(frame, "error" if note else "line", note)
        self.rounds.move(statement)
        self._now, self._pending = statement, True

    def _exception(self, cls: type, error: object) -> None:
        """Something was raised, here or in a function called here. A `for` loop ends by one, and a
        generator is closed by one: neither is an error.
        """
        if cls is StopIteration and self._now.iterates:
            return
        self._raising = True
        self._raised = "" if cls is GeneratorExit else _described(cls, error)

    def _leave(self, frame: FrameType, value: object) -> None:
        """The frame is left: for good, or by a generator that will go on."""
        operation = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        if operation.startswith(YIELDS) and not self._raising:
            self._end(frame, "yield", f"yields {short(value)}")
            self._pending = self._yielded = True
        elif not operation.startswith("RETURN"):
            verb = "raises " * self._raising  # else it passes through, after a `finally`
            note = f"{verb}{self._raised}, which leaves {self.name}" if self._raised else ""
            self._end(frame, "error" if note else "line", note)
        elif not _is_function(frame):
            self._end(frame, "line", "")
        elif frame.f_code.co_flags & inspect.CO_GENERATOR and value is None:
            self._end(frame, "return", f"{self.name} has nothing more to yield")
        elif self._program:
            self._end(frame, "return", f"the end of {self._program}")
        else:
            self._end(frame, "return", f"returns {short(value)}")
        if self in self.tracing.stack:
            del self.tracing.stack[self.tracing.stack.index(self) :]

    def _end(self, frame: FrameType, kind: str, note: str) -> None:
        """Write the step of the current statement, unless it was written and nothing came after."""
        if note or (self._pending and not (self._yielded and self._unchanged(frame))):
            self._write(frame, kind, note)
        self._pending = self._yielded = self._raising = False

    def _write(self, frame: FrameType, kind: str, note: str) -> None:
        tracing, recording = self.tracing, self.tracing.recording
        if len(recording.steps) == recording.limit:
            tracing.stop()
        if not tracing.active:
            return
        changed, gone = self._changes(frame)
        stack = tuple(call.place() for call in tracing.stack)
        rounds = tuple(loop for call in tracing.stack for loop in call.rounds.now())
        recording.steps.append(Step(stack, kind, note, changed, gone, rounds))

    def _changes(self, frame: FrameType) -> tuple[dict[str, Shown], tuple[str, ...]]:
        """What is new or different since the last step of this call, and what is gone."""
        variables = self._variables(frame)
        gone = tuple(name for name in self._marks if name not in variables)
        marks = {name: mark(value) for name, value in variables.items()}
        different = [name for name, new in marks.items() if self._marks.get(name, self) != new]
        self._marks = marks
        return {name: describe(variables[name]) for name in different}, gone

    def _unchanged(self, frame: FrameType) -> bool:
        return self._marks == {name: mark(value) for name, value in self._variables(frame).items()}

    def _variables(self, frame: FrameType) -> dict[str, object]:
        """What a reader wants to see: no modules, but the gradients of tensors."""
        held = frame.f_locals
        names = held if self._names is None else [name for name in self._names if name in held]
        shown = {name: held[name] for name in names if _is_shown(name)}
        shown = {n: value for n, value in shown.items() if not issubclass(type(value), ModuleType)}
        if self._pointers is not None:
            shown = {name: self._pointers.plain(name, value) for name, value in shown.items()}
        gradients = {f"{name}.grad": gradient(value) for name, value in shown.items()}
        return shown | {name: grad for name, grad in gradients.items() if grad is not None}

    def _statement(self, line: int) -> Statement:
        return self._statements.get(line) or Statement(line, line)


def _is_shown(name: str) -> bool:
    """Not `_`, and none of the hidden names of comprehensions and classes."""
    hidden = name.startswith("__") and name.endswith("__")
    return name.isidentifier() and name != "_" and not hidden


def _is_function(frame: FrameType) -> bool:
    """Whether this is a function's frame, not that of a cell or of the body of a class."""
    return bool(frame.f_code.co_flags & inspect.CO_OPTIMIZED)


def _name(code: CodeType) -> str:
    if code.co_name == "<module>":
        return CELL
    return code.co_qualname.rpartition("<locals>.")[2]


def _statements_of(filename: str) -> dict[int, Statement]:
    try:
        return statements("".join(linecache.getlines(filename)))
    except SyntaxError:  # a file that has changed, or is no Python
        return {}


def _described(cls: type, error: object) -> str:
    """An error as the last line of its traceback names it."""
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be read)"
    message = re.sub(r" at 0x[0-9a-fA-F]+", "", message)  # an address says nothing and changes
    if len(message) > ERROR_WIDTH:
        message = message[:ERROR_WIDTH] + "…"
    return f"{cls.__name__}: {message}" if message else cls.__name__
