"""Which way imports point, and what importing costs. The drawing is in this file: LEVELS."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lib

REPO = Path(__file__).parents[2]
MODULES = sorted((REPO / "lib").rglob("*.py"))

# A package may import from the levels below its own, never from beside or above. The lowest level
# is the ground: it imports nothing else from lib. Two stand on top, so they may use everything but
# each other, and nothing may use them: `notebook` is for lectures, `grading` for assignments.
# `kernels` lies under the ground, so that the model can be built on it.
LEVELS = [
    {"notebook", "grading"},
    {"alignment"},
    {"evaluation"},
    {"moe", "parallel", "inference", "scaling"},
    {"training", "curation", "pretrained"},
    {"tensors", "tokenization", "corpora", "model"},
    {"kernels"},
]
LEVEL_OF = {package: level for level, names in enumerate(LEVELS) for package in names}

# What nobody should wait for who only wants to count tokens or read a corpus.
HEAVY = {"torch", "matplotlib", "IPython", "ipywidgets", "transformers", "tokenizers", "tiktoken"}
LIGHT = ["tokenization", "corpora"]


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of everything imported anywhere in a module, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            yield from (f"{dots}{node.module or ''}.{alias.name}" for alias in node.names)


def wrong_imports(package: str, source: str) -> list[str]:
    """The imports in a module of `package` that point the wrong way, or are relative."""
    found = []
    for name in imported(ast.parse(source)):
        parts = name.split(".")
        if name.startswith("."):
            found.append(f"{name} is relative: the import line is the address of the code")
        elif parts[0] == "lib" and parts[1:2] != [package] and parts[1:2] != []:
            outside = len(LEVELS)  # what lib/__init__.py itself defines
            if LEVEL_OF.get(parts[1], outside) <= LEVEL_OF[package]:
                found.append(f"{package} may not import {name}")
    return found


@pytest.mark.parametrize(
    ("package", "source", "wrong"),
    [
        ("tokenization", "import lib.tokenization.bpe", 0),
        ("tokenization", "from lib.corpora import docs", 1),
        ("tokenization", "def f():\n    from lib.notebook.peek import peek", 1),
        ("training", "from lib.model.attention import attention", 0),
        ("training", "from lib.curation import filters", 1),
        ("model", "import lib.training.loop", 1),
        ("model", "from lib.kernels.gelu import gelu", 0),
        ("kernels", "from lib.model.norm import rms_norm", 1),
        ("model", "from lib import training", 1),
        ("model", "from . import attention", 1),
        ("notebook", "from lib.tensors import flops", 0),
    ],
)
def test_the_check_itself_can_tell(package, source, wrong):
    assert len(wrong_imports(package, source)) == wrong


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPO)))
def test_imports_point_downwards(path):
    package = path.relative_to(REPO / "lib").parts[0]
    if package == "__init__.py":
        assert wrong_imports("kernels", path.read_text(encoding="utf-8")) == []
    elif package != "assets":
        assert package in LEVEL_OF, f"draw lib/{package} into LEVELS"
        assert wrong_imports(package, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.name == "__init__.py"],
    ids=lambda path: path.parent.name,
)
def test_a_package_says_what_it_holds_and_exports_nothing(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exports = [name for node in top for name in imported(node) if name.startswith(("lib.", "."))]
    assert exports == [], "the import line is the address of the code"


def test_lib_is_this_one():
    """`lib` is a name that badly packaged distributions take, too."""
    assert [Path(folder).resolve() for folder in lib.__path__] == [REPO / "lib"]


@pytest.mark.parametrize("package", LIGHT)
def test_light_packages_pull_in_nothing_heavy(package):
    files = sorted((REPO / "lib" / package).glob("*.py"))
    names = [f"lib.{package}.{path.stem}".removesuffix(".__init__") for path in files]
    script = f"import sys, {', '.join(names)}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert HEAVY.isdisjoint(loaded.stdout.split())


def test_starting_lib_imports_no_package_at_all():
    script = "import sys; before = set(sys.modules); import lib; print(*set(sys.modules) - before)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    tops = {name.partition(".")[0] for name in loaded.stdout.split()} - {"lib"}
    assert {name for name in tops if not name.startswith("_")} <= sys.stdlib_module_names
