"""Show the code under discussion instead of copying it into the lecture.

The output is Markdown: JupyterLab, GitHub and exported pages colour it in the reader's own theme.
"""

import functools
import inspect
import linecache
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from IPython.display import display

REPO = Path(__file__).resolve().parents[2]
OURS = ("lib", "assignments")


def source(thing: Any) -> None:
    """Show a function, method, class or module as it is on disk, under a link to its file and line.

    For anything that is not in this repository, a sentence says where it comes from.
    """
    markdown = listing(thing)
    display({"text/markdown": markdown, "text/plain": markdown}, raw=True)


def listing(thing: Any) -> str:
    """The Markdown that `source` shows; links are relative to the folder of lectures."""
    thing = unwrapped(thing)
    try:
        file = Path(inspect.getsourcefile(thing) or "")
    except TypeError:  # written in C, or not code at all
        return without_source(thing)
    path = in_repository(file)
    if path is None:
        return from_elsewhere(thing, file)
    linecache.checkcache(str(file))  # what is on disk now
    if isinstance(thing, ModuleType):
        lines, first = file.read_text(encoding="utf-8").splitlines(keepends=True), 1
    else:
        lines, first = inspect.getsourcelines(thing)
    code = inspect.cleandoc("".join(lines)) if lines[0][:1].isspace() else "".join(lines).rstrip()
    fence = "`" * (1 + max(2, *(len(run) for run in re.findall("`+", code)), 0))
    link = f"[{path}, line {first}](../{path}#L{first})"
    return f"{link}\n\n{fence}python\n{code}\n{fence}"


def unwrapped(thing: Any) -> Any:
    """What a reader means: the function behind a decorator, a property or a partial."""
    if isinstance(thing, property) and thing.fget is not None:
        return unwrapped(thing.fget)
    if isinstance(thing, functools.cached_property):
        return unwrapped(thing.func)
    if isinstance(thing, functools.partial):
        return unwrapped(thing.func)
    return inspect.unwrap(thing)


def in_repository(file: Path) -> str | None:
    """The path of our own file inside the repository, with slashes; None for any other file."""
    try:
        path = file.resolve().relative_to(REPO)
    except ValueError:
        return None
    return path.as_posix() if path.parts and path.parts[0] in OURS else None


def from_elsewhere(thing: Any, file: Path) -> str:
    """A sentence on code that has a file, but not one of ours."""
    name = name_of(thing)
    module = getattr(thing, "__module__", None) or name
    if module == "__main__" or not file.is_file():
        return f"`{name}` is defined in a cell of this notebook: its code is there."
    package = module.partition(".")[0]
    return f"`{name}` belongs to the package `{package}`, not to this course: `{name}??` shows it."


def without_source(thing: Any) -> str:
    """A sentence on what has no Python code at all. Raises TypeError for a plain value."""
    if isinstance(thing, type) and thing.__module__ == "__main__":
        return f"`{name_of(thing)}` is defined in a cell of this notebook: its code is there."
    if isinstance(thing, (type, ModuleType)) or callable(thing):
        return f"`{name_of(thing)}` is compiled code: there is no Python source to show."
    raise TypeError(
        f"source shows functions, methods, classes and modules, and this is a value of type "
        f"{type(thing).__name__}. For its class: source(type(value))."
    )


def name_of(thing: Any) -> str:
    """The name to look something up by."""
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", type(thing).__name__)
    return name if module in (None, "builtins", "__main__") else f"{module}.{name}"
