"""What learners must write themselves: imports, calls and methods that their code may not use.

rules.toml of the assignment lists them, with wildcards and exceptions, and says what to do instead:

    [[rule]]
    forbid = ["torch.nn.*", ".softmax"]           # a dot in front: a method of anything
    except = ["torch.nn.Module", "torch.nn.init.trunc_normal_"]
    instead = "Write it with nn.Parameter and products of matrices."

The code is read, not run: names are followed through imports and plain assignments, however they
are abbreviated. Problems whose tests run a part of the code that breaks a rule give no points.
"""

import ast
import sys
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType
from typing import Any

# Ways around this check; there is no honest need for them in an assignment.
TRICKS = (
    "eval",
    "exec",
    "__import__",
    "importlib*",
    "builtins*",
    "sys.modules",
    "*.[*]",
    "getattr(*",
)
NO_TRICKS = "Write imports and calls plainly, so that they can be read."


@dataclass(frozen=True)
class Rule:
    """Patterns of forbidden names, patterns of allowed ones among them, and the way out."""

    forbid: tuple[str, ...]
    allow: tuple[str, ...]
    instead: str

    def breaks(self, name: str) -> bool:
        """Whether the rule forbids this full name."""
        matches = [any(fnmatchcase(name, p) for p in ps) for ps in (self.forbid, self.allow)]
        return matches == [True, False]


@dataclass(frozen=True)
class Finding:
    """A name that breaks a rule; `first` and `last` are the lines of the function it is in.

    Outside of functions they are those of the class, or of the whole file.
    """

    path: str
    line: int
    name: str
    instead: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.name} is not allowed here. {self.instead}"


def read_rules(folder: Path) -> list[Rule]:
    """The rules of an assignment, and those that all share."""
    path = folder / "rules.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["rule"] if path.exists() else []
    own = [Rule(tuple(t["forbid"]), tuple(t.get("except", ())), t["instead"]) for t in tables]
    return [*own, Rule(TRICKS, (), NO_TRICKS)]


def find(folder: Path) -> list[Finding]:
    """Everything that breaks a rule in the learner's code: all Python files but the tests."""
    rules, found = read_rules(folder), []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if name.parts[0] in ("tests", "leaderboard") or any(p.startswith(".") for p in name.parts):
            continue
        found += findings(path.read_text(encoding="utf-8"), name.as_posix(), rules)
    return found


def findings(source: str, path: str, rules: list[Rule]) -> list[Finding]:
    """What breaks the rules in one file; nothing where it is not Python, which the tests report."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    found, last = [], source.count("\n") + 1
    for node, name in Names(tree).used:
        broken = next((rule for rule in rules if rule.breaks(name)), None)
        if broken:
            span = _around(tree, node) or (1, last)
            found.append(Finding(path, node.lineno, name, broken.instead, *span))
    return list(dict.fromkeys(found))


class Names(ast.NodeVisitor):
    """Full names of what a module uses: `F.softmax` is torch.nn.functional.softmax."""

    def __init__(self, tree: ast.Module) -> None:
        self.known: dict[str, str] = {}  # what a name in this file stands for
        self.used: list[tuple[Any, str]] = []
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.used.append((node, alias.name))
            top = alias.name.partition(".")[0]
            self.known[alias.asname or top] = alias.name if alias.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            module = "own" if node.level else node.module  # relative: the learner's own code
            self.used.append((node, f"{module}.{alias.name}"))
            self.known[alias.asname or alias.name] = f"{module}.{alias.name}"

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        if name := self.full(node.value):
            self.known |= {one.id: name for one in node.targets if isinstance(one, ast.Name)}

    def visit_Name(self, node: ast.Name) -> None:
        self.used.append((node, self.known.get(node.id, node.id)))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if name := self.full(node):
            self.used.append((node, name))
        else:
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                self.used.append((node, f".{node.attr}"))
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        """getattr(torch, "softmax") is torch.softmax; with a name that one cannot read, a trick."""
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
            name = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
            module = self.full(node.args[0])
            if module:
                self.used.append((node, f"{module}.{name}" if name else f"getattr({module}, ...)"))
            elif name:
                self.used.append((node, f".{name}"))
        self.generic_visit(node)

    def full(self, node: ast.AST) -> str:
        """The full name of an expression that leads to something imported; else empty."""
        if isinstance(node, ast.Attribute):
            return f"{inner}.{node.attr}" if (inner := self.full(node.value)) else ""
        return self.known.get(node.id, "") if isinstance(node, ast.Name) else ""


def _around(tree: ast.Module, node: ast.AST) -> tuple[int, int] | None:
    """First and last line of the innermost function, or else class, that the node is in."""
    spans = []
    for one in ast.walk(tree):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([one.lineno, *(decorator.lineno for decorator in one.decorator_list)])
            if first <= node.lineno <= one.end_lineno:
                spans.append((first, one.end_lineno))
    return max(spans, default=None)  # the one that begins last


class Watch:
    """`with watch:` notes which of the findings' functions run, in this thread. Slow if any."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        self.seen: set[Finding] = set()

    def ran(self) -> tuple[str, ...]:
        """The findings whose function ran since the last `with`."""
        return tuple(str(finding) for finding in self.findings if finding in self.seen)

    def __enter__(self) -> None:
        self.seen.clear()
        if self.findings:
            sys.setprofile(self._call)

    def __exit__(self, *error: object) -> None:
        if self.findings:
            sys.setprofile(None)

    def _call(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            path, line = Path(frame.f_code.co_filename).as_posix(), frame.f_code.co_firstlineno
            for one in self.findings:
                if one.first <= line <= one.last and path.endswith(f"/{one.path}"):
                    self.seen.add(one)
