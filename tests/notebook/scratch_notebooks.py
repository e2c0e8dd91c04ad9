"""Small notebooks for tests: built in memory, as an author would have written them."""

from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.notebook.hygiene import SETUP_CELL
from lib.notebook.normal_form import fingerprint, normal_form


def notebook(*sources: str) -> nbformat.NotebookNode:
    """A code cell per source, each after a sentence, none of them run."""
    cells = []
    for i, source in enumerate(sources):
        cells.append(new_markdown_cell("A sentence.", id=f"text-{i}"))
        cells.append(new_code_cell(source, id=f"code-{i}"))
    return new_notebook(cells=cells)


def good_lecture() -> dict[str, Any]:
    """A lecture with nothing to complain about, in normal form."""
    nb = notebook(SETUP_CELL, "1 + 1", "print('hello')")
    for count, cell in enumerate((c for c in nb.cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
    nb.cells[3].outputs = [
        new_output("execute_result", {"text/plain": "2"}, execution_count=2),
        new_output("display_data", {"text/html": '<img alt="a rising line" src="data:,">'}),
    ]
    nb.cells[5].outputs = [new_output("stream", name="stdout", text="hello\n")]
    nb.metadata.lecture = {"executed": fingerprint(nb)}
    return normal_form(nb)
