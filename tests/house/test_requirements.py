"""The lists of packages: complete, pinned once, and the same in the lock."""

import ast
import json
import re
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)\s*(?:;\s*([^#\n]*[^#\s]))?", re.M)

# Imported under a name that no requirement line has, and why that is right all the same.
COMES_WITH = {"IPython": "ipykernel", "jupyter_client": "nbclient", "traitlets": "ipywidgets"}
# used where someone has installed them
OPTIONAL = {"rustbpe", "trafilatura", "fasttext", "ray", "datasets", "kenlm"}


def pins(name: str) -> dict[str, tuple[str, str]]:
    """Package -> (version, marker) of one requirements file."""
    text = (REPO / name).read_text(encoding="utf-8")
    return {key.lower(): (version, marker) for key, version, marker in PIN.findall(text)}


def foreign_imports(source: str) -> set[str]:
    """Top-level names that a piece of code imports from outside the standard library and lib."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"lib"}


def code_of(path: Path) -> str:
    """Python source of a module, or of a notebook without its magics."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def unnamed(folder: str, listed: set[str]) -> dict[str, str]:
    """Imports below a folder that no listed distribution provides -> the file that has them."""
    missing = {}
    files = [path for path in (REPO / folder).rglob("*") if path.suffix in (".py", ".ipynb")]
    local = {path.stem for path in files}  # tests import helpers that lie beside them
    local |= {path.parent.name for path in files}  # and assignments packages
    provided = packages_distributions()
    for path in files:
        for name in foreign_imports(code_of(path)) - local - OPTIONAL:
            owners = {owner.lower() for owner in provided.get(name, [name])}
            if COMES_WITH.get(name) not in listed and not owners & listed:
                missing[name] = str(path.relative_to(REPO))
    return missing


@pytest.mark.parametrize("folder", ["lib", "lectures", "assignments"])
def test_what_learners_import_is_in_requirements_txt(folder):
    assert unnamed(folder, set(pins("requirements.txt"))) == {}


def test_what_tests_import_is_in_one_of_the_lists():
    assert unnamed("tests", set(pins("requirements.txt")) | set(pins("requirements-dev.txt"))) == {}


def test_the_check_of_imports_can_tell():
    assert foreign_imports("import os, torch.nn\ndef f():\n    from PIL import Image") == {
        "torch",
        "PIL",
    }
    assert unnamed("lib", set()) != {}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_line_is_an_exact_pin(name):
    lines = (REPO / name).read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line.strip() and not line.startswith(("#", "-"))]
    assert wanted and all(PIN.match(line) for line in wanted)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_lock_has_every_direct_dependency_at_the_same_version(name):
    locked = pins("constraints.txt")
    for package, (version, _) in pins(name).items():
        assert locked[package][0] == version, f"{package}: run  python run.py lock"


def test_the_lock_also_pins_what_stands_behind_them():
    locked, direct = (
        pins("constraints.txt"),
        pins("requirements.txt") | pins("requirements-dev.txt"),
    )
    assert len(locked) > 3 * len(direct)
    assert {"tornado", "pyzmq", "ipython", "sympy"} <= set(locked)


def test_the_lock_suits_every_machine():
    """No index, no path, no build for one kind of hardware, no system that must have CUDA."""
    text = (REPO / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|^-|\+cpu|\+cu\d", text, re.M)
    for package, (_, marker) in pins("constraints.txt").items():
        if package.startswith(("nvidia", "cuda", "triton")):
            assert "sys_platform == 'linux'" in marker, package


def test_triton_is_the_one_that_torch_demands():
    demanded = [line for line in requires("torch") or [] if line.startswith("triton")]
    version = pins("requirements.txt")["triton"][0]
    assert all(f"=={version}" in line.replace(" ", "") for line in demanded)
