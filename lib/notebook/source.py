"""Show the code under discussion instead of copying it into the lecture."""

import functools
import html
import inspect
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

from IPython.display import display

from lib.notebook.highlight import highlighted
from lib.notebook.rendered import Rendered

REPO = Path(__file__).resolve().parents[2]
OURS = ("lib", "assignments")
KEPT_IN = {  # where things that are no functions keep theirs, by the name of their class
    "JITFunction": "fn",  # Triton's kernels: compiled,
    "InterpretedFunction": "fn",  # interpreted,
    "_NoKernel": "fn",  # and where there is no Triton
    "CustomOpDef": "_init_fn",  # torch.library.custom_op
}


def source(thing: Any) -> None:
    """Show a function, method, class or module as it is on disk, under a link to its file and line.

    For anything that is not in this repository, a sentence says where it comes from.
    """
    display(listing(thing))


def listing(thing: Any) -> Rendered:
    """What `source` shows; links are relative to the folder of lectures."""
    thing = unwrapped(thing)
    try:
        file = Path(inspect.getsourcefile(thing) or "")
    except (TypeError, OSError):  # written in C, from a cell, or not code at all
        return sentence(without_source(thing))
    path = in_repository(file)
    if path is None:
        return sentence(from_elsewhere(thing, file))
    if isinstance(thing, ModuleType):
        lines, first = file.read_text(encoding="utf-8").splitlines(keepends=True), 1
    else:
        lines, first = inspect.getsourcelines(thing)
    code = textwrap.dedent("".join(lines)).rstrip()
    where = f"{path}, line {first}"
    return Rendered(
        f'<p><a href="../{path}#L{first}">{where}</a></p>'
        f"<pre {_BLOCK}><code {_CODE}>{highlighted(code)}</code></pre>",
        f"{where}\n\n{code}",
    )


def unwrapped(thing: Any) -> Any:
    """What a reader means: the function behind a decorator, a property or a partial."""
    if isinstance(thing, property) and thing.fget is not None:
        return unwrapped(thing.fget)
    if isinstance(thing, functools.cached_property):
        return unwrapped(thing.func)
    if isinstance(thing, functools.partial):
        return unwrapped(thing.func)
    if attribute := KEPT_IN.get(type(thing).__name__):
        return unwrapped(getattr(thing, attribute))
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
    return f"`{name}` comes from the package `{package}`; in a cell, `{name}??` shows its code."


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
    """What its own code calls it."""
    return getattr(thing, "__qualname__", None) or getattr(thing, "__name__", type(thing).__name__)


def sentence(text: str) -> Rendered:
    """Words instead of code; `names` in backticks."""
    parts = html.escape(text).split("`")
    marked = (f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    return Rendered(f"<p>{''.join(marked)}</p>", text)


_CODE = 'style="background:none;padding:0"'
_BLOCK = 'style="overflow-x:auto;padding:0.6em 0.8em;border-left:3px solid #8885;line-height:1.35"'
