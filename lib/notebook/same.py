"""Compare two runs of the same notebook: a lecture must show the same numbers every time.

Cells whose numbers depend on the clock or the machine carry the tag `varies` and are left out.
"""

import difflib
from typing import Any

from lib.notebook.normal_form import code_cells, joined, normal_form


def first_difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """A text about the first cell whose outputs differ; empty if there is none."""
    pairs = zip(code_cells(normal_form(one)), code_cells(normal_form(other)), strict=True)
    for first, second in pairs:
        if "varies" in first["metadata"].get("tags", []):
            continue
        before, after = _lines(first), _lines(second)
        if before != after:
            return _report(first, before, after)
    return ""


def _lines(cell: dict[str, Any]) -> list[str]:
    """The outputs as lines of text; of several formats of one output, all.

    What is printed comes first: some runners join what stands before and after a picture.
    """
    lines = []
    for output in sorted(cell["outputs"], key=_streams_first):
        formats = output.get("data") or {output.get("name", "error"): output.get("text", "")}
        for kind, value in sorted(formats.items()):  # files sort them, kernels do not
            text = joined(value) if isinstance(value, str | list) else repr(value)
            lines += [f"{kind}: {line}" for line in text.splitlines()]
    return lines


def _streams_first(output: dict[str, Any]) -> tuple[bool, str]:
    return output["output_type"] != "stream", output.get("name", "")


def _report(cell: dict[str, Any], before: list[str], after: list[str]) -> str:
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    shown = [line if len(line) <= 160 else line[:157] + "…" for line in changes[:6]]
    name = cell.get("id", "?")
    return "\n".join(
        [
            f"Cell '{name}' showed something else the second time (- first, + second):",
            "",
            *(f"    {line}" for line in shown),
            "",
            "Seed what is random. If the numbers must vary, as timings do, tag the cell `varies`.",
        ]
    )
