"""Run the body of a `%%step` cell as IPython would run the cell without its first line."""

import ast
import symtable
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, TracebackType
from typing import Any

from lib.notebook.recording import CELL, Source
from lib.notebook.tiles import is_kernel
from lib.notebook.tracing import Tracing

TOOLS = (
    ModuleType,
    FunctionType,
    BuiltinFunctionType,
    type,
)  # read by nearly every cell, worth no row


def run_cell(ip: Any, tracing: Tracing, line: str, body: str) -> Any:
    """Run it in the notebook's namespace and return the value of its last expression, if it ends in
    one.

    Lines keep their numbers: the first is that of `%%step` itself, here as a comment.
    """
    first = f"%%step {line}".rstrip()
    blank = len(body) - len(body.lstrip("\n"))  # IPython drops empty lines at the top
    text = f"# {first}\n" + "\n" * blank + ip.transform_cell(body)
    filename = ip.compile.cache(text, ip.execution_count)
    statements, value = _compiled(ip, text, filename)
    shown = (first, *body.rstrip().split("\n"))
    names = shown_names(text, ip.user_ns)
    codes = [code for code in (statements, value) if code is not None]
    tracing.watch_cell(codes, Source(CELL, filename, 1, shown), names)

    def action() -> Any:
        exec(statements, ip.user_global_ns, ip.user_ns)
        return None if value is None else eval(value, ip.user_global_ns, ip.user_ns)

    return _with_short_traceback(ip, lambda: tracing.run(action), filename)


def _compiled(ip: Any, text: str, filename: str) -> tuple[CodeType, CodeType | None]:
    """The statements, and the last expression apart, because its value is the cell's."""
    tree = ip.transform_ast(ip.compile.ast_parse(text, filename=filename))
    if any(isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in _outside(tree)):
        from IPython.core.error import UsageError

        raise UsageError(
            "%%step follows one thread of calls and cannot follow `await`: remove %%step, or put "
            "the lines to watch into an ordinary function."
        )
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    statements = ip.compile(tree, filename, "exec")
    if last is None:
        return statements, None
    return statements, ip.compile(ast.Expression(last.value), filename, "eval")


def _outside(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that are not inside a function."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _outside(node)


def shown_names(text: str, namespace: Mapping[str, Any]) -> list[str]:
    """Of a notebook's many variables those that a cell sets, and those it reads that hold data."""
    top = symtable.symtable(text, "<cell>", "exec")
    own = [s for s in top.get_symbols() if s.is_assigned() or s.is_imported()]
    shared = [s for table in _tables(top) for s in table.get_symbols() if s.is_global()]
    read = [s.get_name() for s in (*top.get_symbols(), *shared)]
    known = [name for name in read if name in namespace and not _is_tool(namespace[name])]
    declared = [s.get_name() for s in shared if s.is_assigned()]  # by `global`, in a function
    return list(dict.fromkeys([*known, *(s.get_name() for s in own), *declared]))


def _is_tool(thing: object) -> bool:
    """Whether it is code rather than data: a function, a class, a module, a kernel."""
    return isinstance(thing, TOOLS) or is_kernel(thing)


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _tables(child)


def _with_short_traceback(ip: Any, action: Callable[[], Any], filename: str) -> Any:
    """Run it; let IPython print the traceback of an error from the cell's own line on.

    `_render_traceback_` is IPython's hook for that; without it the reader would see five frames of
    ours.
    """
    try:
        return action()
    except Exception as error:
        traceback = _from_file(error.__traceback__, filename)
        if traceback is not None:
            render = ip.InteractiveTB.structured_traceback
            facts = (type(error), error, traceback)
            error._render_traceback_ = lambda: render(*facts, tb_offset=0)
        raise


def _from_file(traceback: TracebackType | None, filename: str) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename != filename:
        traceback = traceback.tb_next
    return traceback
