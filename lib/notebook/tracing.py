"""Run code and write down every statement of the calls asked for.

Python calls a trace function at every call and line (`sys.settrace`). Only the frames of the code
asked for are followed, in this thread; any other call costs one look-up. A tracer that was there
before, a debugger's or a coverage tool's, hears everything it would have heard, and is put back at
the end.
"""

import linecache
import sys
import textwrap
from collections.abc import Callable, Iterable
from inspect import getsourcelines
from itertools import count
from types import CodeType, FrameType, FunctionType
from typing import Any

from lib.notebook.calls import Call
from lib.notebook.recording import Recording, Source
from lib.notebook.targets import codes_of


class Tracing:
    """Watches calls; `watch` says which. Python itself calls it, at every call while it is set."""

    def __init__(self, limit: int) -> None:
        self.recording = Recording(limit)
        self.active = True
        self.stack: list[Call] = []  # the calls being followed, outermost first
        self.calls, self.entries = count(), count(1)  # numbers for calls, and for loops entered
        self._previous: Any = None
        self._watched: dict[int, tuple[CodeType, Source]] = {}
        self._cell_names: dict[str, tuple[str, ...]] = {}  # by the name of the cell's file
        self._cell_call: Call | None = None
        self._in_cells: dict[tuple[str, str], Source] = {}  # by file and name: kernels

    def watch(self, function: FunctionType) -> None:
        """Follow a function, and the functions written inside it."""
        self._watch(function.__code__, function_source(function))

    def watch_cell(self, codes: Iterable[CodeType], source: Source, names: Iterable[str]) -> None:
        """Follow the code of a cell; of the notebook's variables only `names` are shown."""
        self._cell_names[source.filename] = tuple(names)
        for code in codes:
            self._watch(code, source)

    def _watch(self, code: CodeType, source: Source) -> None:
        for inner in codes_of(code):  # kept, so that no other code can come by the same id
            self._watched.setdefault(id(inner), (inner, source))
            if inner.co_filename in self._cell_names:
                self._in_cells[inner.co_filename, inner.co_name] = source

    def run(self, action: Callable[[], Any]) -> Any:
        """The action's value, with everything watched written down.

        Tracers change hands here and nowhere deeper, so that the other one sees each call begin and
        end.
        """
        self._previous = sys.gettrace()
        sys.settrace(self)
        try:
            return action()
        finally:
            self.active = False
            if sys.gettrace() is self:  # else the code itself set another, such as a debugger's
                sys.settrace(self._previous)

    def stop(self) -> None:
        """Keep what was seen. The code runs on as if it had never been watched."""
        self.active, self.recording.complete = False, False
        if sys.gettrace() is self:
            sys.settrace(self._previous)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        watched = self._watched.get(id(code))
        if watched is None and code.co_filename in self._cell_names:
            watched = self._rewritten(code)
        theirs = None
        if self._previous is not None:
            theirs = self._previous(frame, event, arg)
            if self.active and sys.gettrace() is not self:
                sys.settrace(self)  # coverage's sets itself whenever it is called
        if watched is None or not self.active:
            return theirs
        call = self._known(frame)
        if call is None:
            return self._begin(frame, watched[1], theirs)
        call.theirs = theirs
        self.stack.append(call)
        return call

    def _rewritten(self, code: CodeType) -> tuple[CodeType, Source] | None:
        """A kernel that the cell defines: Triton's interpreter rewrites it into other code, which
        keeps its file, its name and its lines."""
        source = self._in_cells.get((code.co_filename, code.co_name))
        return source and (code, source)

    def _known(self, frame: FrameType) -> Call | None:
        """The call that goes on here: a generator's, or a cell's (see `step_cell`)."""
        if isinstance(frame.f_trace, Call) and frame.f_trace.tracing is self:
            return frame.f_trace
        in_cell = frame.f_code.co_name == "<module>"
        return self._cell_call if in_cell else None

    def _begin(self, frame: FrameType, source: Source, theirs: Any) -> Call:
        sources = self.recording.sources
        if source not in sources:
            sources.append(source)
        code = frame.f_code
        names = self._cell_names.get(code.co_filename) if code.co_name == "<module>" else None
        call = Call(self, code, sources.index(source), names, theirs)
        if names is not None:
            self._cell_call = call
        self.stack.append(call)
        call.enter(frame)
        return call


def function_source(function: FunctionType) -> Source:
    """The lines of a function as they are in its file, or a note where there are none."""
    code = function.__code__
    name = code.co_qualname.replace("<locals>.", "")
    title = name if function.__module__ in (None, "__main__") else f"{function.__module__}.{name}"
    linecache.checkcache(code.co_filename)
    try:
        lines, first = getsourcelines(code)
        while linecache.getline(code.co_filename, first - 1).lstrip().startswith("@"):
            first -= 1  # the code that runs for a kernel begins below its decorator
            lines = [linecache.getline(code.co_filename, first), *lines]
    except (OSError, TypeError):
        lines, first = ["# the source of this function is not available"], code.co_firstlineno
    text = textwrap.dedent("".join(lines)).rstrip()
    return Source(title, code.co_filename, first, tuple(text.split("\n")))
