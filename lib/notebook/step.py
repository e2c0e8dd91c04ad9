"""Step through code line by line: `step(fn, *args)`, or `%%step` at the top of a cell.

    step(merge, [7, 7, 7, 1], (7, 7), 9)                    a function
    step(list, merges(words, 3), into=merges)               a generator, through what consumes it

    %%step into=lib.tokenization.bpe.merge limit=800        a cell, and a function that it calls
    ids = merge([7, 7, 7, 1], (7, 7), 9)

Every statement is one step, shown with the variables after it ran; what changed is marked. `into`
names functions, methods, classes, modules or kernels to step into as well; a Triton kernel is shown
program by program, as the interpreter runs it. Comprehensions and lambdas run within the step of
their line. Recording stops at `limit` steps; the code always runs to its end.
"""

import shlex
from collections.abc import Callable, Sequence
from inspect import isgeneratorfunction
from typing import Any

from lib.notebook.recording import CELL, Recording
from lib.notebook.step_cell import run_cell
from lib.notebook.step_view import page, sentence
from lib.notebook.targets import TargetError, functions_of, is_compiled, named
from lib.notebook.tracing import Tracing

LIMIT = 400  # steps that are kept: more than a reader will go through
MOST = 2000  # steps that a page shows without becoming slow


def step(
    fn: Callable[..., Any], /, *args: Any, into: Any = (), limit: int = LIMIT, **kwargs: Any
) -> Any:
    """Call fn, show every line that ran, and return what fn returned.

    `into` is a name ("lib.tokenization.bpe.merge"), the thing itself, or several of them. An error
    is shown at its line and then raised as usual. If fn itself takes `into` or `limit`, wrap it in
    a lambda. Kernels that this process compiles for a GPU are stepped through in a process that
    interprets them, see step_in_child.
    """
    tracing = Tracing(_checked(limit))
    things = _things(into)
    if any(map(is_compiled, things)):
        from lib.notebook.step_in_child import record_in_child  # it imports torch, in seconds

        value, recording = record_in_child(fn, things, limit, args, kwargs)
        _show(recording, fn.__qualname__.rpartition("<locals>.")[2])
        return value
    targets = [function for thing in things for function in functions_of(thing)]
    functions = [*_own_lines(fn, targets), *targets]
    for function in functions:
        tracing.watch(function)
    try:
        return tracing.run(lambda: fn(*args, **kwargs))
    finally:
        _show(tracing.recording, functions[0].__qualname__.rpartition("<locals>.")[2])


def register(ip: Any) -> None:
    """Give an IPython shell the cell magic `%%step [into=NAME[,NAME...]]... [limit=N]`."""
    from IPython.core.error import UsageError
    from IPython.core.magic import no_var_expand, output_can_be_silenced

    @no_var_expand
    @output_can_be_silenced
    def step_magic(line: str, cell: str) -> Any:
        """Run the cell and show it line by line: %%step [into=NAME[,NAME...]] [limit=N]"""
        try:
            into, limit = options(line)
            tracing = Tracing(limit)
            for function in _targets(into):
                tracing.watch(function)
        except TargetError as error:
            raise UsageError(f"%%step: {error}") from None
        try:
            return run_cell(ip, tracing, line, cell)
        finally:
            if tracing.recording.steps:
                _show(tracing.recording, CELL)

    ip.register_magic_function(step_magic, "cell", "step")


def options(line: str) -> tuple[list[str], int]:
    """What stands behind `%%step`: the names to step into, and the limit."""
    into: list[str] = []
    limit = LIMIT
    for word in shlex.split(line.replace(", ", ",")):
        name, _, value = word.partition("=")
        if name == "into" and value:
            into += [target for target in value.split(",") if target]
        elif name == "limit" and value.isdecimal():
            limit = _checked(int(value))
        elif name == "limit":
            raise TargetError(f"limit={value} is not a number of steps. Write it as in: limit=800")
        else:
            raise TargetError(
                f"{word!r} is no option. Known are into=NAME, for functions to step into, and "
                "limit=N, for more steps. As in: %%step into=lib.tokenization.bpe.merge limit=800"
            )
    return into, limit


def _checked(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise TargetError(
            f"limit={limit}, and a step-through keeps 1 to {MOST:,} steps. For longer runs watch a "
            "smaller input, or step into one function only."
        )
    return limit


def _targets(into: Any) -> list[Any]:
    """The functions behind names, things, or several of them."""
    return [function for thing in _things(into) for function in functions_of(thing)]


def _things(into: Any) -> list[Any]:
    """What is meant by names, things, or several of them."""
    several = into if isinstance(into, Sequence | set) and not isinstance(into, str) else [into]
    names = [
        n for thing in several for n in (thing.split(",") if isinstance(thing, str) else [thing])
    ]
    return [named(name.strip(), _notebook()) if isinstance(name, str) else name for name in names]


def _own_lines(fn: Any, targets: list[Any]) -> list[Any]:
    """The functions behind fn. It may have none of its own if there is something else to step
    into."""
    if isgeneratorfunction(fn):
        name = fn.__name__
        raise TargetError(
            f"{name} is a generator function: calling it runs none of its lines. Step through "
            f"what consumes it, as in: step(list, {name}(...), into={name})"
        )
    try:
        return functions_of(fn)
    except TargetError:
        if targets:
            return []
        raise


def _notebook() -> dict[str, Any]:
    """The names of the notebook, none outside one."""
    from IPython.core.getipython import get_ipython

    ip = get_ipython()
    return ip.user_ns if ip is not None else {}


def _show(recording: Recording, title: str) -> None:
    from IPython.display import display

    display(
        {"text/html": page(recording, title), "text/plain": sentence(recording, title)}, raw=True
    )
