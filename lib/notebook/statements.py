"""Lines to statements: a statement may span many lines, and a loop's body belongs to its loop.

The tracer hears of lines; a reader thinks in statements. The lines of a compound statement (`if`,
`for`, `def`) up to its colon are a statement of their own.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
LOOPS = (ast.For, ast.While)


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that is executed, and where it stands. Lines count from 1; loops are named by their
    line."""

    first: int
    last: int
    loops: tuple[int, ...] = ()  # the loops whose body it is in, outermost first
    is_loop: bool = False
    iterates: bool = False  # contains something that ends with a StopIteration


@lru_cache(maxsize=64)
def statements(text: str) -> dict[int, Statement]:
    """The statement at each line; lines that are never executed, such as comments, are left out."""
    found: dict[int, Statement] = {}
    for statement in _walk(ast.parse(text).body, ()):
        for line in range(statement.first, statement.last + 1):
            found.setdefault(line, statement)  # two on one line: one step
    return found


def _walk(block: Iterable[ast.AST], loops: tuple[int, ...]) -> Iterator[Statement]:
    for node in block:
        first = _first_line(node)
        is_loop = isinstance(node, LOOPS)
        iterates = isinstance(node, ast.For) or any(map(_iterates, _own_parts(node)))
        yield Statement(first, _last_line(node), loops, is_loop, iterates)
        for name in BLOCKS:
            inner = getattr(node, name, None)
            if not isinstance(inner, list):  # the body of a lambda, or none
                continue
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _walk(inner, ())  # its own frame, its own loops
            elif is_loop and name == "body":
                yield from _walk(inner, (*loops, first))
            else:
                yield from _walk(inner, loops)


def _first_line(node: ast.AST) -> int:
    if isinstance(node, ast.match_case):
        return node.pattern.lineno
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])


def _last_line(node: ast.AST) -> int:
    """Of a compound statement the last line before its block."""
    if not any(isinstance(getattr(node, name, None), list) for name in BLOCKS):
        return node.end_lineno
    ends = [
        getattr(part, "end_lineno", 0) or 0 for own in _own_parts(node) for part in ast.walk(own)
    ]
    return max([getattr(node, "lineno", 0), *ends])


def _own_parts(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a statement that are not statements of its blocks."""
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        if name not in BLOCKS or not isinstance(value, list):
            yield from (child for child in children if isinstance(child, ast.AST))


def _iterates(part: ast.AST) -> bool:
    return any(isinstance(node, ast.comprehension | ast.YieldFrom) for node in ast.walk(part))
