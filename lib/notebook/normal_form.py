"""The one form in which a notebook is stored, so that running it again changes nothing in git.

Kept: sources, ids, tags, text, images, HTML. Dropped: what differs from run to run without meaning
anything (timings, the state of widgets, kernel versions, memory addresses).

    python -m lib.notebook.normal_form lectures     rewrites every notebook in a folder
"""

import copy
import hashlib
import re
import sys
from typing import Any

import nbformat

from lib.notebook.files import notebooks, write_whole

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
NOISE_OF_CELLS = {"execution", "ExecuteTime", "collapsed", "scrolled", "trusted"}
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}\b")
OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n)", re.MULTILINE)  # what a carriage return has erased


def normal_form(notebook: dict[str, Any]) -> dict[str, Any]:
    """A copy of the notebook without the noise of its last run."""
    nb = copy.deepcopy(notebook)
    nb["metadata"].pop("widgets", None)
    nb["metadata"]["kernelspec"] = dict(KERNEL)
    nb["metadata"]["language_info"] = {"name": "python"}
    nb["nbformat"], nb["nbformat_minor"] = 4, 5  # the first minor version with cell ids
    for cell in nb["cells"]:
        for key in NOISE_OF_CELLS & set(cell["metadata"]):
            del cell["metadata"][key]
        cell["source"] = joined(cell["source"])
        if cell["cell_type"] == "code":
            cell["outputs"] = _outputs(cell)
    return nb


def text_of(notebook: dict[str, Any]) -> str:
    """The notebook as its file has it: the same layout that JupyterLab writes."""
    return nbformat.writes(nbformat.from_dict(notebook)).rstrip("\n") + "\n"


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells that run, in order; empty ones do not."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [cell for cell in cells if joined(cell["source"]).strip()]


def fingerprint(notebook: dict[str, Any]) -> str:
    """SHA-256 over the code, kept in metadata.lecture.executed: which code made these outputs."""
    sources = [joined(cell["source"]) for cell in code_cells(notebook)]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def joined(text: str | list[str]) -> str:
    """Files may store a text as a list of its lines."""
    return text if isinstance(text, str) else "".join(text)


def _outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    kept = []
    for output in cell["outputs"]:
        output.pop("transient", None)
        if output["output_type"] == "execute_result":
            output["execution_count"] = cell["execution_count"]
        if output["output_type"] == "stream":
            output["text"] = ADDRESS.sub("at 0x…", joined(output["text"]))
        elif output["output_type"] == "error":
            output["traceback"] = [ADDRESS.sub("at 0x…", line) for line in output["traceback"]]
        else:
            output["data"] = _data(output["data"])
        if output.get("data") != {}:
            kept.append(output)
    return _streams(kept)


def _streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How a stream is cut into messages depends on timing: neighbours of one name become one."""
    merged: list[dict[str, Any]] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            merged.append(output)
    for output in merged:
        if output["output_type"] == "stream":
            output["text"] = OVERWRITTEN.sub("", output["text"])
    left = [output for output in merged if output.get("text") != ""]  # as progress bars leave it
    return left if len(left) == len(outputs) else _streams(left)  # removal makes new neighbours


def _data(data: dict[str, Any]) -> dict[str, Any]:
    """One output in its formats; a widget's live view goes, and with it a text left alone."""
    kept = {kind: value for kind, value in data.items() if kind != WIDGET_VIEW}
    if WIDGET_VIEW in data and set(kept) <= {"text/plain"}:
        return {}  # "VBox(children=…" tells nobody anything
    for kind in kept:
        if kind.startswith("text/"):
            kept[kind] = ADDRESS.sub("at 0x…", joined(kept[kind]))
    return kept


def main(folders: list[str]) -> int:
    for path in notebooks(folders):
        stored = path.read_text(encoding="utf-8")
        normal = text_of(normal_form(nbformat.reads(stored, as_version=4)))
        if normal != stored:
            write_whole(path, normal)
            print(f"normalised {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
