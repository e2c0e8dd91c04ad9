"""The rules that every stored lecture keeps, each a small function that says what is wrong where.

A lecture is stored as one run from top to bottom left it, so that what a reader sees before running
anything is true; and in one form, so that running it again changes nothing.

    python -m lib.notebook.hygiene lectures     names every problem in a folder
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat

from lib.notebook.files import REPO, notebooks
from lib.notebook.normal_form import code_cells, fingerprint, joined, normal_form, text_of

SETUP_CELL = (
    "# If this says \"No module named 'lib'\": run  python run.py lab  in the course folder, "
    "then reopen this page.\n%load_ext lib.notebook"
)
NOTEBOOK_BYTES = 1_500_000
OUTPUT_BYTES = 400_000
CELL_LINES = 25
CELLS_WITHOUT_TEXT = 3  # so many code cells may follow one another
SHARE_AFTER_TEXT = 0.75  # and so many of all code cells directly follow a sentence

MEANINGFUL_ID = re.compile(r"(?=.*[a-z]{3})[a-z0-9]+([-_][a-z0-9]+)*")
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]*)?|cell-?\d+")
INSTALLS = re.compile(r"^\s*(!|%|%%bash\b.*\n)\s*(python\S*\s+-m\s+)?(pip|conda|mamba|uv)\b", re.M)
ADDRESS = re.compile(
    r"\b0x[0-9a-fA-F]{9,}\b"
)  # longer than any constant a lecture has reason to show
SOMEBODYS = r"/home/\w+/|/Users/\w+/|/root/|[A-Z]:\\+Users\\|/ipykernel_\d+/"
IMAGE = re.compile(r"<img\b[^>]*>", re.I)
ALT = re.compile(r"""\balt\s*=\s*("[^"]*\w[^"]*"|'[^']*\w[^']*')""")
MARKDOWN_IMAGE_WITHOUT_ALT = re.compile(r"!\[\W*\]\(")

Notebook = dict[str, Any]
Rule = Callable[[Notebook], Iterator[str]]


def problems(notebook: Notebook, text: str | None = None) -> list[str]:
    """What is wrong with a notebook, one sentence each; `text` is its file, if it has one."""
    found = [problem for rule in RULES for problem in rule(notebook)]
    return found + ([] if text is None else list(_file(notebook, text)))


def problems_of_file(path: Path) -> list[str]:
    """What is wrong with the notebook in a file, its size and layout included."""
    text = path.read_bytes().decode("utf-8")
    return problems(nbformat.reads(text, as_version=4), text)


# -- how it was run ------------------------------------------------------------------------------


def order(nb: Notebook) -> Iterator[str]:
    counts = [cell.get("execution_count") for cell in code_cells(nb)]
    if not any(counts):
        yield "stored without outputs: python run.py lectures --save"
    elif counts != list(range(1, len(counts) + 1)):
        yield f"not one run from top to bottom: the cells ran as {counts}"


def errors(nb: Notebook) -> Iterator[str]:
    for cell, output in _outputs(nb):
        if output["output_type"] == "error":
            yield f"cell '{cell['id']}' stores an error: {output['ename']}"


def executed(nb: Notebook) -> Iterator[str]:
    if nb["metadata"].get("lecture", {}).get("executed") != fingerprint(nb):
        yield "the outputs do not come from this code: python run.py lectures --save"


def kernel(nb: Notebook) -> Iterator[str]:
    name = nb["metadata"].get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"the kernel is called {name!r}, on other machines it is 'python3'"


def widget_state(nb: Notebook) -> Iterator[str]:
    if "widgets" in nb["metadata"]:
        yield "the state of widgets is stored in the metadata: python run.py format"


# -- how it reads ---------------------------------------------------------------------------------


def setup(nb: Notebook) -> Iterator[str]:
    sources = [joined(cell["source"]).strip() for cell in code_cells(nb)]
    if sources[:1] != [SETUP_CELL]:
        yield f"the first code cell is not the set-up cell, which reads:\n{SETUP_CELL}"
    if any("%load_ext" in source for source in sources[1:]):
        yield "only the set-up cell loads extensions"


def installs(nb: Notebook) -> Iterator[str]:
    for cell in code_cells(nb):
        if INSTALLS.search(joined(cell["source"])):
            yield f"cell '{cell['id']}' installs something: name it in requirements.txt instead"


def ids(nb: Notebook) -> Iterator[str]:
    names = [cell.get("id", "") for cell in nb["cells"]]
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{count} cells have the id '{name}'"
        if not MEANINGFUL_ID.fullmatch(name) or RANDOM_ID.fullmatch(name):
            yield f"the id '{name}' means nothing: write a few words, such as 'merge-two-pairs'"


def explained(nb: Notebook) -> Iterator[str]:
    run, alone, total = 0, 0, 0
    for cell in nb["cells"]:
        if cell["cell_type"] != "code":
            run = 0
            continue
        run, total = run + 1, total + 1
        alone += run > 1
        if run == CELLS_WITHOUT_TEXT + 1:
            yield f"cell '{cell['id']}' is number {run} in a row without a sentence between"
    if total and 1 - alone / total < SHARE_AFTER_TEXT:
        yield f"{alone} of {total} code cells do not follow a sentence"


def length(nb: Notebook) -> Iterator[str]:
    for cell in code_cells(nb):
        lines = joined(cell["source"]).count("\n") + 1
        if lines > CELL_LINES:
            yield f"cell '{cell['id']}' has {lines} lines, a screen holds {CELL_LINES}"


# -- what it shows --------------------------------------------------------------------------------


def pictures(nb: Notebook) -> Iterator[str]:
    for cell, output in _outputs(nb):
        bare = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
        if bare:
            yield f"cell '{cell['id']}' shows a bare {bare[0]}, which cannot carry alt text"
    for cell, html in _html(nb):
        silent = [tag for tag in IMAGE.findall(html) if not ALT.search(tag)]
        if silent or (cell["cell_type"] == "markdown" and MARKDOWN_IMAGE_WITHOUT_ALT.search(html)):
            yield f"cell '{cell['id']}' shows a picture without alt text"


def machine(nb: Notebook) -> Iterator[str]:
    """Paths and addresses of the machine that ran it differ on every other."""
    paths = re.compile("|".join([re.escape(str(REPO)), SOMEBODYS]))
    for cell, output in _outputs(nb):
        shown = "".join(_texts(output))
        if path := paths.search(shown):
            yield f"cell '{cell['id']}' shows a path of one machine ({path[0]}…)"
        if ADDRESS.search(shown):
            yield f"cell '{cell['id']}' shows a memory address"


def output_size(nb: Notebook) -> Iterator[str]:
    for cell, output in _outputs(nb):
        size = len(str(output.get("data", output.get("text", ""))))
        if size > OUTPUT_BYTES:
            yield f"cell '{cell['id']}' has an output of {size // 1000} kB, more than is readable"


def _file(nb: Notebook, text: str) -> Iterator[str]:
    size = len(text.encode())
    if size > NOTEBOOK_BYTES:
        yield f"{size // 1000} kB, at most {NOTEBOOK_BYTES // 1000} are allowed"
    if text != text_of(normal_form(nb)):
        yield "not in normal form: python run.py format"


def _outputs(nb: Notebook) -> Iterator[tuple[Notebook, Notebook]]:
    for cell in nb["cells"]:
        for output in cell.get("outputs", []):
            yield cell, output


def _texts(output: Notebook) -> Iterator[str]:
    """Everything in an output that a reader can read; pictures inside HTML are left out."""
    yield joined(output.get("text", ""))
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/"):
            yield re.sub(r'"data:image/[^"]*"', "", joined(value))


def _html(nb: Notebook) -> Iterator[tuple[Notebook, str]]:
    """HTML in outputs and in text."""
    for cell, output in _outputs(nb):
        if "text/html" in output.get("data", {}):
            yield cell, joined(output["data"]["text/html"])
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown":
            yield cell, joined(cell["source"])


RULES: list[Rule] = [order, errors, executed, kernel, widget_state]
RULES += [setup, installs, ids, explained, length]
RULES += [pictures, machine, output_size]


def main(folders: list[str]) -> int:
    found = {path: problems_of_file(path) for path in notebooks(folders)}
    for path, sentences in found.items():
        for sentence in sentences:
            print(f"{path}: {sentence}")
    bad = sum(1 for sentences in found.values() if sentences)
    print(f"{bad} of {len(found)} notebooks need attention." if bad else "Notebooks: all in order.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
