"""Docstrings read from source code: parsed, never imported.

Code written in C keeps its documentation in Python files too, as arguments of calls:
`add_docstr(torch.abs, r"...")`, `add_newdoc("numpy._core", "zeros", "...")`. Those calls are read
as well. Torch fills such texts from tables of descriptions, `"...{input}...".format(**args)`;
the tables are worked out from their literals, without running any of torch's code.
"""

import ast
import inspect
import re
import warnings
from collections.abc import Iterator

Scope = ast.Module | ast.ClassDef
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
Table = dict[str, str]  # from a placeholder's name to the description that replaces it
ADD_CALL = re.compile(r"_?add_(docstr|docstr_all|newdoc)")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
PLACEHOLDER_LINE = re.compile(r"^[ \t]*\{\w+\}[ \t]*\n", re.MULTILINE)


def docstrings(code: str | bytes, module: str) -> Iterator[tuple[str, str]]:
    """Pairs (dotted name, text without its indentation), in the order of the file.

    Functions inside functions are left out: nobody can look them up. Raises SyntaxError or
    ValueError where `code` is not Python of the running version.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old code has escapes such as "\d" that Python warns of
        tree = ast.parse(code)
    yield from _defined(tree, module)
    yield from _added(tree, module)


def _defined(scope: Scope, name: str) -> Iterator[tuple[str, str]]:
    if text := ast.get_docstring(scope):
        yield name, text
    for node in _definitions(scope.body):
        if isinstance(node, ast.ClassDef):
            yield from _defined(node, f"{name}.{node.name}")
        elif text := ast.get_docstring(node):
            yield f"{name}.{node.name}", text


def _definitions(
    body: list[ast.stmt],
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Classes and functions of a block, those under `if`, `try` and `with` included."""
    for node in body:
        if isinstance(node, DEFINITIONS):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for block in ("body", "handlers", "orelse", "finalbody"):
                for part in getattr(node, block, ()):
                    yield from _definitions(
                        part.body if isinstance(part, ast.ExceptHandler) else [part]
                    )


def _added(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """Texts that the module's top-level statements attach to objects written in C."""
    tables: dict[str, Table] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Expr | ast.Assign):
            continue
        target = None
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            target = statement.targets[0].id
            if (table := _table(statement.value, tables)) is not None:
                tables[target] = table
        call = statement.value
        if isinstance(call, ast.Call) and ADD_CALL.fullmatch(_called(call)):
            for name, text in _documented(call, module, target, tables):
                yield name, inspect.cleandoc(PLACEHOLDER_LINE.sub("", text))


def _documented(
    call: ast.Call, module: str, target: str | None, tables: dict[str, Table]
) -> Iterator[tuple[str, str]]:
    """What one call documents: (name, text), or several for a class's methods given as a list."""
    *place, last = call.args
    if "newdoc" in _called(call):
        # add_newdoc(module, name, text | (method, text) | [(method, text), ...])
        for pair in last.elts if isinstance(last, ast.List) else [last]:
            *method, text = pair.elts if isinstance(pair, ast.Tuple) else [pair]
            name = ".".join(_text(part, tables) or "?" for part in (*place, *method))
            found = _text(text, tables)
            if found is not None and all(map(str.isidentifier, name.split("."))):
                yield name, found
        return
    if (found := _text(last, tables)) is None or not place:
        return
    if target:  # cross = _add_docstr(...) in torch.linalg documents torch.linalg.cross
        yield f"{module}.{target}", found
    elif "docstr_all" in _called(call):  # methods of torch's tensors and storages, by name
        yield f"torch.Tensor.{_text(place[0], tables)}", found
    else:
        yield ast.unparse(place[0]), found


def _called(node: ast.Call) -> str:
    """Last part of the name of the function that is called."""
    return getattr(node.func, "attr", None) or getattr(node.func, "id", "")


def _text(node: ast.expr, tables: dict[str, Table]) -> str | None:
    """Value of an expression made of string literals, `+` and `.format(**table)`, else None.

    Placeholders whose table is defined elsewhere stay in the text.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left, tables), _text(node.right, tables)
        return None if left is None or right is None else left + right
    if (
        isinstance(node, ast.Call)
        and _called(node) == "format"
        and isinstance(node.func, ast.Attribute)
    ):
        text = _text(node.func.value, tables)
        if text is None:
            return None
        fields: Table = {}
        for keyword in node.keywords:
            value = _text(keyword.value, tables)
            if keyword.arg and value is not None:
                fields[keyword.arg] = value
            elif keyword.arg is None:
                fields |= _table(keyword.value, tables) or {}
        text = PLACEHOLDER.sub(lambda match: fields.get(match[1], match[0]), text)
        return text.replace("{{", "{").replace("}}", "}")
    return None


def _table(node: ast.expr, tables: dict[str, Table]) -> Table | None:
    """Value of an expression that builds a table of descriptions the way torch does, else None."""
    if isinstance(node, ast.Name):
        return tables.get(node.id)
    if isinstance(node, ast.Dict):
        pairs = [
            (_text(key, tables) if key else None, _text(value, tables))
            for key, value in zip(node.keys, node.values)
        ]
        return {key: value for key, value in pairs if key is not None and value is not None}
    if isinstance(node, ast.Call) and _called(node) == "merge_dicts":
        parts = [_table(part, tables) or {} for part in node.args]
        return {key: value for part in parts for key, value in part.items()}
    if isinstance(node, ast.Call) and _called(node) == "parse_kwargs" and node.args:
        # A description starts at four spaces, and its first word is the argument's name.
        sections = re.split(r"\n\s{4}(?!\s)", _text(node.args[0], tables) or "")
        stripped = [section.strip() for section in sections if section.strip()]
        return {section.split(" ")[0]: section for section in stripped}
    return None
